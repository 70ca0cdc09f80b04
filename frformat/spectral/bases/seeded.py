"""``seeded``: pseudo-random numbers generated from a 64-bit seed."""

from __future__ import annotations

from frformat.spectral import philox
from frformat.spectral.bases.base import TABLE, Basis, Floats


class Seeded(Basis):
    """Numbers uniform in (−1, 1): U[x, i] is element i · length + x of the seed's sequence.

    Args:
        seed: 64 bits.
        length: number of elements on the axis.
        count: number of core entries on the axis.
    """

    cancels = True

    def __init__(self, seed: int, length: int, count: int) -> None:
        super().__init__(length, count)
        self.seed = seed

    def rows(self, start: int, stop: int) -> Floats:
        """See :class:`Basis`."""
        return philox.table(self.seed, self.length, self.count, start, stop)

    @property
    def memory(self) -> int:
        """See :class:`Basis`."""
        return 8 * 5 * (min(self.length * self.count, TABLE) + 9 * self.count)
