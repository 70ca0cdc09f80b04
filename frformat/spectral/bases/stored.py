"""``stored``: a matrix stored in the file, such as a factor of a Tucker or singular value decomposition."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from frformat.spectral.bases.base import Basis, Floats


class Stored(Basis):
    """A given matrix.

    Args:
        factor: float32 array of shape (R, length), R ≥ ``count``: row i is basis function i.
        count: number of basis functions to use.
    """

    cancels = True

    def __init__(self, factor: NDArray[np.float32], count: int) -> None:
        super().__init__(factor.shape[1], count)
        self._factor = factor

    def rows(self, start: int, stop: int) -> Floats:
        """See :class:`Basis`."""
        return self._factor[: self.count, start:stop].T.astype(np.float64)
