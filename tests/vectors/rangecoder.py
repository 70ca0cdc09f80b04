"""The writing side of the range coder (specification, section 10.1), with one big integer for the whole stream.

A stream is a number in the final interval [low, low + range). Every number in that interval, written with enough bytes,
decodes to the same values; the caller chooses one of them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass
class Counter:
    """The estimate for a bit.

    Attributes:
        p: probability of a 1, in units of 2^-22.
        n: weight of the estimate, in bits.
    """

    p: int
    n: int

    def learn(self, b: int) -> None:
        """Update the estimate with a bit."""
        rate = 131072 // (2 * self.n + 3)
        self.p += ((2**22 - self.p) * rate >> 16) if b else -(self.p * rate >> 16)
        self.n = min(self.n + 1, 255)


@dataclass
class Stream:
    """A segment that is being written: its current interval.

    Attributes:
        low: lowest number of the interval.
        range: its width.
        shifts: number of bytes that normalization has moved out.
        odd: a number outside the interval, and its size in bytes. A reader of a stream with this number reports
            ``STREAM`` at the first direct bit for which the range is odd. None if there was no such bit.
    """

    low: int = 0
    range: int = 0xFFFFFFFF
    shifts: int = 0
    odd: tuple[int, int] | None = None

    def bit(self, counter: Counter, b: int) -> None:
        """Code ``b`` with the probability of ``counter``."""
        bound = (self.range >> 16) * (counter.p >> 6 | 8)
        if b:
            self.range = bound
        else:
            self.low += bound
            self.range -= bound
        counter.learn(b)
        self._normalize()

    def direct(self, b: int) -> None:
        """Code ``b`` with probability one half."""
        if self.range % 2 and self.odd is None:
            self.odd = self.low + self.range - 1, 4 + self.shifts
        self.range >>= 1
        self.low += self.range if b else 0
        self._normalize()

    def number(self, value: int, bits: int) -> None:
        """Code ``value`` with ``bits`` direct bits, the highest first."""
        for shift in range(bits - 1, -1, -1):
            self.direct(value >> shift & 1)

    def finish(self, pick: Callable[[Stream], int] | None = None, *, strip: bool = True) -> bytes:
        """Return the bytes of the number that ``pick`` chooses, by default the one with the most trailing zero bits.

        Args:
            pick: chooses a number from the interval.
            strip: drop zero bytes at the end.
        """
        number = pick(self) if pick else roundest(self)
        assert self.low <= number < self.low + self.range
        data = number.to_bytes(4 + self.shifts, "big")
        return data.rstrip(b"\0") if strip else data

    def _normalize(self) -> None:
        while self.range < 1 << 24:
            self.range <<= 8
            self.low <<= 8
            self.shifts += 1


def roundest(stream: Stream) -> int:
    """Return the number of the interval with the most zero bits at its end."""
    zeros = stream.range.bit_length()
    while True:
        number = -(-stream.low >> zeros) << zeros
        if number < stream.low + stream.range:
            return number
        zeros -= 1


def lowest(stream: Stream) -> int:
    """Return the first number of the interval."""
    return stream.low


def highest(stream: Stream) -> int:
    """Return the last number of the interval."""
    return stream.low + stream.range - 1
