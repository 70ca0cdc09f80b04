"""Mark temporary files as in use, and remove those that killed processes left behind.

A process locks each of its temporary files and folders. The system releases the lock when the process ends, however it
ends, so whatever is not locked belongs to no running process. Where files cannot be locked (Windows, some network
disks), nothing is removed.
"""

from __future__ import annotations

import errno
import os
import re
import secrets
import shutil
import string
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from typing import Final

PREFIX: Final = "frformat-temporary-"
"""Start of the names of files and folders in the system's folder for temporary files."""

CHARACTERS: Final = string.ascii_lowercase + string.digits + "_"
"""What the random part of a name consists of."""

RANDOM: Final = f"[{CHARACTERS}]{{8}}"
"""Matches the random part of a name."""

FULL: Final = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
"""Errors of a disk without space."""

TRIES: Final = 100
"""How often to create a temporary file before giving up; another process may remove one before it is locked."""

if sys.platform == "win32":

    def locked(path: str) -> int | None:
        """Raise an OSError."""
        raise OSError("open files cannot be removed on Windows")

else:
    import fcntl

    def locked(path: str) -> int | None:
        """Lock a file or folder without waiting.

        Returns:
            The descriptor whose closing releases the lock; None if a process holds the lock.

        Raises:
            OSError: there is no such file or folder, or it cannot be locked.
        """
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(descriptor)
            if isinstance(error, BlockingIOError):
                return None
            raise
        return descriptor


@contextmanager
def in_use(
    folder: str, prefix: str, suffix: str, create: Callable[[str], object], remove: Callable[[str], object]
) -> Iterator[str]:
    """Create a temporary file or folder, and mark it as in use within a ``with`` block; then remove it.

    A signal can end the process as soon as the file exists, so its removal is prepared before. A process that is forked
    within the block removes nothing: the file belongs to its parent.

    Args:
        folder: where to create it.
        prefix: the start of its name.
        suffix: the end of its name.
        create: creates a new file or folder with this path, and raises FileExistsError if there is one.
        remove: removes what has this path, if anything has.

    Raises:
        OSError: ``create`` raised it.
    """
    owner = os.getpid()

    def remove_own(path: str) -> None:
        if os.getpid() == owner:
            remove(path)

    for _ in range(TRIES):
        path = os.path.join(folder, f"{prefix}{''.join(secrets.choice(CHARACTERS) for _ in range(8))}{suffix}")
        with ExitStack() as stack:
            stack.callback(remove_own, path)
            try:
                create(path)
            except FileExistsError:  # it is not ours
                stack.pop_all()
                continue
            try:
                descriptor = locked(path)
            except FileNotFoundError:  # another process removed it before it was locked
                continue
            except OSError:  # it cannot be locked, so no process will remove it
                descriptor = -1
            if descriptor is None:  # another process is about to remove it
                continue
            if descriptor >= 0:
                stack.callback(os.close, descriptor)
            if os.path.lexists(path):
                yield path
                return
    raise OSError(f"{path}: another process removes temporary files before they can be locked")


@contextmanager
def temporary_file(folder: str, prefix: str, suffix: str = "") -> Iterator[str]:
    """Create an empty file, and remove those that killed processes left behind.

    At the end of the ``with`` block, the file is removed unless it has been renamed.

    Args:
        folder: the folder in which to create it.
        prefix: start of its name.
        suffix: end of its name. All files in ``folder`` with this prefix and suffix must be temporary.

    Raises:
        OSError: it cannot be created.
    """

    def create(path: str) -> None:
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))

    def remove(path: str) -> None:
        with suppress(OSError):
            os.unlink(path)

    remove_leftovers(folder, prefix, suffix)
    with in_use(folder, prefix, suffix, create, remove) as path:
        yield path


@contextmanager
def temporary_folder(prefix: str, parent: str | None = None) -> Iterator[str]:
    """Create a folder that is removed after a ``with`` block, and remove those that killed processes left behind.

    Args:
        prefix: start of its name. All folders and files in ``parent`` that begin with it must be temporary.
        parent: the folder in which to create it; None means the system's folder for temporary files.

    Raises:
        OSError: it cannot be created.
    """
    parent = parent or tempfile.gettempdir()
    remove_leftovers(parent, prefix)
    with in_use(
        parent, prefix, "", partial(os.mkdir, mode=0o700), partial(shutil.rmtree, ignore_errors=True)
    ) as folder:
        yield folder


@contextmanager
def copying(name: str) -> Iterator[None]:
    """Add a file name to errors of a ``with`` block that copies a stream to the system's folder for temporary files.

    Args:
        name: name of the stream. If the disk is full, the error names the folder instead.
    """
    try:
        yield
    except OSError as error:
        if error.filename is None:
            error.filename = tempfile.gettempdir() if error.errno in FULL else name
        raise


def remove_leftovers(folder: str, prefix: str, suffix: str = "") -> None:
    """Remove the temporary files and folders in ``folder`` that no running process has marked as in use.

    Args:
        folder: where to look; subfolders are not searched.
        prefix: the start of their names.
        suffix: the end of their names.
    """
    name = re.compile(re.escape(prefix) + RANDOM + re.escape(suffix))
    with suppress(OSError), os.scandir(folder) as entries:
        for path in [entry.path for entry in entries if name.fullmatch(entry.name)]:
            with suppress(OSError):
                _remove(path)


def _remove(path: str) -> None:
    descriptor = locked(path)
    if descriptor is None:
        return
    try:
        if os.path.isdir(path):
            shutil.rmtree(path)
        else:
            os.unlink(path)
    finally:
        os.close(descriptor)
