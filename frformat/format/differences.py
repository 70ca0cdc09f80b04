"""Store the tensors of a delta file as differences from the base where that takes fewer bits."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from frformat.dtypes import DTYPES, FORMATS
from frformat.errors import EncodeError, FrzError
from frformat.format import delta, limits
from frformat.format.coders import Run
from frformat.format.grouping import Pending
from frformat.format.layout import split, tensor_runs
from frformat.format.reader import FrzFile

Array = NDArray[Any]

EXPONENT: Final = 3
"""Approximate number of bits that the sign and the exponent of a weight take."""


class Base:
    """The base of a delta file that is being written.

    Args:
        file: the open base.

    Raises:
        EncodeError: the base has several tiers or is itself a delta file.
    """

    def __init__(self, file: FrzFile) -> None:
        directory = file.container.directory
        if directory.tiers > 1 or directory.base is not None:
            raise EncodeError("a base must have one tier and must not be a delta file: encode it again, or use another")
        self._file = file
        self.sha256: Final = file.sha256()

    def difference(self, part: Pending) -> Pending:
        """Return a tensor as differences from the base, or unchanged if that is not possible or takes more bits."""
        stepped = part.likeness.stepped
        pieces = part.pieces(0)
        base = self._values(part.name, part.likeness.value_type, stepped, [run for run, _ in pieces])
        if base is None:
            return part
        runs = [run for run, _ in pieces]
        values = np.concatenate([array.reshape(-1) for _, array in pieces]) if len(pieces) > 1 else pieces[0][1]
        values = values.reshape(-1)
        found = delta.subtract(values, base, part.likeness.value_type)
        if found is None or _bits(found) > _cost(values, part.likeness.value_type):
            return part
        arrays = [array for _, array in split(runs, found)]
        return replace(part, differences=arrays, likeness=part.likeness._replace(delta=True))

    def _values(self, name: str, value_type: str, stepped: bool, runs: list[Run]) -> Array | None:
        """Return the values of the base's tensor, or None if differences from it cannot be stored."""
        if not name or not runs or name not in self._file:
            return None
        if DTYPES[value_type].itemsize > limits.DIFFERING_BYTES:
            return None
        info = self._file.info(name)
        group = self._file.container.directory.groups[info.group]
        if not delta.fits(value_type, stepped, runs, group, tensor_runs(group, info.index, 0)):
            return None
        try:
            return self._file.contents.flat(name)
        except FrzError as error:
            raise EncodeError(f"the base: {error}") from error


def _bits(differences: Array) -> float:
    """Estimate the bits that differences take."""
    return _magnitudes(differences)


def _cost(values: Array, value_type: str) -> float:
    """Estimate the bits that values take without a base."""
    if value_type in FORMATS:
        mantissa = {"f16": 10, "bf16": 7, "f32": 23}[value_type]
        return float(np.count_nonzero(values.view(f"u{values.itemsize}")) * (mantissa + EXPONENT))
    return _magnitudes(values.view(f"i{values.itemsize}"))


def _magnitudes(integers: Array) -> float:
    """Return the sum of the base-2 logarithms of magnitudes, plus one bit for each sign."""
    total = 0.0
    for start in range(0, len(integers), delta.PART):
        part = np.abs(integers[start : start + delta.PART].astype(np.float64))
        total += float(np.log2(1 + 2 * part).sum())
    return total
