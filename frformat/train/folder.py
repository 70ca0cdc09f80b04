"""The folder of a run, in which only one process may train at a time."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from frformat.format.atomic import check_writable
from frformat.format.leftovers import locked


@contextmanager
def occupied(place: Path, *names: str) -> Iterator[None]:
    """Create a folder if necessary, check that files can be written there, and occupy it within a ``with`` block.

    Two runs in one folder would replace each other's checkpoints and results. Whatever the block leaves empty of the
    folders that were created is removed. On disks without locks (see :mod:`frformat.format.leftovers`), the folder is
    created but not occupied.

    Args:
        place: the folder.
        names: names of the files.

    Raises:
        OSError: another run occupies the folder, or it or the files cannot be created.
    """
    created = [each for each in (place, *place.parents) if not each.exists()]
    with ExitStack() as stack:
        for each in reversed(created):
            stack.callback(_remove_if_empty, each)
        if place.exists() and not place.is_dir():
            raise NotADirectoryError(errno.ENOTDIR, "it is not a folder", os.fspath(place))
        place.mkdir(parents=True, exist_ok=True)
        descriptor: int | None = -1
        with suppress(OSError):  # it cannot be locked
            descriptor = locked(os.fspath(place))
        if descriptor is None:
            advice = "another run is in progress in this folder: wait until it ends, or choose another folder"
            raise BlockingIOError(errno.EAGAIN, advice, os.fspath(place))
        if descriptor >= 0:
            stack.callback(os.close, descriptor)
        for name in names:
            check_writable(place / name)
        yield


def _remove_if_empty(folder: Path) -> None:
    with suppress(OSError):
        folder.rmdir()
