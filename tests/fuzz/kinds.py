"""Kinds of files to damage. Reading a damaged file must return data or raise a typed error that names the file."""

from __future__ import annotations

import io
import os
import random
import warnings
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

from frformat import EncodeError, FrzError
from frformat.errors import ReportError
from frformat.train.checkpoint import CheckpointError
from frformat.train.data import DataError

TYPED = (EncodeError, FrzError, ReportError, CheckpointError, DataError, OSError)

Mutate = Callable[[bytes, random.Random], bytes]
Found = Callable[[str, int, Exception], None]


class Kind(NamedTuple):
    """A kind of file.

    Attributes:
        whole: an intact file.
        mutate: damages it.
        read: reads all of a file.
    """

    whole: bytes
    mutate: Mutate
    read: Callable[[Path], object]


def run(kinds: Mapping[str, Kind], folder: Path, counts: Mapping[str, int], seed: int, found: Found) -> Counter[str]:
    """Read damaged files of each kind.

    Args:
        kinds: by name.
        folder: folder to which files are written.
        counts: number of damaged files of each kind.
        seed: seed of the damage; file number n of a kind depends only on the kind, the seed and n.
        found: called with the kind, the number and the error if reading raises anything but a typed error.

    Returns:
        The number of files for each outcome.
    """
    outcomes: Counter[str] = Counter()
    path = folder / "damaged"
    for name, count in counts.items():
        for number in range(count):
            path.write_bytes(made(kinds[name], name, seed, number))
            try:
                outcomes[f"{name}: {outcome(kinds[name], path)}"] += 1
            except Exception as error:
                outcomes[f"{name}: DEFECT"] += 1
                found(name, number, error)
    return outcomes


def made(kind: Kind, name: str, seed: int, number: int) -> bytes:
    """Return a damaged file."""
    return kind.mutate(kind.whole, random.Random(f"{name} {seed} {number}"))


def outcome(kind: Kind, path: Path) -> str:
    """Read a file and return the outcome. Raise if an error is not typed, is too long, or does not name the file."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            kind.read(path)
    except TYPED as error:
        told = str(error)
        if os.fspath(path) not in told or "\n" in told or len(told) > 1000:
            raise AssertionError(f"does not name the file in one line: {told!r}") from error
        return type(error).__name__
    return "read"


def saved(write: Callable[[io.BytesIO], object]) -> bytes:
    """Return what a function writes to a file."""
    file = io.BytesIO()
    write(file)
    return file.getvalue()
