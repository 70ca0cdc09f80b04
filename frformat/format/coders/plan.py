"""Choose the classes, neighbour and frequencies of static blocks. Any choice is valid; this one gives few bytes.

Everything is integer arithmetic, or floats whose result is the same on every machine, so that files are reproducible.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from frformat.format.coders.batches import PIECE, Block
from frformat.format.coders.engine import engine
from frformat.format.coders.integers import Integers, Source, cuts
from frformat.format.coders.tables import (
    CLASS,
    LANES,
    MOST_CLASSES,
    NEIGHBOURS,
    REACHES,
    TOTAL,
    WIDTH,
    Contexts,
    Tables,
    lag,
    most_tables,
    stored_axes,
)

Array = NDArray[Any]
Axes = tuple[Integers, Integers, Integers]

RESOLUTIONS: Final = (1, 2)
"""Number of classes per octave."""

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
    factors = _factors(_sums(block, source, base))
    sample = _Sample(block, source, base)
    near = [neighbour for neighbour in NEIGHBOURS[1:] if _is_near(block, neighbour)]
    choices: list[_Choice] = []
    for resolution in RESOLUTIONS:
        plain = _classes(block, factors, resolution, sample)
        choices += [plain, *(choice for neighbour in near for choice in sample.choices(plain, neighbour))]
        if plain.classes == 1:
            break
    best = min(choices, key=_Choice.by_size)
    lane = _lane(block, best)
    counts = _counts(block, source, base, lane, best)
    symbols = int(np.flatnonzero(counts.any(axis=0))[-1]) + 1
    frequency = frequencies(counts[:, :symbols]).astype(np.uint16)
    return Tables(block, lane, best.neighbour, best.reach, best.classes, symbols, best.axes, frequency)


class _Choice(NamedTuple):
    """A way to code a block.

    Attributes:
        axes: see :class:`Tables`.
        classes: how many there are.
        totals: the sum of the classes of each value of the sample; empty if all are of class 0.
        neighbour: see :class:`Tables`.
        reach: see :class:`Tables`.
        size: about how many bytes the block takes.
    """

    axes: Axes
    classes: int
    totals: Array
    neighbour: int = 0
    reach: int = 0
    size: int = 0

    def by_size(self) -> int:
        """What choices are compared by."""
        return self.size


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


def _classes(block: Block, factors: Sequence[Array], resolution: int, sample: _Sample) -> _Choice:
    """Classes for each row, channel and position, so many to an octave, and no neighbour."""
    none, one = np.zeros(0, np.int32), np.zeros(0, np.int16)
    used = stored_axes(block, 2)
    steps = [_steps(factor, resolution) if count else none for factor, count in zip(factors, used, strict=True)]
    axes = (steps[0], steps[1], steps[2])
    if not any(used):
        return next(sample.choices(_Choice(axes, 1, one), 0))
    # The classes of the sample, as if there were any number of them.
    found = sample.totals(axes)
    outside = len(found) // OUTSIDE
    ends = np.partition(found, (outside, len(found) - 1 - outside))
    low, high = int(ends[outside]), int(ends[-1 - outside])
    most = min(MOST_CLASSES // 2 * resolution, most_tables(block.size))
    classes = max(1, min(most, high - low + 1))
    if classes == 1:
        return next(sample.choices(_Choice((none, none, none), 1, one), 0))
    # All of the shift goes to one of the axes that there are.
    at = next(place for place, count in enumerate(used) if count)
    shifted = [np.clip(step - (low if place == at else 0), -CLASS, CLASS) for place, step in enumerate(steps)]
    chosen = _Choice((shifted[0], shifted[1], shifted[2]), classes, found - np.int16(low))
    return next(sample.choices(chosen, 0))


def _factors(sums: tuple[Array, Array, Array]) -> list[Array]:
    """A factor for each row, channel and position: their products fit mean magnitudes."""
    total = int(sums[0].sum())
    lengths: list[float] = [len(axis) for axis in sums]  # what the factors of an axis sum to
    found = []
    for place, axis in enumerate(sums):
        first, second = (lengths[other] for other in range(3) if other != place)
        scale = first * second + SMOOTHING
        lengths[place] = (total + SMOOTHING * len(axis)) / scale
        found.append((axis + SMOOTHING) / scale)
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
        bounds = [(lane * SAMPLE_LANE, min((lane + 1) * SAMPLE_LANE, block.size)) for lane in chosen]
        self._bounds = [(0, block.size)] if count == lanes else bounds
        self._values = np.concatenate([source.part(base + start, base + stop) for start, stop in self._bounds])

    def totals(self, axes: Axes) -> Array:
        """Return the sum of classes for each value."""
        contexts = Contexts(self._block, axes, 0, 0, 0)
        return np.concatenate([contexts.totals(*bound) for bound in self._bounds])

    def choices(self, chosen: _Choice, neighbour: int) -> Iterator[_Choice]:
        """What a choice of classes can do with a neighbour, for each reach."""
        classes, most = chosen.classes, most_tables(self._block.size)
        reaches = [r for r in REACHES if classes * (2 * r + 1) <= most] if neighbour else [0]
        if not reaches:
            return
        lagging = lag(self._block, neighbour)
        seen = engine().count(self._values, chosen.totals, SAMPLE_LANE, lagging, reaches[-1], classes)
        for reach, cost in zip(reversed(reaches), engine().costs(seen, classes, LOGS), strict=True):
            yield chosen._replace(neighbour=neighbour, reach=reach, size=self._size(*cost))

    def _size(self, bits: int, used: int, tables: int) -> int:
        """About how many bytes the block takes, if the sample takes so many parts of a bit."""
        # Counts of a sample fit it better than they fit the rest, by 1 / (2 ln 2) bits each.
        bits += (used - tables) * 47274
        return bits * self._block.size // (len(self._values) << FRACTION + 3) + used


def _lane(block: Block, choice: _Choice) -> int:
    """Return log2 of the lane length: long enough that overhead is small and most values have a neighbour."""
    lane = 12
    while lane < LANES[-1] and (choice.size << lane < 800 * block.size or 8 * lag(block, choice.neighbour) > 1 << lane):
        lane += 1
    return lane


def _counts(block: Block, source: Source, base: int, lane: int, choice: _Choice) -> Array:
    """How often each symbol occurs in each table."""
    contexts = Contexts(block, choice.axes, choice.classes, choice.neighbour, choice.reach)
    found = np.zeros((choice.classes * (2 * choice.reach + 1), WIDTH), np.int64)
    for start, stop in cuts(0, block.size, max(PIECE, 1 << lane)):
        totals = contexts.totals(start, stop) if choice.classes > 1 else np.zeros(0, np.int16)
        part = source.part(base + start, base + stop)
        found += engine().count(part, totals, 1 << lane, lag(block, choice.neighbour), choice.reach, choice.classes)
    return found


def frequencies(counts: Array) -> Array:
    """Scale counts (tables, symbols) to sums of 4096; symbols that occur keep at least 1."""
    totals = counts.sum(axis=1, keepdims=True)
    found = np.where(counts > 0, np.maximum(1, counts * TOTAL // np.maximum(totals, 1)), 0)
    rests = np.where(totals[:, 0] > 0, TOTAL - found.sum(axis=1), 0)
    found[np.arange(len(found)), found.argmax(axis=1)] += np.maximum(rests, 0)
    for table in np.flatnonzero(rests < 0):
        row, rest = found[table], -int(rests[table])
        while rest:
            largest = int(row.argmax())
            change = min(rest, max(1, int(row[largest]) // 2))
            row[largest] -= change
            rest -= change
    return found
