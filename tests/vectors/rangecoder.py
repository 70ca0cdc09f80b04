"""The range coder's writing side (specification, section 9), with one big integer for the whole stream.

A stream is a number: it lies in [low, low + range) of the last step, and any number there, written with enough bytes,
decodes to the same values. Which of them is taken is up to the caller.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

EXPONENT_BITS = {"f32": 8, "f16": 5, "bf16": 8}
FRACTION_BITS = {"f32": 23, "f16": 10, "bf16": 7}
Context = list[int]


@dataclass
class Stream:
    """One segment on its way: the interval so far.

    Attributes:
        low: lowest number of the interval.
        range: its width.
        shifts: how many bytes normalization has moved out.
        odd: number and bytes of a stream that runs into the ``STREAM`` of ``direct``, at the first bit that allows one.
    """

    low: int = 0
    range: int = 0xFFFFFFFF
    shifts: int = 0
    odd: tuple[int, int] | None = None

    def bit(self, context: Context, b: int) -> None:
        """Code ``b`` with the adaptive probability of ``context``, which is [p, n]."""
        p, n = context
        bound = (self.range >> 16) * p
        rate = 65536 // (n + 2)
        if b:
            self.range = bound
            context[0] = p + (((65536 - p) * rate) >> 16)
        else:
            self.low += bound
            self.range -= bound
            context[0] = p - ((p * rate) >> 16)
        context[1] = min(n + 1, 254)
        self._normalize()

    def direct(self, b: int) -> None:
        """Code ``b`` with probability one half."""
        if self.range % 2 and self.odd is None:
            self.odd = self.low + self.range - 1, 4 + self.shifts
        self.range >>= 1
        self.low += self.range if b else 0
        self._normalize()

    def number(self, value: int, bits: int) -> None:
        """Code ``value`` by ``bits`` direct bits, the highest first."""
        for shift in range(bits - 1, -1, -1):
            self.direct(value >> shift & 1)

    def finish(self, pick: Callable[[Stream], int] | None = None, *, strip: bool = True) -> bytes:
        """The bytes of the number that ``pick`` takes, by default the one that ends in most zeros.

        Args:
            pick: chooses a number of the interval.
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
    """The number of the interval with the most zero bits at its end."""
    zeros = stream.range.bit_length()
    while True:
        number = -(-stream.low >> zeros) << zeros
        if number < stream.low + stream.range:
            return number
        zeros -= 1


def lowest(stream: Stream) -> int:
    """The first number of the interval."""
    return stream.low


def highest(stream: Stream) -> int:
    """The last number of the interval."""
    return stream.low + stream.range - 1


@dataclass
class Floats:
    """The contexts of a group by coder 3.

    Attributes:
        fmt: type of the values.
    """

    fmt: str
    _tree: dict[int, Context] = field(default_factory=dict)
    _top: dict[int, Context] = field(default_factory=dict)

    def put(self, stream: Stream, pattern: int) -> None:
        """Code the bits of one float."""
        width, m = EXPONENT_BITS[self.fmt], FRACTION_BITS[self.fmt]
        exponent, fraction = pattern >> m & ((1 << width) - 1), pattern & ((1 << m) - 1)
        node = 1
        for shift in range(width - 1, -1, -1):
            b = exponent >> shift & 1
            stream.bit(self._tree.setdefault(node, [32768, 0]), b)
            node = 2 * node + b
        stream.direct(pattern >> (width + m))
        stream.bit(self._top.setdefault(exponent, [32768, 0]), fraction >> (m - 1))
        stream.number(fraction & ((1 << (m - 1)) - 1), m - 1)

    def put_run(self, stream: Stream, numbers: Iterable[int], offsets: bool = False) -> None:
        """Code the numbers of a run."""
        for number in numbers:
            self.put(stream, number)


@dataclass
class Integers:
    """The contexts of a group by coder 4."""

    _more: dict[tuple[bool, int, int], Context] = field(default_factory=dict)
    _top: dict[tuple[bool, int, int], Context] = field(default_factory=dict)

    def put_run(self, stream: Stream, numbers: Iterable[int], offsets: bool = False) -> None:
        """Code the numbers of a run."""
        c1 = c2 = 0
        for q in numbers:
            which = min(3, (c1 + c2 + 1) // 2)
            c = abs(q).bit_length()
            for i in range(min(c + 1, 31)):
                stream.bit(self._more.setdefault((offsets, which, i), [32768, 0]), int(i < c))
            if c:
                stream.direct(int(q < 0))
            if c > 1:
                mantissa = abs(q) - (1 << (c - 1))
                stream.bit(self._top.setdefault((offsets, which, c), [32768, 0]), mantissa >> (c - 2))
                stream.number(mantissa & ((1 << (c - 2)) - 1), c - 2)
            c1, c2 = c, c1


Model = Floats | Integers
Runs = Sequence[tuple[bool, Sequence[int]]]
"""Of each run whether it is of offsets, and its numbers."""


def encode(runs: Runs, model: Model) -> bytes:
    """The segment of several runs."""
    stream = Stream()
    for offsets, run in runs:
        model.put_run(stream, run, offsets)
    return stream.finish()
