"""Coder ``integer``: multiples of steps by the adaptive range coder (specification, section 10.3).

How many bits a number has is coded one by one, in contexts that depend on the two numbers before; its first bit after
the leading one has a context, too, and what is left has probability one half.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import numpy as np

from frformat.format.coders.base import Array, Coder, Progress, Readable, Run, Runs, Writable
from frformat.format.coders.rangecoder import BitDecoder, BitEncoder, Context, contexts

BITS: Final = 31
"""Of the largest magnitude."""

SETS: Final = 4


class _Model:
    """The contexts of one group."""

    def __init__(self, value_type: str) -> None:
        # For numbers of cores and for offsets, for each set: the contexts of more bits, and of the bit after the first.
        self.kinds: list[list[tuple[list[Context], list[Context]]]] = [
            [(contexts(BITS), contexts(BITS + 1)) for _ in range(SETS)] for _ in range(2)
        ]


class _Encoder(_Model):
    def encode(self, pieces: Iterable[tuple[Run, Array]], out: Writable, progress: Progress | None = None) -> None:
        coder = BitEncoder()
        for run, array in pieces:
            sets = self.kinds[run.offsets]
            c1 = c2 = 0
            for q in array.tolist():
                more, top = sets[min(SETS - 1, (c1 + c2 + 1) >> 1)]
                magnitude = abs(q)
                c = magnitude.bit_length()
                for i in range(c):
                    coder.bit(more[i], 1)
                if c < BITS:
                    coder.bit(more[c], 0)
                if c:
                    coder.direct(q < 0, 1)
                if c > 1:
                    coder.bit(top[c], magnitude >> (c - 2) & 1)
                    coder.direct(magnitude, c - 2)
                c1, c2 = c, c1
            if progress:
                progress(array.nbytes)
        out.write(coder.finish())


class _Decoder(_Model):
    def decode(self, stored: Readable, runs: Runs) -> Array:
        coder = BitDecoder(stored.rest())
        out = np.empty(runs.total, np.int32)
        at = 0
        for run in runs:
            sets = self.kinds[run.offsets]
            c1 = c2 = 0
            for _ in range(run.size):
                more, top = sets[min(SETS - 1, (c1 + c2 + 1) >> 1)]
                c = 0
                while c < BITS and coder.bit(more[c]):
                    c += 1
                if c:
                    negative = coder.direct(1)
                    magnitude = 1
                    if c > 1:
                        magnitude = 2 + coder.bit(top[c]) << (c - 2) | coder.direct(c - 2)
                    out[at] = -magnitude if negative else magnitude
                else:
                    out[at] = 0
                at += 1
                c1, c2 = c, c1
        coder.finish()
        return out


INTEGER: Final[Coder] = Coder("integer", _Decoder, _Encoder, integers=True, adaptive=True)
