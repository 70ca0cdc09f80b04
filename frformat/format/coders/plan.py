"""Choose the classes, neighbour and frequencies of static blocks. Any choice is valid; this one gives few bytes.

Everything is integer arithmetic, or floats whose result is the same on every machine, so that files are reproducible.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from frformat.format.coders.batches import PIECE, Block
from frformat.format.coders.integers import Integers, Source
from frformat.format.coders.tables import (
    CLASS,
    LANES,
    MOST_CLASSES,
    NEIGHBOURS,
    REACHES,
    TOTAL,
    Contexts,
    Tables,
    lag,
    most_tables,
    stored_axes,
    symbols_of,
)

Array = NDArray[Any]
Axes = tuple[Integers, Integers, Integers]

RESOLUTIONS: Final = (1, 2)
"""Number of classes per octave."""

ROUNDS: Final = 3
SMOOTHING: Final = 0.3
CAPPED: Final = 1 << 20

SAMPLE_LANE: Final = 1 << 12
SAMPLE: Final = 1 << 17
"""Size of the sample that shows which choice is best."""

OUTSIDE: Final = 2000
"""One in this many values may lie below the lowest class with a table, and one above the highest."""

FRACTION: Final = 16
"""Number of fractional bits of logarithms."""

LOGS: Final = np.rint(np.log2(np.arange(1 << 12, 1 << 13) / (1 << 12)) * (1 << FRACTION)).astype(np.int64)


def plan(block: Block, source: Source, base: int) -> Tables:
    """Choose the tables of a block.

    Args:
        block: its rows, channels and positions.
        source: its values.
        base: index of its first value in the source.
    """
    sums = _sums(block, source, base)
    sample = _Sample(block, source, base)
    best: _Choice | None = None
    for resolution in RESOLUTIONS:
        axes, classes = _classes(block, sums, resolution, sample)
        for neighbour in NEIGHBOURS:
            if not neighbour or _is_near(block, neighbour):
                for choice in sample.choices(axes, classes, neighbour):
                    if best is None or choice.size < best.size:
                        best = choice
        if classes == 1:
            break
    assert best is not None
    contexts = Contexts(block, best.axes, best.classes, best.neighbour, best.reach)
    lane = _lane(block, best)
    counts = _counts(block, source, base, contexts, lane, best)
    symbols = int(np.flatnonzero(counts.any(axis=0))[-1]) + 1
    frequency = frequencies(counts[:, :symbols]).astype(np.uint16)
    return Tables(block, lane, best.neighbour, best.reach, best.classes, symbols, best.axes, frequency)


class _Choice(NamedTuple):
    """A way to code a block, and the approximate number of bytes."""

    axes: Axes
    classes: int
    neighbour: int
    reach: int
    size: int


def _is_near(block: Block, neighbour: int) -> bool:
    """Return whether enough values have this neighbour in their lane, and it differs from the others."""
    # If an axis has length 1, its neighbour is the previous value of another axis.
    if (neighbour == 2 and block.positions == 1) or (neighbour == 3 and block.columns == 1):
        return False
    return 4 * lag(block, neighbour) <= 1 << LANES[-1] and lag(block, neighbour) < block.size


def _tiles(block: Block) -> Iterator[tuple[slice, slice, slice, int, int]]:
    """Yield box-shaped pieces of a block in order: rows, channels, positions, first and last value."""
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


def _sums(block: Block, source: Source, base: int) -> tuple[Array, Array, Array]:
    """Return the sum of magnitudes in each row, each channel, and each position."""
    found = tuple(np.zeros(n, np.int64) for n in block)
    for rows, channels, positions, start, stop in _tiles(block):
        part = np.minimum(np.abs(source.part(base + start, base + stop)), CAPPED)
        box = part.reshape(rows.stop - rows.start, channels.stop - channels.start, positions.stop - positions.start)
        columns = box.sum(axis=0, dtype=np.int64)
        found[0][rows] += box.sum(axis=(1, 2), dtype=np.int64)
        found[1][channels] += columns.sum(axis=1)
        found[2][positions] += columns.sum(axis=0)
    return found  # type: ignore[return-value]


def _classes(block: Block, sums: tuple[Array, Array, Array], resolution: int, sample: _Sample) -> tuple[Axes, int]:
    """Return the class of each row, channel and position, and the number of classes."""
    none = np.zeros(0, np.int32)
    factors = _factors(sums)
    used = stored_axes(block, 2)
    steps = [_steps(factor, resolution) if count else none for factor, count in zip(factors, used, strict=True)]
    axes = (steps[0], steps[1], steps[2])
    if not any(used):
        return axes, 1
    # Classes of the sample if their number were unlimited.
    found = np.sort(sample.totals(axes))
    outside = len(found) // OUTSIDE
    low, high = int(found[outside]), int(found[-1 - outside])
    most = min(MOST_CLASSES // 2 * resolution, most_tables(block.size))
    classes = max(1, min(most, high - low + 1))
    if classes == 1:
        return (none, none, none), 1
    # The whole shift goes to one of the existing axes.
    at = next(place for place, count in enumerate(used) if count)
    shifted = [np.clip(step - (low if place == at else 0), -CLASS, CLASS) for place, step in enumerate(steps)]
    return (shifted[0], shifted[1], shifted[2]), classes


def _factors(sums: tuple[Array, Array, Array]) -> list[Array]:
    """Return a factor for each row, channel and position such that their products fit the mean magnitudes."""
    wanted = [axis + SMOOTHING for axis in sums]
    found = [np.ones(len(axis)) for axis in sums]
    for _ in range(ROUNDS):
        for place in range(3):
            others = [math.fsum(found[other]) for other in range(3) if other != place]
            found[place] = wanted[place] / (others[0] * others[1] + SMOOTHING)
    return found


def _steps(factor: Array, resolution: int) -> Integers:
    """Return logarithms to base 2, rounded to units of 1/resolution, using exact comparisons only."""
    mantissa, exponent = np.frexp(factor)
    # mantissa is in [1/2, 1); steps are at 2^((i + 1/2) / resolution).
    thresholds = [2.0 ** ((i + 0.5) / resolution - 1) for i in range(resolution)]
    found = (exponent.astype(np.int64) - 1) * resolution + np.searchsorted(thresholds, mantissa, side="right")
    steps: Integers = np.clip(found, -CLASS, CLASS).astype(np.int32)
    return steps


class _Sample:
    """Some lanes of a block, to compare choices on."""

    def __init__(self, block: Block, source: Source, base: int) -> None:
        lanes = -(-block.size // SAMPLE_LANE)
        count = min(lanes, SAMPLE // SAMPLE_LANE)
        chosen = [i * (lanes - 1) // max(count - 1, 1) for i in range(count)]
        self._block = block
        self._bounds = [(lane * SAMPLE_LANE, min((lane + 1) * SAMPLE_LANE, block.size)) for lane in chosen]
        self._parts = [source.part(base + start, base + stop) for start, stop in self._bounds]
        self._symbols = np.concatenate([symbols_of(part) for part in self._parts]).astype(np.int64)
        self._count = int(self._symbols.max()) + 1

    def totals(self, axes: Axes) -> Array:
        """Return the sum of classes for each value."""
        contexts = Contexts(self._block, axes, 0, 0, 0)
        return np.concatenate([np.broadcast_to(contexts.totals(*bound), bound[1] - bound[0]) for bound in self._bounds])

    def choices(self, axes: Axes, classes: int, neighbour: int) -> Iterator[_Choice]:
        """Yield the best choice for each reach, given classes and a neighbour."""
        reaches = [r for r in REACHES if classes * (2 * r + 1) <= most_tables(self._block.size)] if neighbour else [0]
        if not reaches:
            return
        widest = reaches[-1]
        contexts = Contexts(self._block, axes, classes, neighbour, widest)
        found = [
            contexts.of(part.reshape(1, -1), start).reshape(-1)
            for part, (start, _) in zip(self._parts, self._bounds, strict=True)
        ]
        seen = _histogram(np.concatenate(found), self._symbols, classes * (2 * widest + 1), self._count)
        cube = seen.reshape(classes, 2 * widest + 1, self._count)
        for reach in reversed(reaches):
            if reach < cube.shape[1] // 2:
                cut = cube[:, 1:-1].copy()
                cut[:, 0] += cube[:, 0]
                cut[:, -1] += cube[:, -1]
                cube = cut
            yield _Choice(axes, classes, neighbour, reach, self._size(cube.reshape(-1, self._count)))

    def _size(self, seen: Array) -> int:
        """Estimate the bytes of the block from the counts of the sample."""
        totals = seen.sum(axis=1)
        bits = int((totals * _log2(totals)).sum() - (seen * _log2(seen)).sum())
        used = int(np.count_nonzero(seen))
        # Counts of a sample fit the sample better than the rest, by 1 / (2 ln 2) bits per count.
        bits += (used - int(np.count_nonzero(totals))) * 47274
        return bits * self._block.size // (len(self._symbols) << FRACTION + 3) + used


def _histogram(tables: Array, symbols: Array, height: int, width: int) -> Array:
    return np.bincount(tables * width + symbols, minlength=height * width).reshape(height, width)


def _log2(numbers: Array) -> Array:
    """Return logarithms to base 2 in units of 2^-16, and 0 for 0, from a table of the first 12 mantissa bits."""
    exponent = np.frexp(numbers.astype(np.float64))[1].astype(np.int64) - 1
    shift = exponent - 12
    mantissa = np.where(shift >= 0, numbers >> np.maximum(shift, 0), numbers << np.maximum(-shift, 0))
    found = (exponent << FRACTION) + LOGS[np.clip(mantissa - (1 << 12), 0, len(LOGS) - 1)]
    return np.where(numbers > 0, found, 0)


def _lane(block: Block, choice: _Choice) -> int:
    """Return log2 of the lane length: long enough that overhead is small and most values have a neighbour."""
    lane = 12
    while lane < LANES[-1] and (choice.size << lane < 800 * block.size or 8 * lag(block, choice.neighbour) > 1 << lane):
        lane += 1
    return lane


def _counts(block: Block, source: Source, base: int, contexts: Contexts, lane: int, choice: _Choice) -> Array:
    """Count how often each symbol occurs in each table."""
    tables = choice.classes * (2 * choice.reach + 1)
    found = np.zeros((tables, 128), np.int64)
    length = 1 << lane
    for start in range(0, block.size, max(PIECE, length)):
        stop = min(start + max(PIECE, length), block.size)
        part = source.part(base + start, base + stop)
        whole = len(part) // length * length
        for some, first in ((part[:whole].reshape(-1, length), start), (part[whole:].reshape(1, -1), start + whole)):
            if some.size:
                symbols = symbols_of(some).reshape(-1)
                found += _histogram(contexts.of(some, first).reshape(-1), symbols, tables, 128)
    return found


def frequencies(counts: Array) -> Array:
    """Scale counts (tables, symbols) to sums of 4096; symbols that occur keep at least 1."""
    totals = counts.sum(axis=1, keepdims=True)
    found = np.where(counts > 0, np.maximum(1, counts * TOTAL // np.maximum(totals, 1)), 0)
    for table in np.flatnonzero(totals[:, 0]):
        row = found[table]
        rest = TOTAL - int(row.sum())
        while rest:
            largest = int(row.argmax())
            change = rest if rest > 0 else -min(-rest, max(1, int(row[largest]) // 2))
            row[largest] += change
            rest -= change
    return found
