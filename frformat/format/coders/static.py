"""Coder ``static``: integers coded in lanes with stored frequency tables (specification, sections 10.5 to 10.7)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from frformat.format.coders import tables
from frformat.format.coders.adaptive import AdaptiveDecoder, AdaptiveEncoder
from frformat.format.coders.base import Coder
from frformat.format.coders.batches import Batch, Block, batches
from frformat.format.coders.engine import engine
from frformat.format.coders.entropy import entropy_coder
from frformat.format.coders.integers import (
    Integers,
    Plain,
    Sink,
    Source,
    Told,
    cuts,
    leb128,
    malformed,
    read_leb128,
)
from frformat.format.coders.plan import plan
from frformat.format.coders.runs import Run, Runs
from frformat.format.coders.tables import Tables

HEAD_BYTES: Final = 5
"""Number of bytes before the stored size of the tables."""

COUNT: Final = np.dtype("<u2")


class StaticEncoder:
    """Encodes integers; see :class:`~frformat.format.coders.integers.IntegerEncoder`."""

    def integers(self, pieces: Sequence[tuple[Batch, Source]], told: Told) -> bytes:
        """Return the stored bytes of one segment."""
        out = bytearray()
        for batch, source in pieces:
            at = 0
            for block in batch.blocks:
                chosen = plan(block, source, at)
                out += head(chosen)
                counts, words = bytearray(), bytearray()
                lanes = engine().lanes(chosen)
                for start, stop in cuts(0, block.size, lanes.at_once << chosen.lane):
                    found = lanes.encode(start >> chosen.lane, source.part(at + start, at + stop))
                    counts += found[0]
                    words += found[1]
                    told(stop - start)
                out += counts
                out += words
                at += block.size
        return bytes(out)


class StaticDecoder:
    """Decodes integers; see :class:`~frformat.format.coders.integers.IntegerDecoder`."""

    def integers(self, data: memoryview, runs: Runs, sink: Sink) -> None:
        """See :class:`~frformat.format.coders.integers.IntegerDecoder`."""
        base = 0
        for batch in batches(runs):
            for block in batch.blocks:
                data = _read_block(data, block, sink, base)
                base += block.size
        if len(data):
            raise malformed("bytes are left after its values")


class _Side:
    """The runs of integers that are stored before a block's lanes; see :class:`~frformat.format.coders.runs.Runs`."""

    def __init__(self, block: Block, classes: int, reach: int, symbols: int) -> None:
        self.axes = tables.stored_axes(block, classes)
        self.frequency = (classes, 2 * reach + 1, symbols)
        self.run = Run(False, (*((count,) for count in self.axes if count), self.frequency))
        self.total = self.run.size

    def __iter__(self) -> Iterator[Run]:
        yield self.run


def head(chosen: Tables) -> bytes:
    """Encode the data of a block that precedes its counts."""
    side = _Side(chosen.block, chosen.classes, chosen.reach, chosen.symbols)
    integers = np.concatenate([*chosen.axes, chosen.frequency.reshape(-1).astype(np.int32)])
    [batch] = batches(side)
    stored = AdaptiveEncoder(False, False).integers([(batch, Plain(integers))], lambda count: None)
    fields = (chosen.lane, chosen.neighbor, chosen.reach, chosen.classes, chosen.symbols)
    return bytes(fields) + leb128(len(stored)) + stored


def read_head(data: memoryview, block: Block) -> tuple[Tables, int]:
    """Parse the data of a block that precedes its counts; return the data and its size in bytes.

    Raises:
        FrzError: ``STREAM``.
    """
    if len(data) < HEAD_BYTES:
        raise malformed("a block ends within its header")
    lane, neighbor, reach, classes, symbols = data[:HEAD_BYTES]
    if lane not in tables.LANES or not 1 <= symbols <= tables.MOST_SYMBOLS:
        raise malformed("a block has an invalid lane length or number of symbols")
    if neighbor not in tables.NEIGHBORS or reach not in (tables.REACHES if neighbor else (0,)):
        raise malformed("a block has an invalid neighbor")
    if not 1 <= classes <= tables.MOST_CLASSES or classes * (2 * reach + 1) > tables.most_tables(block.size):
        raise malformed("a block has too many tables")
    size, bytes_of_size = read_leb128(data[HEAD_BYTES:])
    start = HEAD_BYTES + bytes_of_size
    if len(data) - start < size:
        raise malformed("a block ends within its tables")
    side = _Side(block, classes, reach, symbols)
    integers: Integers = np.empty(side.total, np.int32)
    AdaptiveDecoder(False, False).integers(data[start : start + size], side, Plain(integers))
    row, channel, position, frequency = np.split(integers, np.cumsum(side.axes))
    if any(axis.size and np.abs(axis).max() > tables.CLASS for axis in (row, channel, position)):
        raise malformed("a class is out of range")
    found = frequency.reshape(-1, symbols)
    sums = found.sum(axis=1, dtype=np.int64)
    if found.min() < 0 or found.max() > tables.TOTAL or not np.isin(sums, (0, tables.TOTAL)).all():
        raise malformed("the frequencies of a table do not sum to 4096")
    axes = (row, channel, position)
    return Tables(block, lane, neighbor, reach, classes, symbols, axes, found.astype(np.uint16)), start + size


def _read_block(data: memoryview, block: Block, sink: Sink, base: int) -> memoryview:
    """Decode one block, whose first value has index ``base``; return the bytes that follow the block."""
    chosen, at = read_head(data, block)
    bytes_of_counts = COUNT.itemsize * chosen.lanes
    if len(data) - at < bytes_of_counts:
        raise malformed("a block ends within its counts")
    counts: NDArray[np.uint16] = np.frombuffer(data[at : at + bytes_of_counts], COUNT)
    at += bytes_of_counts
    lanes = engine().lanes(chosen)
    for start, stop in cuts(0, block.size, lanes.at_once << chosen.lane):
        first = start >> chosen.lane
        some = counts[first : first + lanes.at_once]
        size = 2 * (int(some.sum(dtype=np.int64)) + len(some))
        if len(data) - at < size:
            raise malformed("a block ends within its words")
        if not lanes.decode(first, some, data[at : at + size], sink.room(base + start, base + stop)):
            raise malformed("a lane does not fit its words")
        sink.filled(base + start, base + stop)
        at += size
    return data[at:]


def memory(runs: Runs) -> int:
    """Return the memory for the largest block, in bytes: for its classes, its tables, and tables derived from them."""
    return max((_state(block) for batch in batches(runs) for block in batch.blocks), default=0)


def _state(block: Block) -> int:
    most = min(tables.most_tables(block.size), tables.MOST_CLASSES * (2 * tables.REACHES[-1] + 1))
    numbers = sum(n for n in block if 1 < n < block.size) + most * tables.MOST_SYMBOLS
    return 6 * numbers + 2 * block.columns + 4 * tables.TOTAL * most


STATIC: Final[Coder] = entropy_coder(
    "static", lambda *_: StaticEncoder(), lambda *_: StaticDecoder(), memory, tables=True
)
