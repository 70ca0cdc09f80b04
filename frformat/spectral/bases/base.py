"""What rebuilding asks of a basis."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Floats = NDArray[np.float64]

TABLE: Final = 1 << 18
"""Entries of a basis that are made together."""


class Basis(ABC):
    """A matrix U of ``length`` rows and ``count`` columns; column i is the basis function number i.

    Attributes:
        length: elements of the axis.
        count: entries of the core on it.
        selects: U has ones where row and column agree and zeros elsewhere: nothing is to be computed.
        exact: products by a single column are the same on every machine, bit for bit.
        cancels: its columns are not orthonormal, so terms can be large where their sum is small.
        by_lines: :meth:`expand` costs less than products with :meth:`rows`.
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
        """Whether U is the number 1."""
        return False

    @abstractmethod
    def rows(self, start: int, stop: int) -> Floats:
        """Some rows: float64 array of shape (stop − start, count), not to be written to."""

    def expand(self, lines: Floats, out: Array) -> None:
        """Multiply lines (m, count) by the transposed matrix, if :attr:`by_lines`: ``out`` has shape (m, length)."""
        raise NotImplementedError

    @property
    def memory(self) -> int:
        """Bytes of working memory that using it takes."""
        return 8 * min(3 * self.length * self.count, 3 * TABLE + self.count)
