"""What the entropy coders code: integers, which come from a source and go to a sink piece by piece."""

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
"""Is told how many values are done since it was last told."""


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


class IntegerDecoder(Protocol):
    """Decodes them."""

    def integers(self, data: memoryview, runs: Runs, sink: Sink) -> None:
        """Decode one segment's integers, which are all of ``data``.

        Raises:
            FrzError: ``STREAM``.
        """


class IntegerEncoder(Protocol):
    """Codes the integers of the segments of one group, in the order of tiers."""

    def integers(self, pieces: Sequence[tuple[Batch, Source]], told: Told) -> bytes:
        """The stored bytes of one segment's integers."""


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
