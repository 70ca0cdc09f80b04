"""Files that commands write: never over another one unasked, and named in every error."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager

import click

force_option = click.option("--force", is_flag=True, help="Replace the output file if it exists.")


@contextmanager
def writing(path: str, force: bool) -> Iterator[None]:
    """Check that ``path`` may be written before any work is done; put its name into errors that have none.

    Raises:
        OSError: the file exists and ``force`` is not given, it is no file, or its folder is missing or not writable.
    """
    folder = os.path.dirname(path) or "."
    if os.path.lexists(path) and not force:
        raise FileExistsError(errno.EEXIST, "it exists; --force replaces it", path)
    if os.path.exists(path) and not os.path.isfile(path):
        raise OSError(errno.EINVAL, "it is not a file that could be replaced", path)
    if not os.path.isdir(folder):
        raise FileNotFoundError(errno.ENOENT, f"there is no folder {folder}", path)
    if not os.access(folder, os.W_OK):
        raise PermissionError(errno.EACCES, f"the folder {folder} is not writable", path)
    try:
        yield
    except OSError as error:
        if error.filename is None:
            error.filename = path
        raise
