"""What an encoder is given, and entropy coders work with: runs that are small are coded together.

So a file of a million tensors of one element each takes hardly longer than one of a few large ones with as many.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from frformat.format.coders.runs import Run

Array = NDArray[Any]

PIECE: Final = 1 << 16
"""So many values are coded between two looks at whether to go on."""


class Block(NamedTuple):
    """Values that the entropy coders see as one.

    Attributes:
        rows: length of the first axis.
        channels: length of the second.
        positions: the product of all further lengths. Below rank 2, all values are positions.
    """

    rows: int
    channels: int
    positions: int

    @property
    def columns(self) -> int:
        """Values of a row."""
        return self.channels * self.positions

    @property
    def size(self) -> int:
        """Values of the block."""
        return self.rows * self.columns


def block(shape: tuple[int, ...]) -> Block:
    """What the coders see of a block of any rank (specification, section 9.1)."""
    if len(shape) < 2:
        return Block(1, 1, shape[0] if shape else 1)
    positions = 1
    for length in shape[2:]:
        positions *= length
    return Block(shape[0], shape[1], positions)


class Batch(NamedTuple):
    """Runs that are coded together: several small ones, or one.

    Attributes:
        offsets: they are all step offsets, or all entries of cores.
        blocks: their blocks, one after the other.
        runs: how many runs there are.
        size: how many values.
    """

    offsets: bool
    blocks: list[Block]
    runs: int
    size: int


def batches(runs: Iterable[Run]) -> Iterator[Batch]:
    """Runs of one kind after another, as many together as have the values of a piece."""
    kind, shapes, count, size = False, list[Block](), 0, 0
    for run in runs:
        more = [block(shape) for shape in run.blocks]
        values = sum([each.size for each in more])
        if count and (run.offsets != kind or size + values > PIECE):
            yield Batch(kind, shapes, count, size)
            shapes, count, size = [], 0, 0
        kind = run.offsets
        shapes += more
        count += 1
        size += values
    if count:
        yield Batch(kind, shapes, count, size)


Pieces = Sequence[tuple[Batch, Array]]
"""The batches of a segment, each with its values: a flat array."""


def joined(pieces: Iterable[tuple[Run, Array]]) -> Pieces:
    """The batches of runs, which come with their values: C-contiguous arrays."""
    given = list(pieces)
    arrays = (array.reshape(-1) for _, array in given)
    found = []
    for batch in batches(run for run, _ in given):
        some = list(islice(arrays, batch.runs))
        found.append((batch, some[0] if batch.runs == 1 else np.concatenate(some)))
    return found
