"""Kinds of files to damage. Reading a damaged file must give data, or one typed error that names the file."""

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
    """A kind of files.

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
        folder: where files are written.
        counts: number of damaged files of each kind.
        seed: of the damage; file number n of a kind is made from the kind, the seed and n alone.
        found: called with everything that is not a typed error: kind, number and error.

    Returns:
        How often reading ended in what.
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
    """Read a file and return the outcome. Raises errors that are not typed, are long, or do not name the file."""
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
