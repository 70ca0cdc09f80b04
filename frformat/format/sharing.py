"""Read files completely, and share them among threads and forked processes."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from contextlib import AbstractContextManager
from threading import RLock
from typing import IO, Any, ClassVar, Final
from weakref import WeakSet

from frformat.errors import FrzError

StrPath = str | os.PathLike[str]

PIECE: Final = 1 << 20
"""Number of bytes to read at a time."""


def shared(path: StrPath) -> IO[bytes]:
    """Open a file for reading. Where ``pread`` exists, its position is not shared with forked processes."""
    return SharedFile(path) if hasattr(os, "pread") else open(path, "rb")


class Lock:
    """A reentrant lock that is free in a forked process, even if a thread of the parent process held it.

    Use it as ``with lock.held:``. Methods ``__enter__`` and ``__exit__`` of this class would be Python code, which a
    signal can interrupt after the lock is acquired or before it is released; it would then be held forever.

    Attributes:
        held: the context manager; always take it from here, as a fork replaces it.
    """

    _all: ClassVar[WeakSet[Lock]] = WeakSet()

    def __init__(self) -> None:
        self.held: AbstractContextManager[Any] = RLock()
        self._all.add(self)

    @classmethod
    def free_all(cls) -> None:
        """Replace all locks. The threads that held them do not exist in this process."""
        for each in cls._all:
            each.held = RLock()


class SharedFile(io.FileIO):
    """A file for reading whose position is not shared with forked processes. A read returns less only at the end.

    Raises:
        FrzError: ``CHECKSUM``, from a read: the file has changed since it was opened.
    """

    _at = 0

    def __init__(self, path: StrPath) -> None:
        super().__init__(path)
        self._state = self._now()

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
        # Parts of two versions can have valid checksums. Only a check after reading covers what was read.
        if self._now() != self._state:
            raise FrzError("CHECKSUM", "the file has changed since it was opened: open it again")
        return done

    def _now(self) -> tuple[int, int]:
        """Return the file's size and the time of its last change."""
        found = os.fstat(self.fileno())
        return found.st_size, found.st_mtime_ns

    read = io.RawIOBase.read  # type: ignore[assignment]  # calls readinto
    readall = io.RawIOBase.readall


class FileObject:
    """A caller's file object. A read returns less only at the end, whatever the object's own reads do.

    Args:
        file: a seekable binary file.

    Raises:
        TypeError: it is not a binary file.
        OSError: it is not seekable, or it has no data yet.
    """

    def __init__(self, file: IO[bytes]) -> None:
        if not (hasattr(file, "read") and hasattr(file, "seek")):
            raise TypeError(f"an object of type {type(file).__name__} is no path, no bytes, and no seekable file")
        self._file = file
        try:
            self.seek(0)
        except io.UnsupportedOperation as error:
            raise io.UnsupportedOperation("this file is not seekable: read it, and pass its bytes") from error

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:  # noqa: D102
        at: int | None = self._file.seek(offset, whence)
        return self._file.tell() if at is None else at

    def read(self, size: int, /) -> bytes:  # noqa: D102
        return b"".join(self._pieces(size))

    def readinto(self, buffer: Any, /) -> int:  # noqa: D102
        to = memoryview(buffer).cast("B")
        done = 0
        for piece in self._pieces(len(to)):
            to[done : done + len(piece)] = piece
            done += len(piece)
        return done

    def close(self) -> None:  # noqa: D102
        self._file.close()

    def _pieces(self, size: int) -> Iterator[bytes]:
        """Yield the next ``size`` bytes, or as many as remain, in pieces."""
        while size:
            piece = self._file.read(min(PIECE, size))
            if piece is None:
                raise BlockingIOError("this file has no data yet: read it completely, and pass its bytes")
            if isinstance(piece, str):
                raise TypeError("this file is in text mode: open it in binary mode")
            if not piece:
                return
            yield piece
            size -= len(piece)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=Lock.free_all)
