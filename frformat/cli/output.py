"""Files that commands write: never over another one unasked, and named in every error."""

from __future__ import annotations

import errno
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, redirect_stdout
from typing import Final

import click

force_option = click.option("--force", is_flag=True, help="Replace the output file if it exists.")


STDOUT: Final = "-"
"""As an output: standard output, which then gets nothing else."""


@contextmanager
def writing(path: str, force: bool) -> Iterator[str]:
    """Check that ``path`` may be written before any work is done; put its name into errors that have none.

    Yields:
        Where to write: ``path``, or a file that becomes standard output when all went well.

    Raises:
        OSError: the file exists and ``force`` is not given, it is no file, or its folder is missing or not writable.
    """
    if path == STDOUT:
        with tempfile.TemporaryDirectory(prefix="frformat-") as place:
            made = os.path.join(place, "output")
            yield made
            with open(made, "rb") as file:
                shutil.copyfileobj(file, sys.stdout.buffer)
        return
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
        yield path
    except OSError as error:
        if error.filename is None:
            error.filename = path
        raise


def telling(path: str) -> AbstractContextManager[object]:
    """What is told of an output on standard output goes to standard error."""
    return redirect_stdout(sys.stderr) if path == STDOUT else nullcontext()
