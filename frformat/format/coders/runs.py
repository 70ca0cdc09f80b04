"""The values of a segment: which of them belong together."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple, Protocol

Shape = tuple[int, ...]


class Run(NamedTuple):
    """Values of one tensor in one segment that belong together.

    Attributes:
        offsets: they are step offsets, not entries of a core.
        blocks: what they are, one after the other: row-major blocks of these shapes.
    """

    offsets: bool
    blocks: tuple[Shape, ...]

    @property
    def size(self) -> int:
        """How many values there are."""
        return sum(map(math.prod, self.blocks))


class Runs(Protocol):
    """The values of a segment, tensor after tensor; can be gone through more than once.

    Attributes:
        total: how many there are.
    """

    total: int

    def __iter__(self) -> Iterator[Run]:
        """What they are."""
