"""Choose the classes, the neighbor and the frequencies of static blocks so that the blocks take few bytes.

Readers accept any choice. All arithmetic is on integers, so that files are reproducible.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray

from frformat.format.coders.batches import PIECE, Block
from frformat.format.coders.engine import engine
from frformat.format.coders.integers import Integers, Source, cuts
from frformat.format.coders.tables import FRACTION, LANES, SAMPLE_LANE, WIDTH, Choice, Sums, Tables, lag

SAMPLES: Final = (4, 32)
"""Minimum and maximum number of lanes in the sample on which choices are compared."""

SHARE: Final = 32
"""Within the limits :data:`SAMPLES`, the sample contains one lane in this many."""

LEAST_WORDS: Final = 800
"""Minimum number of bytes that the words of a lane should take, so that its count and final state hardly matter."""


def plan(block: Block, source: Source, base: int) -> Tables:
    """Choose the tables of a block.

    Args:
        block: its shape.
        source: its values.
        base: index of its first value in the source.
    """
    made = engine()
    values, starts = _sample(block, source, base)
    choice = made.choose(block, _sums(block, source, base), values, starts)
    lane = _lane(block, choice, len(values))
    counts = np.zeros((choice.classes * (2 * choice.reach + 1), WIDTH), np.uint64)
    for start, stop in cuts(0, block.size, max(PIECE, 1 << lane)):
        made.count(block, lane, choice, start, source.part(base + start, base + stop), counts)
    symbols = int(np.flatnonzero(counts.any(axis=0))[-1]) + 1
    frequency = made.scale(counts, symbols)
    return Tables(block, lane, choice.neighbor, choice.reach, choice.classes, symbols, choice.axes, frequency)


def _sample(block: Block, source: Source, base: int) -> tuple[Integers, NDArray[np.uint64]]:
    """Return the values of some lanes of a block, and the index in the block of each lane's first value."""
    lanes = -(-block.size // SAMPLE_LANE)
    least, most = SAMPLES
    count = max(least, min(most, lanes // SHARE))
    if lanes <= count:
        return source.part(base, base + block.size), np.arange(0, block.size, SAMPLE_LANE, dtype=np.uint64)
    starts = [number * (lanes - 1) // (count - 1) * SAMPLE_LANE for number in range(count)]
    parts = [source.part(base + start, base + min(start + SAMPLE_LANE, block.size)) for start in starts]
    return np.concatenate(parts), np.array(starts, np.uint64)


def _tiles(block: Block) -> Iterator[tuple[slice, slice, slice, int, int]]:
    """Yield boxes that cover a block in order: slices of rows, channels and positions, and the range of values."""
    rows, channels, positions = block
    if block.columns <= PIECE:
        step = PIECE // block.columns
        for row in range(0, rows, step):
            end = min(row + step, rows)
            yield slice(row, end), slice(0, channels), slice(0, positions), row * block.columns, end * block.columns
        return
    for row in range(rows):
        first = row * block.columns
        if positions <= PIECE:
            step = PIECE // positions
            for channel in range(0, channels, step):
                end = min(channel + step, channels)
                box = slice(row, row + 1), slice(channel, end), slice(0, positions)
                yield *box, first + channel * positions, first + end * positions
            continue
        for channel in range(channels):
            for position in range(0, positions, PIECE):
                end = min(position + PIECE, positions)
                box = slice(row, row + 1), slice(channel, channel + 1), slice(position, end)
                yield *box, first + channel * positions + position, first + channel * positions + end


def _sums(block: Block, source: Source, base: int) -> Sums:
    """Return the sums of the magnitudes in each row, each channel, and each position."""
    made = engine()
    found = Sums(*(np.zeros(n, np.int64) for n in block))
    for rows, channels, positions, start, stop in _tiles(block):
        part = source.part(base + start, base + stop)
        made.sums(part, found.rows[rows], found.channels[channels], found.positions[positions])
    return found


def _lane(block: Block, choice: Choice, sampled: int) -> int:
    """Return log2 of the lane length. Lanes are so long that overhead is low and most values have a neighbor."""
    lane, least = LANES[4], LEAST_WORDS * sampled << FRACTION + 3
    while lane < LANES[-1] and (choice.bits << lane < least or 8 * lag(block, choice.neighbor) > 1 << lane):
        lane += 1
    return lane
