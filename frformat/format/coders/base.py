"""The interface of coders: sources and sinks of stored bytes, the values of a segment, and the coder itself."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray

from frformat.format.coders.batches import Pieces
from frformat.format.coders.runs import Runs

Array = NDArray[Any]
Progress = Callable[[int], None]

CHUNK: Final = 1 << 20
"""Number of bytes processed at a time, so that a large tensor is never held twice."""


class Readable(Protocol):
    """The stored bytes of a segment, in order."""

    def read(self, size: int) -> bytes:
        """Return at most ``size`` bytes; none at the end."""

    def readinto(self, buffer: memoryview) -> int:
        """Fill ``buffer`` with as many bytes as are left, and return their number."""

    def rest(self) -> bytes:
        """Return all remaining bytes, once their checksum has matched.

        Raises:
            FrzError: ``CHECKSUM``.
        """


class Writable(Protocol):
    """A sink for stored bytes."""

    def write(self, data: bytes | memoryview, /) -> object:
        """Write all of ``data``."""


class Decoder(Protocol):
    """Decodes the segments of one group, in the order of tiers."""

    def decode(self, stored: Readable, runs: Runs) -> Array:
        """Return the values of one segment: array of shape (runs.total,).

        Raises:
            FrzError: ``STREAM`` or ``CHECKSUM``.
        """


class Encoder(Protocol):
    """Codes the segments of one group, in the order of tiers."""

    def encode(self, pieces: Pieces, out: Writable, progress: Progress | None = None) -> None:
        """Code one segment.

        Args:
            pieces: the content of the segment, in the group's value type.
            out: sink for the stored bytes.
            progress: called with the number of bytes of values done since the last call.
        """


Make = Callable[[str, bool], Any]
"""Makes a coder's decoder or encoder for one group, given its value type, a key of :data:`~frformat.dtypes.DTYPES`, and
whether it has step offsets."""


def _no_memory(runs: Runs, stored: int) -> int:
    return 0


@dataclass(frozen=True)
class Coder:
    """A way to code segments.

    Attributes:
        name: its name in the specification.
        decoder: makes a :class:`Decoder`.
        encoder: makes an :class:`Encoder`.
        integers: it accepts integers, which groups with steps have.
        types: types of exact values that it accepts; None means all.
        plain: the stored bytes are the values, so parts of them can be read.
        bounded: the format limits how many values one stored byte can give.
        slow: it decodes at most tens of millions of values per second.
        tables: it stores tables for each tensor, which do not pay off for small ones.
        memory: bytes that decoding needs besides the values, given these and the number of stored bytes.
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
        """Whether it compresses bytes of any kind."""
        return not self.integers and not self.plain

    def takes(self, value_type: str, *, integers: bool) -> bool:
        """Return whether it accepts values of a type: integers with steps, or exact values."""
        return self.integers if integers else self.types is None or value_type in self.types


class Compressor(Protocol):
    """Compresses the bytes of a segment, one chunk at a time."""

    def compress(self, data: memoryview, /) -> bytes | memoryview:
        """Compress ``data``, and return the stored bytes that are ready."""

    def flush(self) -> bytes:
        """Return the remaining stored bytes."""


def byte_view(array: Array) -> memoryview:
    """Return the bytes of a C-contiguous array, without a copy."""
    return array.reshape(-1).view(np.uint8).data
