"""``seeded``: pseudo-random numbers that a seed of 64 bits determines."""

from __future__ import annotations

from frformat.spectral import philox
from frformat.spectral.bases.base import TABLE, Basis, Floats


class Seeded(Basis):
    """Numbers uniform in (−1, 1): U[x, i] is number i · length + x of the seed's sequence.

    Args:
        seed: 64 bits.
        length: elements of the axis.
        count: entries of the core on it.
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
