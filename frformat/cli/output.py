"""Write output files. Existing files are replaced only on request, and every error names the file."""

from __future__ import annotations

import errno
import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, redirect_stdout
from typing import Final

import click

from frformat.errors import EncodeError
from frformat.format.leftovers import PREFIX, temporary_folder

force_option = click.option("--force", is_flag=True, help="Replace the output file if it exists.")


STDOUT: Final = "-"
"""As an output path, this means standard output, which then receives nothing else."""


@contextmanager
def writing(path: str, force: bool, *, dash: bool = False, extension: str = "") -> Iterator[str]:
    """Check, before any work is done, that ``path`` can be written; add its name to errors that have none.

    Args:
        path: the output file.
        force: whether to replace an existing file.
        dash: whether :data:`STDOUT` means standard output; otherwise, it is a file name like any other.
        extension: the extension that a file must have, if any.

    Yields:
        The path to write to: ``path``, or with ``dash``, a file that is copied to standard output on success.

    Raises:
        EncodeError: the extension is another one.
        OSError: the file exists and ``force`` is not set, it is not a file, its folder is missing or not writable, or
            standard output is a terminal.
    """
    if dash and path == STDOUT:
        if sys.stdout.isatty():
            reason = "the output is not text: redirect it to a file or a pipe, or name a file"
            raise OSError(errno.EINVAL, reason, path)
        with temporary_folder(PREFIX) as place:
            made = os.path.join(place, "output")
            yield made
            with open(made, "rb") as file:
                shutil.copyfileobj(file, sys.stdout.buffer)
        return
    if not path:
        raise FileNotFoundError(errno.ENOENT, "the name of the output file is empty", path)
    folder = os.path.dirname(path) or "."
    if os.path.exists(path) and not os.path.isfile(path):
        raise OSError(errno.EINVAL, "it is not a regular file, so it cannot be replaced", path)
    if os.path.lexists(path) and not force:
        raise FileExistsError(errno.EEXIST, "it exists; use --force to replace it", path)
    if not os.path.isdir(folder):
        raise FileNotFoundError(errno.ENOENT, f"the folder {folder} does not exist", path)
    if not os.access(folder, os.W_OK):
        raise PermissionError(errno.EACCES, f"the folder {folder} is not writable", path)
    own = os.path.splitext(path)[1].lower()
    if extension and own != extension:
        raise EncodeError(f"{path}: cannot write {own or 'a file without an extension'}; use {extension}")
    try:
        yield path
    except OSError as error:
        if error.filename is None:
            error.filename = path
        raise


def messages_redirected(path: str) -> AbstractContextManager[object]:
    """Redirect messages to standard error if the output goes to standard output."""
    return redirect_stdout(sys.stderr) if path == STDOUT else nullcontext()
