"""Write a file atomically: it appears as a whole or not at all."""

from __future__ import annotations

import errno
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

StrPath = str | os.PathLike[str]


@contextmanager
def replacing(path: StrPath) -> Iterator[IO[bytes]]:
    """Yield a binary file that replaces ``path`` if the block ends without an error, and is deleted otherwise.

    The file is written next to ``path``, so that the last step is one rename. Symbolic links are followed, and the
    permissions of a replaced file are kept.

    Raises:
        OSError: the folder is not writable, or ``path`` is something other than a file (a folder, a device).
    """
    path = os.path.realpath(path)
    if os.path.exists(path) and not os.path.isfile(path):
        raise OSError(f"{path} exists and is not a file")
    folder, name = os.path.split(path)
    if not os.path.isdir(folder):
        raise FileNotFoundError(errno.ENOENT, "the folder does not exist", folder)
    handle, temporary = tempfile.mkstemp(prefix=f".{name}.", suffix=".tmp", dir=folder)
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, _mode(path))
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


def _mode(path: str) -> int:
    """Return the permissions of the file to be replaced, or those that a new file gets."""
    try:
        return os.stat(path).st_mode & 0o7777
    except OSError:
        mask = os.umask(0)
        os.umask(mask)
        return 0o666 & ~mask
