"""Choose the tables of static blocks with NumPy."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from frformat.format.coders.batches import Block
from frformat.format.coders.integers import Integers
from frformat.format.coders.tables import (
    FRACTION,
    LOGS,
    MOST_CLASSES,
    NEIGHBORS,
    REACHES,
    SAMPLE_LANE,
    TOTAL,
    WIDTH,
    Axes,
    Choice,
    Contexts,
    Sums,
    lag,
    most_tables,
    near_lag,
    stored_axes,
    symbols_of,
)

Array = NDArray[Any]

CAPPED: Final = 1 << 20
"""Larger magnitudes count as this one."""

RESOLUTIONS: Final = (1, 2)
"""Numbers of classes per octave to try."""

OUTSIDE: Final = 2000
"""One in this many values may be below the lowest class that has a table, and one above the highest."""

OVERFIT: Final = 47274
"""Correction of 1 / (2 ln 2) bits per frequency, because counts fit their sample better than the whole block."""

FREQUENCY: Final = 8 << FRACTION
"""Approximate cost of a stored frequency, in units of 2^-16 bits."""

MOST_RATIO: Final = 1 << 20
"""Maximum ratio of a block's size to the sample's, in sixteenths. In larger blocks, tables cost next to nothing."""

NO_CLASSES: Final = np.zeros(0, np.int32)


def sums(values: Integers, rows: Array, channels: Array, positions: Array) -> None:
    """Add the magnitudes of a box of values to the sums of its rows, its channels and its positions."""
    magnitudes = np.minimum(np.abs(values.astype(np.int64)), CAPPED)
    box = magnitudes.reshape(len(rows), len(channels), len(positions))
    columns = box.sum(axis=0)
    rows += box.sum(axis=(1, 2))
    channels += columns.sum(axis=1)
    positions += columns.sum(axis=0)


def choose(block: Block, found: Sums, values: Integers, starts: NDArray[np.uint64]) -> Choice:
    """Choose classes and a neighbor with which the block takes few bytes.

    Args:
        block: the shape of the block.
        found: the sums of the magnitudes in each row, channel and position.
        values: a sample of the block, lane after lane.
        starts: for each lane, the index of its first value in the block.
    """
    sample = _Sample(block, values, starts)
    chosen = best = None
    for resolution in RESOLUTIONS:
        classified = _classified(sample, found, resolution)
        if best is None or sample.price(classified.cost) < sample.price(best.cost):
            chosen = best = classified
        if classified.choice.classes == 1:
            break
    assert chosen is not None
    assert best is not None
    for neighbor in NEIGHBORS[1:]:
        for found_near in _near(sample, chosen, neighbor):
            if sample.price(found_near.cost) < sample.price(best.cost):
                best = found_near
    return best.choice._replace(bits=best.cost.bits)


class _Cost(NamedTuple):
    """The cost of some values: their size in units of 2^-16 bits, and the number of nonzero frequencies."""

    bits: int
    used: int


class _Classified(NamedTuple):
    choice: Choice
    classes: Array
    cost: _Cost


class _Sample:
    def __init__(self, block: Block, values: Integers, starts: Array) -> None:
        self.block = block
        self.values = values
        self.ratio = min(16 * block.size // len(values), MOST_RATIO)
        self.symbols = symbols_of(values).astype(np.int64)
        lengths = np.minimum(SAMPLE_LANE, len(values) - SAMPLE_LANE * np.arange(len(starts)))
        self.bounds = [(int(start), int(start) + int(length)) for start, length in zip(starts, lengths, strict=True)]

    def price(self, cost: _Cost) -> int:
        """Return the approximate size of the block, in units of 2^-20 bits."""
        return cost.bits * self.ratio + cost.used * FREQUENCY * 16

    def totals(self, axes: Axes) -> Array:
        """Return the sum of the steps for each value."""
        contexts = Contexts(self.block, axes, 0, 0, 0)
        return np.concatenate([contexts.totals(*bound) for bound in self.bounds])

    def counts(self, tables: Array, number: int) -> Array:
        """Return how often each symbol occurs in each table."""
        return np.bincount(tables * WIDTH + self.symbols, minlength=number * WIDTH).reshape(number, WIDTH)


def _classified(sample: _Sample, found: Sums, resolution: int) -> _Classified:
    """Choose classes at a given number of classes per octave, without a neighbor."""
    block = sample.block
    used = stored_axes(block, 2)
    most = min(resolution * MOST_CLASSES // RESOLUTIONS[-1], most_tables(block.size))
    classes = np.zeros(len(sample.values), np.int64)
    if most == 1 or not any(used):
        counts = sample.counts(classes, 1)
        return _Classified(Choice((NO_CLASSES, NO_CLASSES, NO_CLASSES), 1), classes, _cost(counts))
    total = int(found[0].sum())
    scales = (block.columns, total // block.channels, total // block.positions)
    rows, channels, positions = (
        _steps(each, scale, resolution) if count else NO_CLASSES
        for each, scale, count in zip(found, scales, used, strict=True)
    )
    totals = sample.totals((rows, channels, positions)).astype(np.int64)
    outside = len(totals) // OUTSIDE
    ends = np.partition(totals, (outside, len(totals) - 1 - outside))
    low = int(ends[outside])
    number = min(int(ends[-1 - outside]) - low + 1, most)
    counts = sample.counts(np.clip(totals - low, 0, number - 1), number)
    first, counts = _trimmed(sample, counts)
    low, number = low + first, len(counts)
    if number == 1:
        return _Classified(Choice((NO_CLASSES, NO_CLASSES, NO_CLASSES), 1), classes, _cost(counts))
    # Apply the whole shift to the first axis that has classes.
    at = next(place for place, count in enumerate(used) if count)
    rows, channels, positions = (
        axis - low if place == at else axis for place, axis in enumerate((rows, channels, positions))
    )
    choice = Choice((rows, channels, positions), number)
    return _Classified(choice, np.clip(totals - low, 0, number - 1), _cost(counts))


def _steps(found: Array, scale: int, resolution: int) -> Integers:
    """Return the base-2 logarithms of sums relative to ``scale``, rounded, in units of 1/resolution."""
    logs = logarithms(10 * found + 3) - logarithms(np.array([10 * scale + 3]))
    steps: Integers = (resolution * logs + (1 << FRACTION - 1) >> FRACTION).astype(np.int32)
    return steps


def _trimmed(sample: _Sample, counts: Array) -> tuple[int, Array]:
    """Merge classes at both ends while that costs no bytes. Also return the number of low classes merged."""
    rows = list(counts)

    def merged(one: Array, other: Array) -> bool:
        apart = sample.price(_cost(one[None])) + sample.price(_cost(other[None]))
        return sample.price(_cost((one + other)[None])) <= apart

    first = 0
    while len(rows) > 1 and merged(rows[0], rows[1]):
        rows[:2] = [rows[0] + rows[1]]
        first += 1
    while len(rows) > 1 and merged(rows[-1], rows[-2]):
        rows[-2:] = [rows[-2] + rows[-1]]
    return first, np.array(rows)


def _near(sample: _Sample, chosen: _Classified, neighbor: int) -> Iterator[_Classified]:
    """Yield the choices with a neighbor, from the largest reach down to 1."""
    block, classes = sample.block, chosen.choice.classes
    reaches = [r for r in REACHES if classes * (2 * r + 1) <= most_tables(block.size)]
    lagging = near_lag(block, neighbor)
    if not lagging or not reaches:
        return
    reach = reaches[-1]
    tables = (2 * reach + 1) * chosen.classes + _neighbors(sample.values, SAMPLE_LANE, lagging, reach)
    cube = sample.counts(tables, classes * (2 * reach + 1)).reshape(classes, -1, WIDTH)
    for reach in reversed(reaches):
        choice = chosen.choice._replace(neighbor=neighbor, reach=reach)
        yield _Classified(choice, chosen.classes, _cost(cube.reshape(-1, WIDTH)))
        if reach > 1:
            inner = cube[:, 1:-1].copy()
            inner[:, 0] += cube[:, 0]
            inner[:, -1] += cube[:, -1]
            cube = inner


def _neighbors(values: Integers, lane: int, lagging: int, reach: int) -> Array:
    """Return the neighbor of each value in its lane, clamped and shifted so that the smallest possible value is 0."""
    found = np.full(len(values), reach, np.int64)
    for start in range(0, len(values) if reach else 0, lane):
        part = values[start : start + lane]
        found[start : start + lane][lagging:] += np.clip(part, -reach, reach)[: max(0, len(part) - lagging)]
    return found


def _cost(counts: Array) -> _Cost:
    """Return the cost of coding values with tables made from their counts."""
    totals = counts.sum(axis=1)
    used = int(np.count_nonzero(counts))
    bits = int(_entropy(totals).sum() - _entropy(counts).sum())
    return _Cost(bits + (used - int(np.count_nonzero(totals))) * OVERFIT, used)


def logarithms(numbers: Array) -> Array:
    """Return log2(n) in units of 2^-16, from a table indexed by the first 12 bits of the mantissa."""
    exponent = np.frexp(numbers.astype(np.float64))[1].astype(np.int64) - 1
    exponent -= (1 << np.maximum(exponent, 0)) > numbers  # float64 can round up to a power of two
    shift = exponent - 12
    mantissa = np.where(shift >= 0, numbers >> np.maximum(shift, 0), numbers << np.maximum(-shift, 0))
    found: Array = (exponent << FRACTION) + LOGS[np.clip(mantissa - (1 << 12), 0, len(LOGS) - 1)]
    return found


def _entropy(numbers: Array) -> Array:
    """Return n · log2(n), or 0 for 0."""
    return np.where(numbers > 0, numbers * logarithms(numbers), 0)


def count(block: Block, lane: int, choice: Choice, first: int, values: Integers, out: NDArray[np.uint64]) -> None:
    """Count the symbols of values in each table.

    Args:
        block: the shape of the block.
        lane: log2 of the number of values per lane.
        choice: the classes and the neighbor.
        first: index of the first value, which must be the first of a lane.
        values: some values of the block.
        out: counts to add to, an array of shape (classes · (2 reach + 1), 128).
    """
    _, classes, neighbor, reach, _ = choice
    tables = _neighbors(values, 1 << lane, lag(block, neighbor), reach)
    if classes > 1:
        totals = Contexts(block, choice.axes, classes, neighbor, reach).totals(first, first + len(values))
        tables += (2 * reach + 1) * np.clip(totals, 0, classes - 1).astype(np.int64)
    places = tables * WIDTH + symbols_of(values)
    out += np.bincount(places, minlength=out.size).reshape(out.shape).astype(np.uint64)


def scale(counts: NDArray[np.uint64], symbols: int) -> NDArray[np.uint16]:
    """Scale counts (tables, symbols) to frequencies that sum to 4096 per table. Symbols that occur keep at least 1."""
    some = counts[:, :symbols].astype(np.int64)
    totals = some.sum(axis=1, keepdims=True)
    found = np.where(some > 0, np.maximum(1, some * TOTAL // np.maximum(totals, 1)), 0)
    rests = np.where(totals[:, 0] > 0, TOTAL - found.sum(axis=1), 0)
    found[np.arange(len(found)), found.argmax(axis=1)] += np.maximum(rests, 0)
    for table in np.flatnonzero(rests < 0):
        row, rest = found[table], -int(rests[table])
        while rest:
            largest = int(row.argmax())
            change = min(rest, max(1, int(row[largest]) // 2))
            row[largest] -= change
            rest -= change
    return found.astype(np.uint16)
