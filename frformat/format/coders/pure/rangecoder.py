"""The range coder of the adaptive coder in plain Python (specification, section 10.1)."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from frformat.format.coders.pure.adaptive import Blocks, Model

Integers = NDArray[np.int32]

RATES: Final = tuple(131072 // (2 * n + 3) for n in range(256))


class Writer:
    """Encodes bits as bytes. ``low`` is unbounded, so carries are resolved only when a byte is written."""

    def __init__(self) -> None:
        self._low = 0
        self._range = 0xFFFFFFFF
        self._out = bytearray()

    def put(self, blocks: Blocks, values: Integers) -> None:
        """Encode the next values of the blocks."""
        blocks.code(self, values.tolist())

    def finish(self, least: int) -> bytes:
        """Return the shortest stream that decodes to the encoded values, but at least ``least`` bytes."""
        for zeros in range(32, -1, -1):
            rounded = (self._low + (1 << zeros) - 1) >> zeros << zeros
            if rounded < self._low + self._range:
                break
        self._low = rounded
        for _ in range(4):
            self._shift()
        size = max(len(self._out.rstrip(b"\0")), least)
        return bytes(self._out[:size])

    def bit(self, model: Model, i: int, b: int) -> int:
        """See :class:`~frformat.format.coders.pure.adaptive.Bits`."""
        p, n = model.p[i], model.n[i]
        bound = (self._range >> 16) * (p >> 6 | 8)
        if b:
            self._range = bound
            model.p[i] = p + ((((1 << 22) - p) * RATES[n]) >> 16)
        else:
            self._low += bound
            self._range -= bound
            model.p[i] = p - ((p * RATES[n]) >> 16)
        if n < 255:
            model.n[i] = n + 1
        while self._range < 1 << 24:
            self._shift()
            self._range <<= 8
        return b

    def direct(self, value: int, bits: int) -> int:
        """See :class:`~frformat.format.coders.pure.adaptive.Bits`."""
        for shift in range(bits - 1, -1, -1):
            self._range >>= 1
            if value >> shift & 1:
                self._low += self._range
            while self._range < 1 << 24:
                self._shift()
                self._range <<= 8
        return value & ((1 << bits) - 1)

    def _shift(self) -> None:
        """Output the highest byte of ``low``, and add its carry to the preceding bytes."""
        if self._low >> 32:
            at = len(self._out) - 1
            while self._out[at] == 0xFF:
                self._out[at] = 0
                at -= 1
            self._out[at] += 1
        self._out.append(self._low >> 24 & 0xFF)
        self._low = (self._low & 0xFFFFFF) << 8


class Reader:
    """Decodes bits from bytes.

    Args:
        data: the stored bytes.
    """

    def __init__(self, data: Any) -> None:
        self._data = bytes(data)
        self._position = 4
        self._range = 0xFFFFFFFF
        self._code = int.from_bytes(self._data[:4].ljust(4, b"\0"), "big")
        self._sound = self._code < self._range

    def take(self, blocks: Blocks, out: Integers) -> bool:
        """Decode the next values of the blocks into ``out``; return False if the stream is malformed."""
        numbers = [0] * len(out)
        if self._sound:
            blocks.code(self, numbers)
            out[:] = numbers
        return self._sound

    def finish(self) -> bool:
        """Return whether the stream was well formed and has no bytes left."""
        return self._sound and self._position >= len(self._data)

    def bit(self, model: Model, i: int, b: int) -> int:
        """See :class:`~frformat.format.coders.pure.adaptive.Bits`."""
        p, n = model.p[i], model.n[i]
        bound = (self._range >> 16) * (p >> 6 | 8)
        if self._code < bound:
            self._range = bound
            model.p[i] = p + ((((1 << 22) - p) * RATES[n]) >> 16)
            b = 1
        else:
            self._code -= bound
            self._range -= bound
            model.p[i] = p - ((p * RATES[n]) >> 16)
            b = 0
        if n < 255:
            model.n[i] = n + 1
        while self._range < 1 << 24:
            self._shift()
        return b

    def direct(self, value: int, bits: int) -> int:
        """See :class:`~frformat.format.coders.pure.adaptive.Bits`."""
        value = 0
        for _ in range(bits):
            self._range >>= 1
            value *= 2
            if self._code >= self._range:
                self._code -= self._range
                value += 1
                self._sound &= self._code < self._range
            while self._range < 1 << 24:
                self._shift()
        return value

    def _shift(self) -> None:
        self._range <<= 8
        next_byte = self._data[self._position] if self._position < len(self._data) else 0
        self._code = (self._code << 8 | next_byte) & 0xFFFFFFFF
        self._position += 1
