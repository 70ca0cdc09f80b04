"""Measure how far two outputs differ."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Classes = NDArray[np.integer[Any]]


@dataclass(frozen=True)
class Distance:
    """The difference between the elements of two arrays of the same shape.

    Attributes:
        largest: the largest difference; infinite if, of two corresponding elements, only one is finite or only one is
            NaN.
        mean: the mean difference.
        scale: the largest magnitude in the first array.
    """

    largest: float
    mean: float
    scale: float

    @property
    def relative(self) -> float:
        """``largest`` relative to ``scale``."""
        return 0.0 if self.largest == 0 else self.largest / self.scale if self.scale else float("inf")


def distance(a: NDArray[Any], b: NDArray[Any]) -> Distance:
    """Compare two arrays of numbers or booleans of the same shape; NaN equals NaN."""
    if a.size == 0:
        return Distance(0.0, 0.0, 0.0)
    a, b = np.atleast_1d(a, b)  # of scalars, NumPy returns numbers that cannot be changed in place
    wide = np.complex128 if np.iscomplexobj(a) else np.float64
    with np.errstate(all="ignore"):
        gaps = np.abs(np.subtract(a, b, dtype=wide))
        gaps[(a == b) | (np.isnan(a) & np.isnan(b))] = 0
        gaps[np.isnan(gaps)] = np.inf
        scale = np.abs(a).max(where=np.isfinite(a), initial=0)
    return Distance(float(gaps.max()), float(gaps.mean()), float(scale))


def classes_of(values: NDArray[np.floating[Any]]) -> Classes | None:
    """Return the winning class at each position, with classes along axis 1; None if there is no such axis."""
    return values.argmax(1) if values.ndim >= 2 and values.shape[1] else None


def apart(a: Classes, b: Classes) -> int:
    """Count the positions at which two class maps differ."""
    return int(np.count_nonzero(a != b))


def accuracy(found: Classes, truth: Classes) -> float:
    """Return the share of positions at which the right class wins."""
    return 1 - apart(found, truth) / max(found.size, 1)


def dice(found: Classes, truth: Classes) -> float:
    """Return the mean of 2·|A ∩ B| / (|A| + |B|) over all classes that occur, except 0; 1 if there are none."""
    scores = []
    for kind in np.union1d(np.unique(found), np.unique(truth)):
        if kind:
            a, b = found == kind, truth == kind
            scores.append(2 * np.count_nonzero(a & b) / (np.count_nonzero(a) + np.count_nonzero(b)))
    return float(np.mean(scores)) if scores else 1.0
