"""The range decoder as the pseudo-code of section 9 has it, telling every step; and section 15 of the specification."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from tests.vectors.valid.files import EXAMPLE

WIDTH, CLASS_BITS = 16, 4


@dataclass
class Step:
    """One bit.

    Attributes:
        what: what it is.
        range: range before.
        code: code before.
        p: the context's p before, None for a direct bit.
        bound: what code is compared with.
        bit: the bit.
        p_after: the context's p after.
    """

    what: str
    range: int
    code: int
    p: int | None
    bound: int
    bit: int
    p_after: int | None


@dataclass
class Decoder:
    """State of section 9.1, for integers of ``i8`` with one set of contexts."""

    data: bytes
    position: int = 0
    range: int = 0xFFFFFFFF
    code: int = 0
    contexts: dict[str, list[int]] = field(default_factory=dict)
    steps: list[Step] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.code = int.from_bytes(bytes(self._next() for _ in range(4)), "big")

    def _next(self) -> int:
        self.position += 1
        return self.data[self.position - 1] if self.position <= len(self.data) else 0

    def bit(self, what: str) -> int:
        """``bit`` of the context that ``what`` names."""
        context = self.contexts.setdefault(what, [32768, 0])
        p, n = context
        bound = (self.range >> 16) * p
        rate = 65536 // (n + 2)
        b = int(self.code < bound)
        context[:] = (p + (((65536 - p) * rate) >> 16) if b else p - ((p * rate) >> 16)), min(n + 1, 254)
        self.steps.append(Step(what, self.range, self.code, p, bound, b, context[0]))
        self.range, self.code = (bound, self.code) if b else (self.range - bound, self.code - bound)
        self._normalize()
        return b

    def direct(self, what: str) -> int:
        """``direct``."""
        half = self.range >> 1
        b = int(self.code >= half)
        self.steps.append(Step(what, self.range, self.code, None, half, b, None))
        self.range, self.code = half, self.code - half * b
        self._normalize()
        return b

    def _normalize(self) -> None:
        while self.range < 1 << 24:
            self.range <<= 8
            self.code = self.code << 8 | self._next()

    def value(self) -> int:
        """``value`` of section 9.2."""
        node = 1
        for _ in range(CLASS_BITS):
            node = 2 * node + self.bit(f"tree[{node}]")
        c = node - (1 << CLASS_BITS)
        if c == 0:
            return 0
        sign = self.direct("sign")
        mantissa = self.bit(f"top[{c}]") if c > 1 else 0
        for _ in range(c - 2):
            mantissa = 2 * mantissa + self.direct("mantissa")
        return (-1 if sign else 1) * ((1 << (c - 1)) + mantissa)


def example() -> tuple[list[int], Decoder]:
    """The values of the example's first segment, and how they were decoded."""
    group = EXAMPLE.groups[0]
    decoder = Decoder(group.segments(1)[0])
    return [decoder.value() for _ in group.tensors[0].values], decoder


def table(count: int) -> Iterator[str]:
    """The first ``count`` steps as lines of a Markdown table."""
    _, decoder = example()
    for number, step in enumerate(decoder.steps[:count], 1):
        p = "" if step.p is None else f"{step.p}"
        after = "" if step.p_after is None else f"{step.p_after}"
        hexes = " | ".join(f"{n:08X}" for n in (step.range, step.code))
        yield f"| {number} | {step.what} | {hexes} | {p} | {step.bound:08X} | {step.bit} | {after} |"


def hexdump(data: bytes) -> Iterator[str]:
    """Sixteen bytes a line, with their offset."""
    for at in range(0, len(data), 16):
        yield f"{at:04x}  {data[at : at + 16].hex(' ')}"
