"""Coders: a segment's values ↔ its stored bytes (specification, section 8)."""

from __future__ import annotations

import sys
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray

from frformat import limits
from frformat.dictionary import DICTIONARY
from frformat.errors import FrzError

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

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


def byte_view(array: Array) -> memoryview:
    """The bytes of a C-contiguous array, without a copy."""
    return array.reshape(-1).view(np.uint8).data


def fill(coder: str, stored: Readable, out: memoryview) -> None:
    """Decode a segment of coder ``none``, ``deflate`` or ``zstd`` into exactly ``out``.

    Raises:
        FrzError: ``STREAM``.
    """
    try:
        _FILLERS[coder](stored, out)
    except (zlib.error, zstd.ZstdError) as error:
        raise FrzError("STREAM", f"the {coder} stream is malformed: {error}") from error


def write(coder: str, arrays: Sequence[Array], out: Writable, progress: Callable[[int], None] | None = None) -> None:
    """Code ``arrays``, one after the other, by ``none``, ``deflate`` or ``zstd``.

    Args:
        coder: name of the coder.
        arrays: C-contiguous arrays.
        out: takes the stored bytes.
        progress: told the number of bytes of ``arrays`` that are done since it was last told.
    """
    # The strongest level where that costs little time, the usual one for what is large.
    size = sum(array.nbytes for array in arrays)
    small = size < CHUNK
    compressor: Any = None
    if coder == "deflate":
        compressor = zlib.compressobj(9 if small else 6, zlib.DEFLATED, -15)
    elif coder == "zstd":
        compressor = zstd.ZstdCompressor(level=19 if small else 3)
        compressor.set_pledged_input_size(size)
    for chunk in _chunks(arrays):
        out.write(compressor.compress(chunk) if compressor else chunk)
        if progress:
            progress(len(chunk))
    if compressor:
        out.write(compressor.flush())


def inflate(data: bytes, length: int) -> bytes:
    """The directory from its raw DEFLATE stream, which must hold ``length`` bytes.

    Raises:
        FrzError: ``STREAM``.
    """
    decompressor = zlib.decompressobj(-15, zdict=DICTIONARY)
    try:
        out = decompressor.decompress(data, length + 1)
    except zlib.error as error:
        raise FrzError("STREAM", f"the deflate stream is malformed: {error}") from error
    if len(out) != length or not decompressor.eof or decompressor.unused_data:
        raise FrzError("STREAM", f"the deflate stream does not hold the {length} bytes it should")
    return out


def deflate(data: bytes) -> bytes:
    """The directory ``data`` as the shortest raw DEFLATE stream that zlib finds."""
    streams = []
    for strategy in (zlib.Z_DEFAULT_STRATEGY, zlib.Z_FILTERED, zlib.Z_FIXED):
        compressor = zlib.compressobj(9, zlib.DEFLATED, -15, 9, strategy, DICTIONARY)
        streams.append(compressor.compress(data) + compressor.flush())
    return min(streams, key=len)


def _chunks(arrays: Iterable[Array]) -> Iterator[memoryview]:
    for array in arrays:
        view = byte_view(array)
        for start in range(0, len(view), CHUNK):
            yield view[start : start + CHUNK]


def _fill_none(stored: Readable, out: memoryview) -> None:
    for start in range(0, len(out), CHUNK):
        stored.readinto(out[start : start + CHUNK])


def _fill_deflate(stored: Readable, out: memoryview) -> None:
    decompressor = zlib.decompressobj(-15)
    filled = 0
    data = stored.read(CHUNK)
    while not decompressor.eof:
        part = decompressor.decompress(data, min(CHUNK, len(out) - filled) + 1)
        filled = _append(part, out, filled)
        data = decompressor.unconsumed_tail or stored.read(CHUNK)
        if not data and not part:
            break
    _check_end(decompressor.eof, decompressor.unused_data or stored.read(1), filled, out)


def _fill_zstd(stored: Readable, out: memoryview) -> None:
    decompressor = zstd.ZstdDecompressor(options={zstd.DecompressionParameter.window_log_max: limits.ZSTD_WINDOW_LOG})
    filled = 0
    data = stored.read(CHUNK)
    _check_window(data)
    while not decompressor.eof:
        part = decompressor.decompress(data, min(CHUNK, len(out) - filled) + 1)
        filled = _append(part, out, filled)
        data = stored.read(CHUNK) if decompressor.needs_input else b""
        if not data and not part:
            break
    _check_end(decompressor.eof, decompressor.unused_data or stored.read(1), filled, out)


def _check_window(data: bytes) -> None:
    """The window that a frame declares (RFC 8878, section 3.1.1.1); the library lets pass what it can do without."""
    if len(data) < 6:
        return
    if data[4] & 0x20:  # a single segment, whose window is its content
        window = zstd.get_frame_info(data[:18]).decompressed_size or 0
    else:
        base = 1 << (10 + (data[5] >> 3))
        window = base + base // 8 * (data[5] & 7)
    if window > 1 << limits.ZSTD_WINDOW_LOG:
        raise FrzError("STREAM", f"the zstd frame has a window of {window} bytes, more than 8 MiB")


def _append(part: bytes, out: memoryview, filled: int) -> int:
    if len(part) > len(out) - filled:
        raise FrzError("STREAM", f"the stream holds more than the {len(out)} bytes of its values")
    out[filled : filled + len(part)] = part
    return filled + len(part)


def _check_end(eof: bool, left: bytes, filled: int, out: memoryview) -> None:
    if not eof or filled != len(out):
        raise FrzError("STREAM", f"the stream ends after {filled} of the {len(out)} bytes of its values")
    if left:
        raise FrzError("STREAM", "bytes are left after the stream")


_FILLERS: Final[dict[str, Callable[[Readable, memoryview], None]]] = {
    "none": _fill_none,
    "deflate": _fill_deflate,
    "zstd": _fill_zstd,
}
