"""The interface of a basis."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Floats = NDArray[np.float64]

TABLE: Final = 1 << 18
"""Number of basis entries that are computed at a time."""


class Basis(ABC):
    """A matrix U of ``length`` rows and ``count`` columns; column i is basis function i.

    Attributes:
        length: number of elements on the axis.
        count: number of core entries on the axis.
        selects: whether U has ones on its diagonal and zeros elsewhere, so that nothing has to be computed.
        exact: whether products with a single column are the same on every machine, bit for bit.
        cancels: whether the columns are not orthonormal, so that large terms can cancel to a small sum.
        by_lines: whether :meth:`expand` costs less than products with :meth:`rows`.
    """

    selects: bool = False
    cancels: bool = False
    by_lines: bool = False

    def __init__(self, length: int, count: int) -> None:
        self.length = length
        self.count = count

    @property
    def exact(self) -> bool:
        """See the class."""
        return True

    @property
    def changes_nothing(self) -> bool:
        """Whether U is the 1×1 matrix with the entry 1."""
        return False

    @abstractmethod
    def rows(self, start: int, stop: int) -> Floats:
        """Return rows ``start`` … ``stop`` − 1 of U as a float64 array (stop − start, count); do not write to it."""

    def expand(self, lines: Floats, out: Array) -> None:
        """Multiply lines of shape (m, count) by Uᵀ into ``out`` of shape (m, length). Requires :attr:`by_lines`."""
        raise NotImplementedError

    @property
    def memory(self) -> int:
        """Working memory that the basis takes, in bytes."""
        return 8 * min(3 * self.length * self.count, 3 * TABLE + self.count)
