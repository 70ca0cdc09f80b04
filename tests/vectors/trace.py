"""The integer decoder as the pseudo-code of section 10 has it, telling every step."""

from __future__ import annotations

from dataclasses import dataclass, field


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
    """State of section 10.1, for one segment.

    Attributes:
        contexts: those of the group, which go on from segment to segment.
    """

    data: bytes
    contexts: dict[str, list[int]]
    position: int = 0
    range: int = 0xFFFFFFFF
    code: int = 0
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

    def integer(self, which: int) -> int:
        """``integer`` of section 10.3, with set number ``which`` of those for cores."""
        c = 0
        while c < 31 and self.bit(f"{which}.more[{c}]") == 1:
            c += 1
        if c == 0:
            return 0
        sign = self.direct("sign")
        mantissa = self.bit(f"{which}.top[{c}]") if c > 1 else 0
        for _ in range(c - 2):
            mantissa = 2 * mantissa + self.direct("mantissa")
        return (-1 if sign else 1) * ((1 << (c - 1)) + mantissa)

    def run(self, count: int) -> list[int]:
        """A run of entries of a core."""
        out: list[int] = []
        c1 = c2 = 0
        for _ in range(count):
            out.append(self.integer(min(3, (c1 + c2 + 1) // 2)))
            c1, c2 = abs(out[-1]).bit_length(), c1
        return out
