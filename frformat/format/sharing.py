"""Share an open file among threads and forked processes."""

from __future__ import annotations

import io
import os
from threading import RLock
from typing import IO, Any, ClassVar, Final
from weakref import WeakSet

StrPath = str | os.PathLike[str]

PIECE: Final = 1 << 20
"""Number of bytes to read at a time."""


def shared(path: StrPath) -> IO[bytes]:
    """Open a file for reading. Where ``pread`` exists, its position is not shared with forked processes."""
    return SharedFile(path) if hasattr(os, "pread") else open(path, "rb")


class Lock:
    """A reentrant lock that is free in a forked process, even if a thread of the parent process held it."""

    _all: ClassVar[WeakSet[Lock]] = WeakSet()

    def __init__(self) -> None:
        self._lock = RLock()
        self._all.add(self)

    def __enter__(self) -> None:
        self._lock.acquire()

    def __exit__(self, *error: object) -> None:
        self._lock.release()

    @classmethod
    def free_all(cls) -> None:
        """Replace all locks. The threads that held them do not exist in this process."""
        for each in cls._all:
            each._lock = RLock()


class SharedFile(io.FileIO):
    """A file for reading whose position is not shared with forked processes. A read returns less only at the end."""

    _at = 0

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:  # noqa: D102
        starts = {os.SEEK_SET: 0, os.SEEK_CUR: self._at}
        self._at = offset + (starts[whence] if whence in starts else super().seek(0, whence))
        return self._at

    def tell(self) -> int:  # noqa: D102
        return self._at

    def readinto(self, buffer: Any, /) -> int:  # noqa: D102
        to = memoryview(buffer).cast("B")
        done = 0
        while done < len(to):
            data = os.pread(self.fileno(), min(PIECE, len(to) - done), self._at)
            if not data:
                break
            to[done : done + len(data)] = data
            self._at += len(data)
            done += len(data)
        return done

    read = io.RawIOBase.read  # type: ignore[assignment]  # calls readinto
    readall = io.RawIOBase.readall


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=Lock.free_all)
