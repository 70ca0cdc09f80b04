"""The entropy coders in compiled code. Importing this fails if the package was installed without a C compiler."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from frformat.format.coders.batches import PIECE, Block
from frformat.format.coders.compiled import _native
from frformat.format.coders.integers import Integers
from frformat.format.coders.tables import LOGS, Choice, Sums, Tables, lag, near_lag, stored_axes

Array = NDArray[Any]


class Model:
    """The adaptive state of a group; see :class:`~frformat.format.coders.pure.Model`."""

    def __init__(self, scale: int, confidence: int) -> None:
        self.native: Final = _native.model(scale, confidence)


class Blocks:
    """Values arranged in rows, channels and positions; see :class:`~frformat.format.coders.pure.Blocks`."""

    def __init__(self, model: Model, shapes: Sequence[Block]) -> None:
        self.model: Final = model.native
        self.native: Final = _native.blocks(np.array(shapes, np.uint64))


class Writer:
    """Encodes values; see :class:`~frformat.format.coders.pure.Writer`."""

    def __init__(self) -> None:
        self._native: Final = _native.writer()

    def put(self, blocks: Blocks, values: Integers) -> None:
        """Encode the next values of the blocks."""
        _native.put(self._native, blocks.model, blocks.native, np.ascontiguousarray(values, np.int32))

    def finish(self, least: int) -> bytes:
        """Return the shortest stream that decodes to the encoded values, but at least ``least`` bytes."""
        return _native.finish(self._native, least)


class Reader:
    """Decodes values; see :class:`~frformat.format.coders.pure.Reader`."""

    def __init__(self, data: Any) -> None:
        self._data: Final = memoryview(data)
        self._native: Final = _native.reader(self._data)

    def take(self, blocks: Blocks, out: Integers) -> bool:
        """Decode the next values of the blocks into ``out``; return False if the stream is malformed."""
        return _native.take(self._native, blocks.model, blocks.native, self._data, out)

    def finish(self) -> bool:
        """Return whether the stream was well formed and has no bytes left."""
        return _native.ended(self._native, self._data.nbytes)


class Lanes:
    """Encodes and decodes the lanes of a block; see :class:`~frformat.format.coders.pure.Lanes`."""

    def __init__(self, tables: Tables) -> None:
        self.at_once: Final = max(4, PIECE >> tables.lane)
        axes = (np.ascontiguousarray(axis, np.int32) for axis in tables.axes)
        self._native: Final = _native.lanes(
            tuple(tables.block),
            tables.lane,
            tables.lag,
            tables.reach,
            tables.classes,
            tables.symbols,
            *axes,
            np.ascontiguousarray(tables.frequency, np.uint16),
        )

    def encode(self, first: int, values: Integers) -> tuple[bytes, bytes]:
        """Encode some lanes from lane ``first`` on; return the counts and the words.

        Raises:
            OverflowError: a value has a frequency of 0.
        """
        return _native.encode(self._native, first, np.ascontiguousarray(values, np.int32))

    def decode(self, first: int, counts: NDArray[np.uint16], words: Any, out: Integers) -> bool:
        """Decode some lanes from lane ``first`` on into ``out``; return False if their words are malformed."""
        return _native.decode(self._native, first, np.ascontiguousarray(counts), words, out)


sums = _native.sums


def choose(block: Block, found: Sums, values: Integers, starts: NDArray[np.uint64]) -> Choice:
    """See :func:`frformat.format.coders.pure.planning.choose`."""
    used = stored_axes(block, 2)
    axes: Integers = np.empty(sum(used), np.int32)
    lags = (near_lag(block, 1), near_lag(block, 2), near_lag(block, 3))
    classes, neighbor, reach, bits = _native.choose(block, np.concatenate(found), values, starts, lags, LOGS, axes)
    if classes == 1:
        axes, used = axes[:0], (0, 0, 0)
    rows, channels = used[0], used[0] + used[1]
    return Choice((axes[:rows], axes[rows:channels], axes[channels:]), classes, neighbor, reach, bits)


def count(block: Block, lane: int, choice: Choice, first: int, values: Integers, out: NDArray[np.uint64]) -> None:
    """See :func:`frformat.format.coders.pure.planning.count`."""
    axes, classes, neighbor, reach, _ = choice
    _native.count(block, lane, lag(block, neighbor), reach, classes, *axes, first, values, out)


def scale(counts: NDArray[np.uint64], symbols: int) -> NDArray[np.uint16]:
    """See :func:`frformat.format.coders.pure.planning.scale`."""
    found: NDArray[np.uint16] = np.empty((len(counts), symbols), np.uint16)
    _native.scale(counts, symbols, found)
    return found
