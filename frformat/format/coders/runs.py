"""Runs: groups of a segment's values that belong together."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple, Protocol

Shape = tuple[int, ...]


class Run(NamedTuple):
    """Values of one tensor in one segment that belong together.

    Attributes:
        offsets: whether the values are step offsets rather than core entries.
        blocks: shapes of the row-major blocks, one after another.
    """

    offsets: bool
    blocks: tuple[Shape, ...]

    @property
    def size(self) -> int:
        """Number of values."""
        return sum(map(math.prod, self.blocks))


class Runs(Protocol):
    """The runs of a segment, tensor by tensor. They can be iterated more than once.

    Attributes:
        total: number of values.
    """

    total: int

    def __iter__(self) -> Iterator[Run]:
        """Yield the runs."""
