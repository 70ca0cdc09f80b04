"""What the byte coders share: where stored bytes come from and go to, and the bounds of a stream."""

from __future__ import annotations

from typing import Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray

from frformat.errors import FrzError

Array = NDArray[Any]

CHUNK: Final = 1 << 20
"""Bytes handled at a time, so that a large tensor is never held twice."""


class Readable(Protocol):
    """The stored bytes of a segment, in order."""

    def read(self, size: int) -> bytes:
        """At most ``size`` bytes; none at the end."""

    def readinto(self, buffer: memoryview) -> int:
        """Fill ``buffer``, or as much of it as is left; returns how much."""


class Writable(Protocol):
    """Where stored bytes go."""

    def write(self, data: bytes | memoryview, /) -> object:
        """Take all of ``data``."""


class Compressor(Protocol):
    """Turns the bytes of a segment into stored bytes, a chunk at a time."""

    def compress(self, data: memoryview, /) -> bytes | memoryview:
        """The stored bytes that are ready once ``data`` is in."""

    def flush(self) -> bytes:
        """The rest of them."""


class ByteCoder(Protocol):
    """What the module of a byte coder provides."""

    def fill(self, stored: Readable, out: memoryview) -> None:
        """Decode a segment into exactly ``out``.

        Raises:
            FrzError: ``STREAM``.
        """

    def compressor(self, size: int) -> Compressor:
        """A compressor for ``size`` bytes: as strong as it can be where that costs little time."""


def byte_view(array: Array) -> memoryview:
    """The bytes of a C-contiguous array, without a copy."""
    return array.reshape(-1).view(np.uint8).data


def append(part: bytes, out: memoryview, filled: int) -> int:
    """Put the next part of a decoded stream into ``out``; returns how much of it is filled."""
    if len(part) > len(out) - filled:
        raise FrzError("STREAM", f"the stream holds more than the {len(out)} bytes of its values")
    out[filled : filled + len(part)] = part
    return filled + len(part)


def check_end(eof: bool, left: bytes, filled: int, out: memoryview) -> None:
    """Check that a stream ended, filled ``out``, and that nothing comes after it."""
    if not eof or filled != len(out):
        raise FrzError("STREAM", f"the stream ends after {filled} of the {len(out)} bytes of its values")
    if left:
        raise FrzError("STREAM", "bytes are left after the stream")
