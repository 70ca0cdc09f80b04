"""Coder ``zstd``: one Zstandard frame (RFC 8878) of a bounded window."""

from __future__ import annotations

import sys

from frformat.errors import FrzError
from frformat.format import limits
from frformat.format.coders.base import CHUNK, Compressor, Readable, append, check_end

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd


def fill(stored: Readable, out: memoryview) -> None:
    """Decode a segment into exactly ``out``.

    Raises:
        FrzError: ``STREAM``.
    """
    try:
        _fill(stored, out)
    except zstd.ZstdError as error:
        raise FrzError("STREAM", f"the zstd stream is malformed: {error}") from error


def compressor(size: int) -> Compressor:
    """A compressor for ``size`` bytes: of a strong level where that costs little time."""
    made = zstd.ZstdCompressor(level=19 if size < CHUNK else 3)
    made.set_pledged_input_size(size)
    return made


def _fill(stored: Readable, out: memoryview) -> None:
    decompressor = zstd.ZstdDecompressor(options={zstd.DecompressionParameter.window_log_max: limits.ZSTD_WINDOW_LOG})
    filled = 0
    data = stored.read(CHUNK)
    _check_window(data)
    while not decompressor.eof:
        part = decompressor.decompress(data, min(CHUNK, len(out) - filled) + 1)
        filled = append(part, out, filled)
        data = stored.read(CHUNK) if decompressor.needs_input else b""
        if not data and not part:
            break
    check_end(decompressor.eof, decompressor.unused_data or stored.read(1), filled, out)


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
