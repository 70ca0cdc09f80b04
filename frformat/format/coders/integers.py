"""The data of the entropy coders: sources that provide integers and sinks that receive them, one part at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from frformat.errors import FrzError
from frformat.format.coders.batches import PIECE, Batch
from frformat.format.coders.runs import Runs

Integers = NDArray[np.int32]
Told = Callable[[int], None]
"""Function to call with the number of values that were processed since the last call."""


class Source(Protocol):
    """Provides the integers to code."""

    def part(self, start: int, stop: int) -> Integers:
        """Return some of the integers as a C-contiguous array, which the caller does not modify."""


class Sink(Protocol):
    """Receives decoded integers, in order."""

    def room(self, start: int, stop: int) -> Integers:
        """Return an array to fill with the integers from ``start`` up to ``stop``."""

    def filled(self, start: int, stop: int) -> None:
        """Process the integers that have been written to the array from :meth:`room`."""


class Plain:
    """An array of integers that is both a source and a sink."""

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


class IntegerDecoder(Protocol):
    """Decodes integers."""

    def integers(self, data: memoryview, runs: Runs, sink: Sink) -> None:
        """Decode one segment's integers from ``data``, which must contain nothing else.

        Raises:
            FrzError: ``STREAM``.
        """


class IntegerEncoder(Protocol):
    """Encodes the integers of the segments of one group, in the order of tiers."""

    def integers(self, pieces: Sequence[tuple[Batch, Source]], told: Told) -> bytes:
        """Return the stored bytes of one segment's integers."""


def cuts(start: int, stop: int, size: int = PIECE) -> Iterator[tuple[int, int]]:
    """Yield ranges of at most ``size`` values."""
    for at in range(start, stop, size):
        yield at, min(at + size, stop)


def malformed(what: str) -> FrzError:
    """Return the error for a malformed stream."""
    return FrzError("STREAM", f"a coded segment is malformed: {what}")


def read_leb128(data: memoryview) -> tuple[int, int]:
    """Parse a number in LEB128; return it and the number of bytes that it takes.

    Raises:
        FrzError: ``STREAM``.
    """
    number = 0
    for place, byte in enumerate(data[:7]):
        number |= (byte & 127) << 7 * place
        if byte < 128:
            return number, place + 1
    raise malformed("the size of a part has too many bytes or is incomplete")


def leb128(number: int) -> bytes:
    """Encode a number in LEB128."""
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    return bytes([*out, number])
