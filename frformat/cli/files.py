"""Open files named on the command line: paths, pipes and ``-`` for standard input."""

from __future__ import annotations

import shutil
import sys
import tempfile
from dataclasses import dataclass
from typing import IO, Final

from frformat.format import limits, reader
from frformat.format.leftovers import copying
from frformat.format.reader import FrzFile
from frformat.format.sharing import shared


@dataclass(frozen=True)
class InputFile:
    """An input file.

    Attributes:
        file: its path.
        bytes: its size.
    """

    file: str
    bytes: int


@dataclass(frozen=True)
class Opening:
    """How to open an ``.frz`` file.

    Attributes:
        base: the base of a delta file; None for other files.
        tier: the capacity tier; None for the largest one present.
        memory_budget: number of bytes that a request may use.
    """

    base: str | None = None
    tier: int | None = None
    memory_budget: int = limits.MEMORY_BUDGET


DEFAULT: Final = Opening()


def source(path: str) -> IO[bytes]:
    """Open ``path`` as a seekable binary file; data from a pipe goes into a temporary file first.

    Raises:
        OSError: ``path`` cannot be read.
    """
    if path == "-":
        return _spooled(sys.stdin.buffer, path)
    with open(path, "rb") as file:
        if not file.seekable():
            return _spooled(file, path)
    return shared(path)


def open_frz(path: str, opening: Opening = DEFAULT, name: str | None = None) -> FrzFile:
    """Open the .frz file at ``path``, or standard input for ``-``; errors refer to it as ``name``."""
    file = source(path)
    try:
        return FrzFile(file, name or path, opening.tier, opening.memory_budget, opening.base)
    except BaseException:
        file.close()
        raise


def _spooled(stream: IO[bytes], name: str) -> IO[bytes]:
    spool = tempfile.TemporaryFile()  # noqa: SIM115 — closed by the caller
    try:
        with copying(name):
            shutil.copyfileobj(stream, spool)
            spool.seek(0)
    except BaseException:
        spool.close()
        raise
    return spool


def base_notes(path: str, base: str | None) -> list[str]:
    """Return a note if a new file was to be a delta file, but is complete because no difference was smaller.

    Args:
        path: the new file.
        base: the base that was given, or None.
    """
    if base is None:
        return []
    with reader.open(path) as file:
        if file.container.directory.base is not None:
            return []
    return [f"no tensor is smaller as a difference from {base}: the new file is complete and needs no base"]
