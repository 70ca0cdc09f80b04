"""Estimate the reliability of second moments that were measured on few samples."""

from __future__ import annotations

from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Doubles = NDArray[np.float64]

MOST: Final = 0.9
"""Maximum intensity."""


class Shrinkage:
    """The intensity with which to shrink a covariance matrix toward a multiple of the identity.

    Ledoit and Wolf (2004) choose the intensity that minimizes the expected squared error of the shrunk matrix: the
    variance of the matrix, divided by its squared distance from the multiple of the identity. Here, the variance is
    estimated from parts of the data, so neighboring positions of one sample do not count as independent.

    All moments are relative to the same approximate mean.
    """

    def __init__(self) -> None:
        self._parts, self._count, self._squares = 0, 0, 0.0

    def add(self, moments: Tensor, count: int) -> None:
        """Add a part.

        Args:
            moments: the sum of its second moments, (…, n, n), where leading axes are independent blocks.
            count: number of its columns.
        """
        self._squares += float(torch.linalg.vector_norm(moments, dtype=torch.float64)) ** 2
        self._count += count
        self._parts += 1

    def intensity(self, second: Doubles) -> float:
        """Return the intensity, from 0 for reliable moments to :data:`MOST`, which also applies to those of one part.

        Args:
            second: the mean second moments of all columns: (…, n, n).
        """
        if self._parts < 2:
            return MOST if self._parts else 0.0
        norm = float(np.square(second).sum())
        variance = (self._parts * self._squares / self._count**2 - norm) / (self._parts - 1)
        level = np.diagonal(second, axis1=-2, axis2=-1).mean(-1)
        distance = norm - second.shape[-1] * float(np.square(level).sum())
        return float(np.clip(variance / max(distance, 1e-30), 0.0, MOST))
