"""Tables of the static coder: a block's data before its lanes, and the choice of the table that codes each value.

See the specification, sections 10.5 and 10.6.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from frformat.format.coders.batches import Block
from frformat.format.coders.integers import Integers

Array = NDArray[Any]

PRECISION: Final = 12
TOTAL: Final = 1 << PRECISION
"""The sum of the frequencies of a table."""

LANES: Final = range(8, 15)
NEIGHBORS: Final = range(4)
REACHES: Final = range(1, 5)
MOST_CLASSES: Final = 64
MOST_SYMBOLS: Final = 127
WIDTH: Final = 128
"""Length of a row of counts, which has an entry for each symbol."""

CLASS: Final = 4096
"""Maximum magnitude of the class of a row, a channel or a position."""

HALVES: Final = np.arange(MOST_SYMBOLS) + 1 >> 1
BITS: Final = np.where(HALVES < 8, 0, (HALVES - 2 >> 1) - 1)
"""Number of extra bits of each symbol."""

BASES: Final = np.where(HALVES < 8, HALVES, (2 + HALVES % 2) << BITS)
"""The smallest magnitude of each symbol."""

SIGNS: Final = np.where(np.arange(MOST_SYMBOLS) % 2, -1, 1)

SAMPLE_LANE: Final = 1 << 12
"""Number of values in each lane of a sample."""

FRACTION: Final = 16
"""Number of fractional bits of logarithms."""

LOGS: Final = np.rint(np.log2(np.arange(1 << 12, 1 << 13) / (1 << 12)) * (1 << FRACTION)).astype(np.int64)
"""Base-2 logarithms of evenly spaced numbers from 1 to 2, in units of 2^-16."""

_SMALL: Final = 256
_POWERS: Final = np.frexp(np.maximum(np.arange(_SMALL), 1))[1] - 1


def _halves(magnitudes: Array, powers: Array) -> Array:
    top = magnitudes >> np.maximum(powers - 1, 0) & 1
    return np.where(magnitudes < 8, magnitudes, 2 * powers + 2 + top)


_TABLE: Final = (2 * _halves(np.arange(_SMALL), _POWERS)).astype(np.uint8)


def symbols_of(values: Integers) -> NDArray[np.uint8]:
    """Return the symbol of each value."""
    magnitudes = np.abs(values).reshape(-1)
    found: NDArray[np.uint8] = _TABLE[np.minimum(magnitudes, _SMALL - 1)]
    large = np.flatnonzero(magnitudes >= _SMALL)
    if large.size:
        size = magnitudes[large].astype(np.int64)
        found[large] = 2 * _halves(size, np.frexp(size.astype(np.float64))[1] - 1)
    found -= values.reshape(-1) < 0
    return found.reshape(values.shape)


def most_tables(values: int) -> int:
    """Return the maximum number of tables for a block with this many values."""
    return 1 + values // 256


Axes = tuple[Integers, Integers, Integers]


class Sums(NamedTuple):
    """The sums of the magnitudes in a block, as int64 arrays.

    Attributes:
        rows: one sum per row.
        channels: one sum per channel.
        positions: one sum per position.
    """

    rows: NDArray[np.int64]
    channels: NDArray[np.int64]
    positions: NDArray[np.int64]


class Choice(NamedTuple):
    """A choice of how to code a block; see :class:`Tables`.

    Attributes:
        axes: the classes of rows, channels and positions.
        classes: number of classes.
        neighbor: number that identifies the neighbor.
        reach: magnitude to which the neighbor is clamped.
        bits: approximate size of the sample, in units of 2^-16 bits.
    """

    axes: Axes
    classes: int
    neighbor: int = 0
    reach: int = 0
    bits: int = 0


@dataclass(frozen=True)
class Tables:
    """The data of a block that precedes its lanes.

    Attributes:
        block: the shape of the block.
        lane: log2 of the number of values per lane.
        neighbor: the neighbor that helps to select the table: 0 for none, 1 for the previous value, 2 for the value
            one channel before, and 3 for the value one row before.
        reach: magnitude to which the neighbor is clamped; 0 without a neighbor.
        classes: number of classes.
        symbols: number of frequencies per table.
        axes: the classes of rows, channels and positions; an empty array means that all are 0.
        frequency: uint16 array of shape (classes · (2 reach + 1), symbols).
    """

    block: Block
    lane: int
    neighbor: int
    reach: int
    classes: int
    symbols: int
    axes: tuple[Integers, Integers, Integers]
    frequency: NDArray[np.uint16]

    @property
    def lag(self) -> int:
        """Distance from a value back to its neighbor."""
        return lag(self.block, self.neighbor)

    @property
    def lanes(self) -> int:
        """Number of lanes in the block."""
        return -(-self.block.size >> self.lane)


def lag(block: Block, neighbor: int) -> int:
    """Return the distance from a value back to its neighbor."""
    return (0, 1, block.positions, block.columns)[neighbor]


def near_lag(block: Block, neighbor: int) -> int:
    """Return the distance from a value back to its neighbor if tables for it could pay off, and 0 otherwise."""
    # If an axis has length 1, its neighbor is the same value as that of another axis.
    if (neighbor == 2 and block.positions == 1) or (neighbor == 3 and block.columns == 1):
        return 0
    found = lag(block, neighbor)
    # Enough values must have their neighbor in the same lane.
    return found if 4 * found <= 1 << LANES[-1] and found < block.size else 0


def stored_axes(block: Block, classes: int) -> tuple[int, int, int]:
    """Return how many classes of rows, channels and positions are stored: 0 for an axis where they have no effect."""
    rows, channels, positions = (0 if classes == 1 or n in (1, block.size) else n for n in block)
    return rows, channels, positions


class Contexts:
    """Selects the table of each value.

    Args:
        block: the shape of the block.
        axes: see :class:`Tables`.
        classes: number of classes.
        neighbor: see :class:`Tables`.
        reach: see :class:`Tables`.
    """

    def __init__(
        self, block: Block, axes: tuple[Integers, Integers, Integers], classes: int, neighbor: int, reach: int
    ) -> None:
        self._block = block
        self._classes = classes
        self._reach = reach
        self._lag = lag(block, neighbor)
        self._row, channel, position = (found.astype(np.int16) for found in axes)
        self._column = np.zeros(0, np.int16)
        if channel.size or position.size:
            channel = channel if channel.size else np.zeros(block.channels, np.int16)
            position = position if position.size else np.zeros(block.positions, np.int16)
            self._column = (channel[:, None] + position).reshape(-1)

    def totals(self, start: int, stop: int) -> Array:
        """Return the sum of classes for each value from ``start`` to ``stop`` − 1, or one sum that applies to all."""
        columns = self._block.columns
        row, at = divmod(start, columns)
        last, end = divmod(stop - 1, columns)
        if not self._row.size and not self._column.size:
            return np.zeros(1, np.int16)
        rows = self._row if self._row.size else np.zeros(self._block.rows, np.int16)
        column = self._column if self._column.size else np.zeros(columns, np.int16)
        if row == last:
            part: Array = rows[row] + column[at : end + 1]
            return part
        if columns > stop - start:
            return np.concatenate([rows[row] + column[at:], rows[last] + column[: end + 1]])
        return (rows[row : last + 1, None] + column).reshape(-1)[at : at + stop - start]

    def classes(self, start: int, stop: int) -> Array:
        """Return the class of each value from ``start`` to ``stop`` − 1, or one class that applies to all."""
        found: Array = np.clip(self.totals(start, stop), 0, self._classes - 1)
        return found

    def of(self, lanes: Integers, start: int) -> NDArray[np.int32]:
        """Return the tables for whole lanes.

        Args:
            lanes: values, as an array of shape (lanes, values per lane).
            start: index of the first value.
        """
        found = np.zeros(lanes.shape, np.int32)
        found.reshape(-1)[:] = self.classes(start, start + lanes.size)
        if self._reach:
            found *= 2 * self._reach + 1
            found += self._reach
            late = found[:, self._lag :]
            late += np.clip(lanes[:, : late.shape[1]], -self._reach, self._reach)
        return found
