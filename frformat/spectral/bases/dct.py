"""``dct``: the first cosines of the orthonormal DCT-II, computed and never stored."""

from __future__ import annotations

from functools import lru_cache

from frformat.spectral import dct
from frformat.spectral.bases.base import TABLE, Array, Basis, Floats


class Dct(Basis):
    """The first ``count`` basis functions of the orthonormal DCT-II."""

    def __init__(self, length: int, count: int) -> None:
        super().__init__(length, count)
        self.by_lines = length * count > TABLE

    @property
    def exact(self) -> bool:
        """See :class:`Basis`."""
        return self.length <= 1

    @property
    def changes_nothing(self) -> bool:
        """See :class:`Basis`."""
        return self.length == self.count == 1

    def rows(self, start: int, stop: int) -> Floats:
        """See :class:`Basis`."""
        if self.length * self.count <= TABLE:
            return _table(self.length, self.count)[start:stop]
        return dct.rows(self.length, self.count, start, stop)

    def expand(self, lines: Floats, out: Array) -> None:
        """See :class:`Basis`."""
        dct.inverse_lines(lines, out)

    @property
    def memory(self) -> int:
        """See :class:`Basis`."""
        return dct.lines_memory(self.length, self.count) if self.by_lines else super().memory


@lru_cache(maxsize=16)
def _table(n: int, r: int) -> Floats:
    table = dct.basis(n, r)
    table.flags.writeable = False
    return table
