"""What coders share: where stored bytes come from and go to, what the values of a segment are, and what a coder is."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Shape = tuple[int, ...]
Progress = Callable[[int], None]

CHUNK: Final = 1 << 20
"""Bytes handled at a time, so that a large tensor is never held twice."""


class Readable(Protocol):
    """The stored bytes of a segment, in order."""

    def read(self, size: int) -> bytes:
        """At most ``size`` bytes; none at the end."""

    def readinto(self, buffer: memoryview) -> int:
        """Fill ``buffer``, or as much of it as is left; returns how much."""

    def rest(self) -> bytes:
        """All bytes that are left, once their checksum has matched.

        Raises:
            FrzError: ``CHECKSUM``.
        """


class Writable(Protocol):
    """Where stored bytes go."""

    def write(self, data: bytes | memoryview, /) -> object:
        """Take all of ``data``."""


class Run(NamedTuple):
    """Values of one tensor in one segment that belong together.

    Attributes:
        offsets: they are step offsets, not entries of a core.
        blocks: what they are, one after the other: row-major blocks of these shapes.
    """

    offsets: bool
    blocks: tuple[Shape, ...]

    @property
    def size(self) -> int:
        """How many values there are."""
        return sum(map(math.prod, self.blocks))


class Runs(Protocol):
    """The values of a segment, tensor after tensor; can be gone through more than once.

    Attributes:
        total: how many there are.
    """

    total: int

    def __iter__(self) -> Iterator[Run]:
        """What they are."""


class Decoder(Protocol):
    """Decodes the segments of one group, in the order of tiers."""

    def decode(self, stored: Readable, runs: Runs) -> Array:
        """The values of one segment: array of shape (runs.total,).

        Raises:
            FrzError: ``STREAM`` or ``CHECKSUM``.
        """


class Encoder(Protocol):
    """Codes the segments of one group, in the order of tiers."""

    def encode(self, pieces: Iterable[tuple[Run, Array]], out: Writable, progress: Progress | None = None) -> None:
        """Code one segment.

        Args:
            pieces: the runs, each with its values: C-contiguous arrays of the group's type of values.
            out: takes the stored bytes.
            progress: told the number of bytes of values that are done since it was last told.
        """


Make = Callable[[str, bool], Any]
"""Makes a coder's decoder or encoder of one group, for a type of values, a key of :data:`~frformat.dtypes.DTYPES`, and
whether there are step offsets among them."""


def _no_memory(runs: Runs, stored: int) -> int:
    return 0


@dataclass(frozen=True)
class Coder:
    """A way to code segments.

    Attributes:
        name: as the specification calls it.
        decoder: makes a :class:`Decoder`.
        encoder: makes an :class:`Encoder`.
        integers: it takes integers, for which there are steps.
        types: types of exact values that it takes; None for all.
        plain: the stored bytes are the values, so that a part of them can be read.
        bounded: how many values it can make of a stored byte is limited by the format.
        slow: it reads tens of millions of values a second at most.
        tables: it stores tables for each tensor, which are not worth it for small ones.
        memory: bytes that decoding takes beside the values, given these and how many bytes are stored.
    """

    name: str
    decoder: Make
    encoder: Make
    integers: bool = False
    types: Sequence[str] | None = None
    plain: bool = False
    bounded: bool = False
    slow: bool = False
    tables: bool = False
    memory: Callable[[Runs, int], int] = _no_memory

    @property
    def general(self) -> bool:
        """It compresses bytes, of whatever they are."""
        return not self.integers and not self.plain

    def takes(self, value_type: str, *, integers: bool) -> bool:
        """Whether it codes values of a type, which are integers with steps or exact values."""
        return self.integers if integers else self.types is None or value_type in self.types


class Compressor(Protocol):
    """Turns the bytes of a segment into stored bytes, a chunk at a time."""

    def compress(self, data: memoryview, /) -> bytes | memoryview:
        """The stored bytes that are ready once ``data`` is in."""

    def flush(self) -> bytes:
        """The rest of them."""


def byte_view(array: Array) -> memoryview:
    """The bytes of a C-contiguous array, without a copy."""
    return array.reshape(-1).view(np.uint8).data
