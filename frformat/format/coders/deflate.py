"""Coder ``deflate``: a raw DEFLATE stream (RFC 1951), also used for the directory."""

from __future__ import annotations

import zlib
from typing import Any, Final

from frformat.errors import FrzError
from frformat.format.coders.base import CHUNK, Coder, Readable
from frformat.format.coders.bytewise import byte_coder, decompress, decompression
from frformat.format.coders.runs import Runs
from frformat.format.dictionary import DICTIONARY


def unpack_directory(data: bytes, length: int) -> bytes:
    """Decompress the directory from a raw DEFLATE stream that must contain exactly ``length`` bytes.

    Raises:
        FrzError: ``STREAM``.
    """
    decompressor = zlib.decompressobj(-15, zdict=DICTIONARY)
    try:
        out = decompressor.decompress(data, length + 1)
    except zlib.error as error:
        raise FrzError("STREAM", f"the deflate stream is malformed: {error}") from error
    if len(out) != length or not decompressor.eof or decompressor.unused_data:
        raise FrzError("STREAM", f"the deflate stream does not contain the expected {length} bytes")
    return out


def pack_directory(data: bytes) -> bytes:
    """Compress the directory ``data`` to the shortest raw DEFLATE stream that zlib finds."""
    streams = []
    for strategy in (zlib.Z_DEFAULT_STRATEGY, zlib.Z_FILTERED, zlib.Z_FIXED):
        compressor = zlib.compressobj(9, zlib.DEFLATED, -15, 9, strategy, DICTIONARY)
        streams.append(compressor.compress(data) + compressor.flush())
    return min(streams, key=len)


def _fill(stored: Readable, out: memoryview) -> None:
    decompressor = zlib.decompressobj(-15)
    try:
        decompress(decompressor, lambda: decompressor.unconsumed_tail or stored.read(CHUNK), stored, out)
    except zlib.error as error:
        raise FrzError("STREAM", f"the deflate stream is malformed: {error}") from error


def _compressor(size: int) -> Any:
    return zlib.compressobj(9 if size < CHUNK else 6, zlib.DEFLATED, -15)


WINDOW: Final = 1 << 16
"""The memory of zlib's state."""


def _memory(value_type: str, runs: Runs, stored: int) -> int:
    return decompression(value_type, runs, stored, WINDOW)


DEFLATE: Final[Coder] = byte_coder("deflate", _fill, _compressor, memory=_memory)
