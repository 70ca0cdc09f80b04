"""The values of a segment, grouped into runs that belong together."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple, Protocol

Shape = tuple[int, ...]


class Run(NamedTuple):
    """Values of one tensor in one segment that belong together.

    Attributes:
        offsets: whether they are step offsets rather than core entries.
        blocks: shapes of their row-major blocks, one after the other.
    """

    offsets: bool
    blocks: tuple[Shape, ...]

    @property
    def size(self) -> int:
        """Number of values."""
        return sum(map(math.prod, self.blocks))


class Runs(Protocol):
    """The runs of a segment, tensor after tensor. Can be iterated more than once.

    Attributes:
        total: number of values.
    """

    total: int

    def __iter__(self) -> Iterator[Run]:
        """Yield the runs."""
