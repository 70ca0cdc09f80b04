"""Write a file atomically: it appears as a whole or not at all."""

from __future__ import annotations

import errno
import io
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import IO, Any, Final, Protocol, TypeVar

from frformat.format.leftovers import FULL, temporary_file

SUFFIX: Final = ".frformat-tmp"
"""End of the names of temporary files."""

NAME_BYTES: Final = 200
"""Size of the longest part of a file's name in the name of its temporary file. Most systems allow 255 bytes in all."""

StrPath = str | os.PathLike[str]


class Closable(Protocol):
    """A file, or an archive."""

    def close(self) -> None:
        """Write what is left, and close the file."""


Closed = TypeVar("Closed", bound=Closable)


@contextmanager
def replacing(path: StrPath) -> Iterator[IO[bytes]]:
    """Yield a binary file that replaces ``path`` if the block ends without an error, and is deleted otherwise.

    The file is written next to ``path``, so that the last step is one rename. Symbolic links are followed, and the
    permissions of a replaced file are kept. Files that killed processes left behind while they wrote ``path`` are
    removed.

    Raises:
        OSError: the folder is not writable, or ``path`` is something other than a file (a folder, a device).
    """
    check_writable(path)
    given, path = os.fspath(path), os.path.realpath(path)
    folder, name = os.path.split(path)
    with ExitStack() as stack:
        try:
            temporary = stack.enter_context(temporary_file(folder, f".{_beginning(name)}.", SUFFIX))
        except OSError as error:
            if error.filename is not None:
                error.filename = given  # not the temporary name
            raise
        try:
            with closing(io.BufferedWriter(_Destination(temporary, given))) as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            os.chmod(temporary, _mode(path))
            os.replace(temporary, path)
        except OSError as error:
            if error.filename is None and error.errno in FULL:  # it may be another temporary file of the folder
                error.filename = given
            raise


@contextmanager
def closing(file: Closed) -> Iterator[Closed]:
    """Close a file at the end of a ``with`` block.

    Closing writes what has not been written yet, and can fail. If the block has failed, only its own error counts.
    """
    try:
        yield file
    except BaseException:
        with suppress(Exception):
            file.close()
        raise
    file.close()


def check_writable(path: StrPath) -> None:
    """Check that :func:`replacing` can write ``path``; call this before long work.

    Raises:
        OSError: the folder does not exist, ``path`` is something other than a file (a folder, a device), or its name is
            too long.
    """
    path = os.path.realpath(path)
    if os.path.exists(path) and not os.path.isfile(path):
        raise OSError(f"{path} exists and is not a file")
    if not os.path.isdir(os.path.dirname(path)):
        raise FileNotFoundError(errno.ENOENT, "the folder does not exist", os.path.dirname(path))
    with suppress(FileNotFoundError):
        os.lstat(path)  # raises an error if the name is too long


class _Destination(io.FileIO):
    """A new file whose errors, such as a full disk, name the file that it will replace."""

    def __init__(self, temporary: str, path: str) -> None:
        super().__init__(temporary, "wb")
        self._path = path

    def write(self, data: Any, /) -> int:
        """See :class:`io.FileIO`."""
        try:
            return super().write(data)
        except OSError as error:
            error.filename = self._path
            raise


def _beginning(name: str) -> str:
    """Return a name without what exceeds :data:`NAME_BYTES`."""
    name = name[:NAME_BYTES]
    while len(os.fsencode(name)) > NAME_BYTES:
        name = name[:-1]
    return name


def _mode(path: str) -> int:
    """Return the permissions of the file to be replaced, or those that a new file gets."""
    try:
        return os.stat(path).st_mode & 0o7777
    except OSError:
        mask = os.umask(0)
        os.umask(mask)
        return 0o666 & ~mask
