"""Coders: a segment's values ↔ its stored bytes (specification, section 8). One file each.

The coders of bytes are here by name; :mod:`~frformat.format.coders.rangecoder` takes numbers and keeps its state from
one tier to the next.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final

from frformat.format.coders import deflate, none, zstd
from frformat.format.coders.base import CHUNK, Array, ByteCoder, Readable, Writable, byte_view

BYTE_CODERS: Final[dict[str, ByteCoder]] = {"none": none, "deflate": deflate, "zstd": zstd}
"""Coders of bytes by name."""


def fill(coder: str, stored: Readable, out: memoryview) -> None:
    """Decode a segment of one of :data:`BYTE_CODERS` into exactly ``out``.

    Raises:
        FrzError: ``STREAM``.
    """
    BYTE_CODERS[coder].fill(stored, out)


def write(coder: str, arrays: Sequence[Array], out: Writable, progress: Callable[[int], None] | None = None) -> None:
    """Code ``arrays``, one after the other, by one of :data:`BYTE_CODERS`.

    Args:
        coder: name of the coder.
        arrays: C-contiguous arrays.
        out: takes the stored bytes.
        progress: told the number of bytes of ``arrays`` that are done since it was last told.
    """
    compressor = BYTE_CODERS[coder].compressor(sum(array.nbytes for array in arrays))
    for chunk in _chunks(arrays):
        out.write(compressor.compress(chunk))
        if progress:
            progress(len(chunk))
    out.write(compressor.flush())


def _chunks(arrays: Iterable[Array]) -> Iterator[memoryview]:
    for array in arrays:
        view = byte_view(array)
        for start in range(0, len(view), CHUNK):
            yield view[start : start + CHUNK]


__all__ = ["BYTE_CODERS", "CHUNK", "Readable", "Writable", "byte_view", "fill", "write"]
