"""The range coder's writing side (specification, section 9), with one big integer for the whole stream.

A stream is a number: it lies in [low, low + range) of the last step, and any number there, written with enough bytes,
decodes to the same values. Which of them is taken is up to the caller.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

CLASS_BITS = {"f32": 8, "f16": 5, "bf16": 8, "i8": 4, "i16": 5, "i32": 6}
MANTISSA_BITS = {"f32": 23, "f16": 10, "bf16": 7}
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
class Model:
    """The contexts of one group.

    Attributes:
        fmt: number format.
        neighbours: whether the coder is ``range-ctx``.
    """

    fmt: str
    neighbours: bool = False
    _tree: dict[tuple[int, int], Context] = field(default_factory=dict)
    _top: dict[tuple[int, int], Context] = field(default_factory=dict)

    def put(self, stream: Stream, sign: int | None, c: int, mantissa: int, bits: int, where: int = 0) -> None:
        """Code one number by its parts, also one that its format does not have."""
        width = CLASS_BITS[self.fmt]
        node = 1
        for shift in range(width - 1, -1, -1):
            b = c >> shift & 1
            stream.bit(self._tree.setdefault((where, node), [32768, 0]), b)
            node = 2 * node + b
        if sign is not None:
            stream.direct(sign)
        if bits:
            stream.bit(self._top.setdefault((where, c), [32768, 0]), mantissa >> (bits - 1))
            stream.number(mantissa & ((1 << (bits - 1)) - 1), bits - 1)

    def put_run(self, stream: Stream, numbers: Iterable[int]) -> None:
        """Code the numbers of one tensor in one segment: integers, or the bits of floats."""
        c1 = c2 = 0
        for number in numbers:
            sign, c, mantissa, bits = parts(self.fmt, number)
            self.put(stream, sign, c, mantissa, bits, (c1 + c2 + 1) // 2 if self.neighbours else 0)
            c1, c2 = c, c1


def parts(fmt: str, number: int) -> tuple[int | None, int, int, int]:
    """Sign, class, mantissa and the mantissa's bits of a number of ``fmt``."""
    if fmt in MANTISSA_BITS:
        m, w = MANTISSA_BITS[fmt], CLASS_BITS[fmt]
        return number >> (m + w), number >> m & ((1 << w) - 1), number & ((1 << m) - 1), m
    c = abs(number).bit_length()
    return (None, 0, 0, 0) if c == 0 else (int(number < 0), c, abs(number) - (1 << (c - 1)), c - 1)


def encode(runs: Sequence[Iterable[int]], model: Model) -> bytes:
    """The segment of several tensors' numbers."""
    stream = Stream()
    for run in runs:
        model.put_run(stream, run)
    return stream.finish()
