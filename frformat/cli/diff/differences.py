"""Measure how far two tensors differ."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from frformat.cli.diff.sides import Side
from frformat.spectral.spectrum import Spectrum

CHUNK: Final = 1 << 20
"""Number of elements to compare at a time, so that little memory is needed besides the two tensors."""


@dataclass(frozen=True)
class Difference:
    """The difference between two tensors of the same shape.

    Attributes:
        absolute: the largest difference between corresponding elements; infinite if two of them differ and one is not
            finite.
        largest: the largest finite magnitude in the first tensor.
    """

    absolute: float
    largest: float

    @property
    def relative(self) -> float:
        """``absolute`` relative to ``largest``."""
        if self.absolute == 0:
            return 0.0
        return self.absolute / self.largest if self.largest else float("inf")


def difference(a: Side, b: Side, name: str) -> Difference:
    """Compare a tensor that has the same shape in both files; equal spectra are not rebuilt.

    Raises:
        FrzError, EncodeError, OSError: it cannot be read, or needs more memory than the budget allows.
    """
    first, second = a.spectrum(name), b.spectrum(name)
    if first is not None and second is not None and _same_spectrum(first, second):
        return Difference(0.0, float(np.abs(first.coefficients).max(initial=0)))
    return arrays_apart(a.array(name), b.array(name))


def arrays_apart(a: NDArray[Any], b: NDArray[Any]) -> Difference:
    """Compare two arrays of the same shape and any element types; NaN equals NaN, and 0 equals −0."""
    x, y = a.reshape(-1), b.reshape(-1)
    absolute = largest = 0.0
    with np.errstate(all="ignore"):
        for start in range(0, x.size, CHUNK):
            part, other = x[start : start + CHUNK], y[start : start + CHUNK]
            if part.dtype != other.dtype:
                part, other = _wide(part), _wide(other)
            magnitude = np.abs(_wide(part))
            largest = max(largest, float(magnitude.max(initial=0, where=np.isfinite(magnitude))))
            apart = (part != other) & ~((part != part) & (other != other))
            if apart.any():
                absolute = max(absolute, _largest_gap(part[apart], other[apart]))
    return Difference(absolute, largest)


def _same_spectrum(a: Spectrum, b: Spectrum) -> bool:
    if (a.spectral_shape, a.dtype) != (b.spectral_shape, b.dtype):
        return False
    return np.array_equal(np.trim_zeros(a.coefficients, "b"), np.trim_zeros(b.coefficients, "b"))


def _largest_gap(part: NDArray[Any], other: NDArray[Any]) -> float:
    """Return the largest difference between corresponding elements; every pair must differ."""
    if part.dtype.kind in "iu":
        # In two's complement, the difference of 64-bit integers is exact as an unsigned integer.
        p, o = part.astype(np.uint64), other.astype(np.uint64)
        return float(np.where(part > other, p - o, o - p).max())
    gaps = np.abs(_wide(part) - _wide(other))
    return float(np.nan_to_num(gaps, nan=np.inf, posinf=np.inf).max())


def _wide(part: NDArray[Any]) -> NDArray[Any]:
    """Return elements as complex128 or float64, in which their differences are computed."""
    return part.astype(np.complex128 if part.dtype.kind == "c" else np.float64)
