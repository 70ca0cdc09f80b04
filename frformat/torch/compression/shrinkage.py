"""Estimate the reliability of second moments that were measured on few samples."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

Doubles = NDArray[np.float64]

MOST: Final = 0.9
"""Maximum intensity."""


class Shrinkage:
    """The intensity with which to shrink a covariance matrix towards a multiple of the identity.

    Ledoit and Wolf (2004) choose the intensity that minimizes the expected squared error of the shrunk matrix: the
    variance of the matrix, divided by its squared distance from the multiple of the identity. Here, the variance is
    estimated from parts of the data, so neighboring positions of one sample do not count as independent.

    Each part consists of columns (…, n, count), where leading axes are independent blocks. The means that are
    subtracted are approximations, namely those of the first part.
    """

    def __init__(self) -> None:
        self._parts, self._count, self._squares = 0, 0, 0.0
        self._center: Tensor | None = None

    def add(self, columns: Tensor) -> None:
        """Add a part."""
        if self._center is None:
            self._center = columns.mean(-1, keepdim=True)
        centred = columns - self._center
        turned = centred.transpose(-1, -2)
        # Both products have the same norm.
        small = turned @ centred if columns.shape[-1] < columns.shape[-2] else centred @ turned
        self._squares += float(small.double().square().sum())
        self._count += columns.shape[-1]
        self._parts += 1

    def intensity(self, second: Doubles, means: Doubles) -> float:
        """Return the intensity, from 0 for reliable moments to :data:`MOST`.

        Args:
            second: second moments of all columns: (…, n, n).
            means: their means: (…, n).
        """
        if self._parts < 2 or self._center is None:
            return 0.0
        center = self._center[..., 0].double().cpu().numpy()
        own = second - _outer(means, center) - _outer(center, means - center)
        norm = float(np.square(own).sum())
        variance = (self._parts * self._squares / self._count**2 - norm) / (self._parts - 1)
        level = np.diagonal(own, axis1=-2, axis2=-1).mean(-1)
        distance = norm - own.shape[-1] * float(np.square(level).sum())
        return float(np.clip(variance / max(distance, 1e-30), 0.0, MOST))


def _outer(left: Doubles, right: Doubles) -> Doubles:
    product: Doubles = left[..., :, None] * right[..., None, :]
    return product
