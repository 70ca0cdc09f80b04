"""Delta files store values as differences from those of another file, the base (specification, section 6.2)."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import IO, Any, Final

import numpy as np
from numpy.typing import NDArray

from frformat.dtypes import DTYPES, FORMATS
from frformat.errors import FrzError
from frformat.format.coders import CHUNK, Run
from frformat.format.coders.batches import Block, block
from frformat.format.directory import Directory, Group
from frformat.format.index import Index
from frformat.format.layout import tensor_runs

Array = NDArray[Any]
Integers = NDArray[np.int32]

FEATURE: Final = "delta"
"""The feature that marks a delta file."""

PART: Final = 1 << 18
"""Number of values that are processed at a time."""


def sha256(file: IO[bytes]) -> bytes:
    """Return the SHA-256 digest of a whole file."""
    found = hashlib.sha256()
    file.seek(0)
    while data := file.read(CHUNK):
        found.update(data)
    return found.digest()


def check(directory: Directory, base: Directory, digest: bytes) -> None:
    """Check that a base fits a delta file.

    Args:
        directory: the directory of the delta file.
        base: the directory of the base.
        digest: the SHA-256 digest of the base.

    Raises:
        FrzError: ``BASE``.
    """
    if digest != directory.base:
        wanted = (directory.base or b"").hex()
        raise FrzError("BASE", f"the base has the SHA-256 {digest.hex()}, not {wanted}: give the right base")
    if base.tiers != 1 or base.base is not None:
        raise FrzError("BASE", "a base must have one tier and must not be a delta file")
    index = Index(base)
    for group in directory.groups:
        if group.delta:
            for number, name in enumerate(group.names):
                found = index.find(base.aliases.get(name, name))
                if found is None:
                    raise FrzError("BASE", "the base has no tensor of this name", tensor=name)
                held, runs = base.groups[found[0]], tensor_runs(group, number, 0)
                if not fits(group.value_type, group.steps is not None, runs, held, tensor_runs(held, found[1], 0)):
                    raise FrzError("BASE", "the tensor in the base has a different type or structure", tensor=name)


def fits(value_type: str, stepped: bool, runs: Sequence[Run], base: Group, base_runs: Sequence[Run]) -> bool:
    """Return whether values can be stored as differences from those of a tensor of the base.

    Args:
        value_type: type of the values.
        stepped: whether the values are multiples of steps.
        runs: the runs of the values.
        base: the group of the base's tensor.
        base_runs: the runs of the base's tensor.
    """
    same = value_type == base.value_type and stepped == (base.steps is not None)
    return same and _blocks(runs) == _blocks(base_runs)


def _blocks(runs: Sequence[Run]) -> list[tuple[bool, Block]]:
    return [(run.offsets, block(shape)) for run in runs for shape in run.blocks]


def add(differences: Integers, base: Array, value_type: str) -> Array:
    """Add differences to the values of the base, in the memory of ``differences`` if possible.

    Args:
        differences: int32 array of shape (n,).
        base: the base's values: array of shape (n,).
        value_type: type of the base's values and of the result.
    """
    dtype = DTYPES[value_type]
    codes = np.dtype(f"i{dtype.itemsize}")
    out: Array = differences if codes.itemsize == differences.itemsize else np.empty(len(base), codes)
    for start in range(0, len(base), PART):
        part = slice(start, start + PART)
        found = _turned(base[part].view(codes), value_type)
        with np.errstate(over="ignore"):
            found = found + differences[part].astype(codes)
        out[part] = _turned(found, value_type)
    return out.view(dtype)


def subtract(values: Array, base: Array, value_type: str) -> Integers | None:
    """Return the differences of values from those of the base, or None if one of them cannot be stored.

    Args:
        values: array of shape (n,).
        base: the base's values, in the same shape.
        value_type: type of both.
    """
    codes = np.dtype(f"i{values.dtype.itemsize}")
    with np.errstate(over="ignore"):
        found = _turned(values.view(codes), value_type) - _turned(base.view(codes), value_type)
    out: Integers = found.astype(np.int32)
    return None if out.min(initial=0) == np.iinfo(np.int32).min else out


def _turned(codes: Array, value_type: str) -> Array:
    """Map the bits of floats to integers that sort as the floats do, or back; leave values of other types unchanged."""
    if value_type not in FORMATS:
        return codes
    width = 8 * codes.itemsize - 1
    found: Array = codes ^ (codes >> width & codes.dtype.type((1 << width) - 1))
    return found
