"""Coder ``zstd``: one Zstandard frame (RFC 8878) with a bounded window."""

from __future__ import annotations

import sys
from itertools import chain
from typing import Final

from frformat.errors import FrzError
from frformat.format import limits
from frformat.format.coders.base import CHUNK, Coder, Compressor, Readable
from frformat.format.coders.bytewise import byte_coder, decompress, decompression
from frformat.format.coders.runs import Runs

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd


BLOCKS: Final = 1 << 18
"""The memory of the decompressor for blocks, in addition to the window."""


def _fill(stored: Readable, out: memoryview) -> None:
    decompressor = zstd.ZstdDecompressor(options={zstd.DecompressionParameter.window_log_max: limits.ZSTD_WINDOW_LOG})
    first = stored.read(CHUNK)
    chunks = chain([first], iter(lambda: stored.read(CHUNK), None))
    try:
        _check_window(first)
        decompress(decompressor, lambda: next(chunks) if decompressor.needs_input else b"", stored, out)
    except zstd.ZstdError as error:
        raise FrzError("STREAM", f"the zstd stream is malformed: {error}") from error


def _check_window(data: bytes) -> None:
    """Check the window of a frame (RFC 8878, section 3.1.1.1), which the library ignores if it does not need it."""
    if len(data) < 6:
        return
    if data[4] & 0x20:  # the frame is a single segment, and its window is its content
        window = zstd.get_frame_info(data[:18]).decompressed_size or 0
    else:
        base = 1 << (10 + (data[5] >> 3))
        window = base + base // 8 * (data[5] & 7)
    if window > 1 << limits.ZSTD_WINDOW_LOG:
        raise FrzError("STREAM", f"the zstd frame has a window of {window} bytes, more than 8 MiB")


def _compressor(size: int) -> Compressor:
    made = zstd.ZstdCompressor(level=19 if size < CHUNK else 3)
    made.set_pledged_input_size(size)
    return made


def quick_size(data: bytes) -> int:
    """Return the size of ``data`` at the fastest compression level."""
    return len(zstd.compress(data, 1))


def _memory(value_type: str, runs: Runs, stored: int) -> int:
    return decompression(value_type, runs, stored, (1 << limits.ZSTD_WINDOW_LOG) + BLOCKS)


ZSTD: Final[Coder] = byte_coder("zstd", _fill, _compressor, memory=_memory)
