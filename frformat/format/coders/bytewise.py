"""Coders of bytes: what makes one of a function that fills memory, and of a compressor."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from frformat.dtypes import DTYPES
from frformat.format.coders.base import (
    CHUNK,
    Array,
    Coder,
    Compressor,
    Progress,
    Readable,
    Writable,
    byte_view,
)
from frformat.format.coders.batches import Pieces
from frformat.format.coders.runs import Runs

Fill = Callable[[Readable, memoryview], None]
"""Decodes a segment into exactly the memory that is given; raises ``STREAM``."""

MakeCompressor = Callable[[int], Compressor]
"""A compressor for so many bytes: as strong as it can be where that costs little time."""


def byte_coder(name: str, fill: Fill, compressor: MakeCompressor, *, plain: bool = False) -> Coder:
    """The coder of exact values that ``fill`` and ``compressor`` make."""
    return Coder(name, lambda kind, _: _Decoder(fill, kind), lambda *_: _Encoder(compressor), plain=plain)


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
