"""Coder ``range``: floats by the adaptive range coder (specification, section 10.2).

The exponent is coded bit by bit down a binary tree of adaptive contexts, the first bit of the fraction has a context
for each exponent, and what is left has probability one half.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import numpy as np

from frformat.dtypes import DTYPES
from frformat.format.coders.base import Array, Coder, Progress, Readable, Run, Runs, Writable
from frformat.format.coders.rangecoder import BitDecoder, BitEncoder, contexts

WIDTHS: Final = {"f16": (5, 10), "bf16": (8, 7), "f32": (8, 23)}
"""Bits of exponent and fraction."""


class _Model:
    """The contexts of one group."""

    def __init__(self, value_type: str) -> None:
        self.dtype = DTYPES[value_type]
        self.bits = np.dtype(f"<u{self.dtype.itemsize}")
        self.width, self.fraction = WIDTHS[value_type]
        self.tree = contexts(1 << self.width)
        self.top = contexts(1 << self.width)


class _Encoder(_Model):
    def encode(self, pieces: Iterable[tuple[Run, Array]], out: Writable, progress: Progress | None = None) -> None:
        coder = BitEncoder()
        width, fraction = self.width, self.fraction
        for _, array in pieces:
            for pattern in array.view(self.bits).tolist():
                exponent = pattern >> fraction & ((1 << width) - 1)
                node = 1
                for shift in range(width - 1, -1, -1):
                    b = exponent >> shift & 1
                    coder.bit(self.tree[node], b)
                    node = 2 * node + b
                coder.direct(pattern >> (width + fraction), 1)
                coder.bit(self.top[exponent], pattern >> (fraction - 1) & 1)
                coder.direct(pattern, fraction - 1)
            if progress:
                progress(array.nbytes)
        out.write(coder.finish())


class _Decoder(_Model):
    def decode(self, stored: Readable, runs: Runs) -> Array:
        coder = BitDecoder(stored.rest())
        width, fraction = self.width, self.fraction
        out = np.empty(runs.total, self.bits)
        for at in range(runs.total):
            node = 1
            for _ in range(width):
                node = 2 * node + coder.bit(self.tree[node])
            exponent = node - (1 << width)
            high = coder.direct(1) << width | exponent
            high = 2 * high + coder.bit(self.top[exponent])
            out[at] = high << (fraction - 1) | coder.direct(fraction - 1)
        coder.finish()
        return out.view(self.dtype)


RANGE: Final[Coder] = Coder("range", _Decoder, _Encoder, types=tuple(WIDTHS), adaptive=True)
