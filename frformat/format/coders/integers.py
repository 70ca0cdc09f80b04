"""What the entropy coders code: integers, which come from a source and go to a sink piece by piece."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Final, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from frformat.errors import FrzError
from frformat.format.coders.base import Run, Runs

Integers = NDArray[np.int32]
Told = Callable[[int], None]
"""Is told how many values are done since it was last told."""

PIECE: Final = 1 << 16
"""So many values are coded between two looks at whether to go on."""


class Source(Protocol):
    """Integers to be coded."""

    def part(self, start: int, stop: int) -> Integers:
        """Some of them, as a C-contiguous array that is only read."""


class Sink(Protocol):
    """Where decoded integers go, in order."""

    def room(self, start: int, stop: int) -> Integers:
        """An array to be filled with the integers from ``start`` up to ``stop``."""

    def filled(self, start: int, stop: int) -> None:
        """It has been filled."""


class Plain:
    """Integers that are in an array, or go into one."""

    def __init__(self, array: Integers) -> None:
        self._array = array.reshape(-1)

    def part(self, start: int, stop: int) -> Integers:
        """See :class:`Source`."""
        return self._array[start:stop]

    def room(self, start: int, stop: int) -> Integers:
        """See :class:`Sink`."""
        return self._array[start:stop]

    def filled(self, start: int, stop: int) -> None:
        """See :class:`Sink`."""


class IntegerEncoder(Protocol):
    """Codes the integers of the segments of one group, in the order of tiers."""

    def integers(self, pieces: Sequence[tuple[Run, Source]], told: Told) -> bytes:
        """The stored bytes of one segment's integers."""


class IntegerDecoder(Protocol):
    """Decodes them."""

    def integers(self, data: memoryview, runs: Runs, sink: Sink) -> None:
        """Decode one segment's integers, which are all of ``data``.

        Raises:
            FrzError: ``STREAM``.
        """


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


def blocks(run: Run) -> Iterator[tuple[int, Block]]:
    """The blocks of a run, each with the number of its first value within the run."""
    at = 0
    for shape in run.blocks:
        found = block(shape)
        yield at, found
        at += found.size


def cuts(start: int, stop: int, size: int = PIECE) -> Iterator[tuple[int, int]]:
    """Pieces of at most so many values."""
    for at in range(start, stop, size):
        yield at, min(at + size, stop)


def malformed(what: str) -> FrzError:
    """The error of a stream that cannot be right."""
    return FrzError("STREAM", f"a coded segment is malformed: {what}")


def read_leb128(data: memoryview) -> tuple[int, int]:
    """A number in LEB128, and how many bytes it takes.

    Raises:
        FrzError: ``STREAM``.
    """
    number = 0
    for place, byte in enumerate(data[:7]):
        number |= (byte & 127) << 7 * place
        if byte < 128:
            return number, place + 1
    raise malformed("the size of a part does not end")


def leb128(number: int) -> bytes:
    """A number in LEB128."""
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    return bytes([*out, number])
