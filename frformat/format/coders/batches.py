"""The input of encoders and entropy coders, with small runs combined into batches.

A file of a million one-element tensors therefore takes little more time than a file of a few large ones.
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
"""Number of values to code in one call, after which an interrupt can take effect."""


class Block(NamedTuple):
    """The shape of values that the entropy coders treat as one block.

    Attributes:
        rows: length of the first axis.
        channels: length of the second axis.
        positions: the product of all other lengths. If the rank is below 2, each value is one position.
    """

    rows: int
    channels: int
    positions: int

    @property
    def columns(self) -> int:
        """Number of values per row."""
        return self.channels * self.positions

    @property
    def size(self) -> int:
        """Number of values in the block."""
        return self.rows * self.columns


def block(shape: tuple[int, ...]) -> Block:
    """Return the block for a shape of any rank (specification, section 9.1)."""
    if len(shape) < 2:
        return Block(1, 1, shape[0] if shape else 1)
    positions = 1
    for length in shape[2:]:
        positions *= length
    return Block(shape[0], shape[1], positions)


class Batch(NamedTuple):
    """Runs that are coded together: several small ones, or a single one.

    Attributes:
        offsets: whether they consist of step offsets rather than core entries.
        blocks: their blocks, one after another.
        runs: number of runs.
        size: number of values.
    """

    offsets: bool
    blocks: list[Block]
    runs: int
    size: int


def batches(runs: Iterable[Run]) -> Iterator[Batch]:
    """Combine consecutive runs of the same kind into batches of at most :data:`PIECE` values or of one larger run."""
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
"""The batches of a segment, each with its values as a flat array."""


def joined(pieces: Iterable[tuple[Run, Array]]) -> Pieces:
    """Combine runs and their values, which must be C-contiguous arrays, into batches."""
    given = list(pieces)
    arrays = (array.reshape(-1) for _, array in given)
    found = []
    for batch in batches(run for run, _ in given):
        some = list(islice(arrays, batch.runs))
        found.append((batch, some[0] if batch.runs == 1 else np.concatenate(some)))
    return found
