"""The adaptive binary range coder (specification, section 10.1)."""

from __future__ import annotations

from typing import Final

from frformat.errors import FrzError

Context = list[int]
"""The probability p of a 1, in 65536ths, and how many bits it has learnt from, up to 254."""

RATES: Final = [65536 // (n + 2) for n in range(255)]
"""Adaptation rate after n bits: Krichevsky and Trofimov's estimator, then a window of 256 bits."""

TOP: Final = 1 << 24


def contexts(count: int) -> list[Context]:
    """``count`` contexts in their initial state."""
    return [[32768, 0] for _ in range(count)]


class BitEncoder:
    """Writes a stream. ``low`` is an unbounded integer, so a carry needs no care."""

    def __init__(self) -> None:
        self.low = 0
        self.range = 0xFFFFFFFF
        self.written = bytearray()

    def bit(self, context: Context, b: int) -> None:
        """Code ``b`` with the probability of ``context``, which learns from it."""
        p, n = context
        bound = (self.range >> 16) * p
        if b:
            self.range = bound
            context[0] = p + (((65536 - p) * RATES[n]) >> 16)
        else:
            self.low += bound
            self.range -= bound
            context[0] = p - ((p * RATES[n]) >> 16)
        if n < 254:
            context[1] = n + 1
        self._normalize()

    def direct(self, value: int, bits: int) -> None:
        """Code the lowest ``bits`` of ``value``, the highest first, each with probability one half."""
        for shift in range(bits - 1, -1, -1):
            self.range >>= 1
            if value >> shift & 1:
                self.low += self.range
            self._normalize()

    def finish(self) -> bytes:
        """The shortest bytes that decode to what was coded: of all numbers within the last range the roundest."""
        for zeros in range(32, -1, -1):
            rounded = (self.low + (1 << zeros) - 1) >> zeros << zeros
            if rounded < self.low + self.range:
                break
        self.low = rounded
        self._carry()
        self.written += (self.low & 0xFFFFFFFF).to_bytes(4, "big")
        return bytes(self.written.rstrip(b"\0"))

    def _normalize(self) -> None:
        while self.range < TOP:
            self._carry()
            self.written.append(self.low >> 24)
            self.low = (self.low & 0xFFFFFF) << 8
            self.range <<= 8

    def _carry(self) -> None:
        """Move what ``low`` has above 32 bits into the bytes already written."""
        if self.low >> 32:
            at = len(self.written) - 1
            while self.written[at] == 0xFF:
                self.written[at] = 0
                at -= 1
            self.written[at] += 1
            self.low &= 0xFFFFFFFF


class BitDecoder:
    """Reads a stream; :meth:`finish` must be called after the last value.

    All raise :class:`~frformat.errors.FrzError`, ``STREAM``.
    """

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._position = 4
        self._range = 0xFFFFFFFF
        self._code = int.from_bytes(data[:4].ljust(4, b"\0"), "big")
        self._check()

    def bit(self, context: Context) -> int:
        """A bit with the probability of ``context``, which learns from it."""
        p, n = context
        bound = (self._range >> 16) * p
        if self._code < bound:
            self._range = bound
            context[0] = p + (((65536 - p) * RATES[n]) >> 16)
            b = 1
        else:
            self._code -= bound
            self._range -= bound
            context[0] = p - ((p * RATES[n]) >> 16)
            b = 0
        if n < 254:
            context[1] = n + 1
        while self._range < TOP:
            self._shift()
        return b

    def direct(self, bits: int) -> int:
        """A number of some bits, each of probability one half."""
        value = 0
        for _ in range(bits):
            self._range >>= 1
            value *= 2
            if self._code >= self._range:
                self._code -= self._range
                value += 1
                self._check()
            while self._range < TOP:
                self._shift()
        return value

    def finish(self) -> None:
        """There must be no more bytes."""
        if self._position < len(self._data):
            raise FrzError("STREAM", f"{len(self._data) - self._position} bytes are left after a coded segment")

    def _shift(self) -> None:
        self._range <<= 8
        self._code = self._code << 8 | (self._data[self._position] if self._position < len(self._data) else 0)
        self._position += 1

    def _check(self) -> None:
        if self._code >= self._range:
            raise FrzError("STREAM", "a coded segment is malformed")
