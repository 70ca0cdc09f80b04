"""Two adjacent axes as one: products with small bases are faster when several are made at a time."""

from __future__ import annotations

import numpy as np

from frformat.spectral.bases.base import Basis, Floats


class Kronecker(Basis):
    """The Kronecker product of two small bases, for two axes of a row-major array that are taken for one."""

    def __init__(self, first: Basis, second: Basis) -> None:
        super().__init__(first.length * second.length, first.count * second.count)
        self.cancels = first.cancels or second.cancels
        self._table: Floats = np.kron(first.rows(0, first.length), second.rows(0, second.length)).astype(
            np.float64, copy=False
        )

    def rows(self, start: int, stop: int) -> Floats:
        """See :class:`Basis`."""
        return self._table[start:stop]
