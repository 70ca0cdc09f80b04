"""The interface of coders: the sources and sinks of stored bytes, and the coders themselves."""

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
"""Number of bytes to process at a time, so that memory never contains a second copy of a large tensor."""


class Readable(Protocol):
    """The stored bytes of a segment, in order."""

    def read(self, size: int) -> bytes:
        """Return at most ``size`` bytes; empty at the end."""

    def readinto(self, buffer: memoryview) -> int:
        """Fill ``buffer`` with as many bytes as remain, and return their number."""

    def rest(self) -> bytes:
        """Return all remaining bytes after verifying their checksum.

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
        """Return the values of one segment, an array of shape (runs.total,).

        Raises:
            FrzError: ``STREAM`` or ``CHECKSUM``.
        """


class Encoder(Protocol):
    """Encodes the segments of one group, in the order of tiers."""

    def encode(self, pieces: Pieces, out: Writable, progress: Progress | None = None) -> None:
        """Encode one segment.

        Args:
            pieces: the content of the segment, in the type of the group's stored values.
            out: sink for the stored bytes.
            progress: function to call with the number of bytes of values that were processed since the last call.
        """


Make = Callable[[str, bool], Any]
"""Creates a coder's decoder or encoder for one group. The arguments are the type of the group's stored values (a key of
:data:`~frformat.dtypes.DTYPES`) and whether the group has step offsets."""


Memory = Callable[[str, Runs, int], int]
"""Returns the number of bytes that decoding a segment needs in addition to its values, given the type of the stored
values, the runs and the number of stored bytes."""


def no_memory(value_type: str, runs: Runs, stored: int) -> int:
    """Return 0: values are decoded in place. See :data:`Memory`."""
    return 0


@dataclass(frozen=True)
class Coder:
    """A way to encode and decode segments.

    Attributes:
        name: its name in the specification.
        decoder: creates a :class:`Decoder`.
        encoder: creates an :class:`Encoder`.
        integers: whether it accepts integers, which groups with steps or differences contain.
        types: the types of exact values that it accepts; None for all.
        plain: whether the stored bytes are the values themselves, so that parts of them can be read.
        slow: whether it decodes no more than tens of millions of values per second.
        tables: whether it stores tables for each tensor, which do not pay off for small tensors.
        memory: see :data:`Memory`. Buffers of the coder's own code in C count, those of the interpreter do not.
    """

    name: str
    decoder: Make
    encoder: Make
    integers: bool = False
    types: Sequence[str] | None = None
    plain: bool = False
    slow: bool = False
    tables: bool = False
    memory: Memory = no_memory

    @property
    def bounded(self) -> bool:
        """Whether the format limits the number of values that one stored byte can represent."""
        return self.integers

    @property
    def general(self) -> bool:
        """Whether it compresses arbitrary bytes."""
        return not self.integers and not self.plain

    def takes(self, value_type: str, *, integers: bool) -> bool:
        """Return whether it accepts values of this type, either as integers or as exact values."""
        return self.integers if integers else self.types is None or value_type in self.types


class Compressor(Protocol):
    """Compresses the bytes of a segment, one chunk at a time."""

    def compress(self, data: memoryview, /) -> bytes | memoryview:
        """Compress ``data``, and return the stored bytes that are available so far."""

    def flush(self) -> bytes:
        """Return the remaining stored bytes."""


def byte_view(array: Array) -> memoryview:
    """Return the bytes of a C-contiguous array, without a copy."""
    return array.reshape(-1).view(np.uint8).data
