"""Build coders of integers and floats from an integer coder. Floats are split into integers and mantissas."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np

from frformat.dtypes import FORMATS
from frformat.format.coders.base import Array, Coder, Decoder, Encoder, Progress, Readable, Writable
from frformat.format.coders.batches import Pieces
from frformat.format.coders.floats import FloatDecoder, FloatEncoder
from frformat.format.coders.floats import memory as float_memory
from frformat.format.coders.integers import IntegerDecoder, IntegerEncoder, Integers, Plain
from frformat.format.coders.runs import Runs

INTEGERS: Final = "i32"
"""The value type of integers."""

LARGEST: Final = (1 << 31) - 1
"""The largest magnitude of an integer."""


def entropy_coder(
    name: str,
    encoder: Callable[[bool, bool], IntegerEncoder],
    decoder: Callable[[bool, bool], IntegerDecoder],
    memory: Callable[[Runs], int],
    *,
    slow: bool = False,
    tables: bool = False,
) -> Coder:
    """Build a coder from an integer encoder and decoder.

    Args:
        name: the name of the coder.
        encoder: creates an encoder, given whether the values are exact and whether there are step offsets.
        decoder: creates a decoder from the same arguments.
        memory: returns the number of bytes that decoding needs in addition to the integers and the stored bytes.
        slow: see :class:`~frformat.format.coders.base.Coder`.
        tables: see :class:`~frformat.format.coders.base.Coder`.
    """

    def make_encoder(value_type: str, offsets: bool) -> Encoder:
        if value_type == INTEGERS:
            return _Encoder(encoder(False, offsets))
        return FloatEncoder(encoder(True, offsets), value_type)

    def make_decoder(value_type: str, offsets: bool) -> Decoder:
        if value_type == INTEGERS:
            return _Decoder(decoder(False, offsets))
        return FloatDecoder(decoder(True, offsets), value_type)

    def total_memory(value_type: str, runs: Runs, stored: int) -> int:
        return memory(runs) + (stored if value_type == INTEGERS else float_memory(runs, stored))

    return Coder(
        name,
        make_decoder,
        make_encoder,
        integers=True,
        types=FORMATS,
        slow=slow,
        tables=tables,
        memory=total_memory,
    )


class _Encoder:
    def __init__(self, coder: IntegerEncoder) -> None:
        self._coder = coder

    def encode(self, pieces: Pieces, out: Writable, progress: Progress | None = None) -> None:
        sources = [(batch, Plain(_checked(array))) for batch, array in pieces]
        itemsize = np.dtype(np.int32).itemsize
        out.write(self._coder.integers(sources, lambda count: progress(count * itemsize) if progress else None))


def _checked(array: Array) -> Array:
    if array.min(initial=0) < -LARGEST:
        raise OverflowError(f"the integer {array.min()} cannot be coded: its magnitude is beyond 2^31 - 1")
    return array


class _Decoder:
    def __init__(self, coder: IntegerDecoder) -> None:
        self._coder = coder

    def decode(self, stored: Readable, runs: Runs) -> Array:
        values: Integers = np.empty(runs.total, np.int32)
        self._coder.integers(memoryview(stored.rest()), runs, Plain(values))
        return values
