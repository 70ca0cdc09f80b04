"""Build byte coders from a function that fills memory with decoded bytes and a function that creates compressors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from frformat.dtypes import DTYPES
from frformat.errors import FrzError
from frformat.format.coders.base import (
    CHUNK,
    Array,
    Coder,
    Compressor,
    Memory,
    Progress,
    Readable,
    Writable,
    byte_view,
    no_memory,
)
from frformat.format.coders.batches import Pieces
from frformat.format.coders.runs import Runs

Fill = Callable[[Readable, memoryview], None]
"""Decodes a segment into memory of exactly its size; raises ``STREAM``."""

MakeCompressor = Callable[[int], Compressor]
"""Creates a compressor for a given number of bytes, at the highest level that does not take long."""


def byte_coder(
    name: str, fill: Fill, compressor: MakeCompressor, *, plain: bool = False, memory: Memory = no_memory
) -> Coder:
    """Build a coder of exact values from ``fill`` and ``compressor``."""
    return Coder(
        name, lambda kind, _: _Decoder(fill, kind), lambda *_: _Encoder(compressor), plain=plain, memory=memory
    )


def decompression(value_type: str, runs: Runs, stored: int, window: int) -> int:
    """Return the bytes that :func:`decompress` needs: two chunks of input, one of output, and a window.

    Args:
        value_type: the type of the stored values.
        runs: the runs of the segment.
        stored: number of stored bytes.
        window: the most bytes that the decompressor itself takes; it takes no more than the values.
    """
    decoded = runs.total * DTYPES[value_type].itemsize
    return 2 * min(CHUNK, stored) + min(CHUNK, decoded) + min(window, decoded)


def decompress(decompressor: Any, feed: Callable[[], bytes], stored: Readable, out: memoryview) -> None:
    """Decompress one stream into ``out``, one chunk at a time; the stream must fill ``out`` exactly.

    Args:
        decompressor: an object with ``decompress(data, max_length)``, ``eof`` and ``unused_data``, as in zlib and zstd.
        feed: returns the next bytes to decompress; empty if the decompressor still has input, or at the end.
        stored: the source that ``feed`` reads from.
        out: destination of the decompressed bytes.

    Raises:
        FrzError: ``STREAM``: the stream is longer or shorter than ``out``, or other bytes follow it.
    """
    filled = 0
    while not decompressor.eof:
        data = feed()
        part = decompressor.decompress(data, min(CHUNK, len(out) - filled) + 1)
        if len(part) > len(out) - filled:
            raise FrzError("STREAM", f"the stream contains more than the {len(out)} bytes of its values")
        out[filled : filled + len(part)] = part
        filled += len(part)
        if not data and not part:
            break
    if not decompressor.eof or filled != len(out):
        raise FrzError("STREAM", f"the stream ends after {filled} of the {len(out)} bytes of its values")
    if decompressor.unused_data or stored.read(1):
        raise FrzError("STREAM", "bytes are left after the stream")


class _Decoder:
    def __init__(self, fill: Fill, value_type: str) -> None:
        self._fill = fill
        self._dtype = DTYPES[value_type]

    def decode(self, stored: Readable, runs: Runs) -> Array:
        values = np.empty(runs.total, self._dtype)
        self._fill(stored, byte_view(values))
        return values


class _Encoder:
    def __init__(self, compressor: MakeCompressor) -> None:
        self._compressor = compressor

    def encode(self, pieces: Pieces, out: Writable, progress: Progress | None = None) -> None:
        arrays = [array for _, array in pieces]
        compressor = self._compressor(sum(array.nbytes for array in arrays))
        for array in arrays:
            view = byte_view(array)
            for start in range(0, len(view), CHUNK):
                chunk = view[start : start + CHUNK]
                out.write(compressor.compress(chunk))
                if progress:
                    progress(len(chunk))
        out.write(compressor.flush())
