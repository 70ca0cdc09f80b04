"""Merge two adjacent axes into one: contracting small bases together is faster than one after the other."""

from __future__ import annotations

from functools import cached_property

from frformat.spectral.bases.base import Basis, Floats


class Kronecker(Basis):
    """The Kronecker product of two small bases, for two axes of a row-major array that are treated as one."""

    def __init__(self, first: Basis, second: Basis) -> None:
        super().__init__(first.length * second.length, first.count * second.count)
        self.cancels = first.cancels or second.cancels
        self._bases = first, second

    def rows(self, start: int, stop: int) -> Floats:
        """See :class:`Basis`."""
        return self._table[start:stop]

    @cached_property
    def _table(self) -> Floats:
        first, second = (basis.rows(0, basis.length) for basis in self._bases)
        return (first[:, None, :, None] * second[None, :, None, :]).reshape(self.length, self.count)
