"""The adaptive decoder as in the pseudo-code of section 10, recording every step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from tests.vectors.adaptive import Model, Term, adjusted, clamp, gain, ratio, worth
from tests.vectors.blocks import axes


@dataclass
class Step:
    """One bit.

    Attributes:
        what: description.
        range: range before.
        code: code before.
        p: the counter's p before, None for a direct bit.
        bound: the number that code is compared with.
        bit: the bit.
        p_after: the counter's p after.
    """

    what: str
    range: int
    code: int
    p: int | None
    bound: int
    bit: int
    p_after: int | None


@dataclass
class Value:
    """The state before a value is decoded, and the value.

    Attributes:
        level: e.
        scale: s.
        guess: the guess.
        q: the value.
    """

    level: int
    scale: int
    guess: int
    q: int


@dataclass
class Decoder:
    """State of section 10.1, for one segment.

    Attributes:
        data: the bytes of the range coder.
        steps: the bits so far.
        values: the values so far.
    """

    data: bytes
    position: int = 0
    range: int = 0xFFFFFFFF
    code: int = 0
    steps: list[Step] = field(default_factory=list)
    values: list[Value] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.code = int.from_bytes(bytes(self._next() for _ in range(4)), "big")

    def _next(self) -> int:
        self.position += 1
        return self.data[self.position - 1] if self.position <= len(self.data) else 0

    def bit(self, model: Model, kind: str, *place: int) -> int:
        """Decode a bit with a counter: ``bit`` of section 10.1."""
        counter = model.counter(kind, *place)
        p = counter.p
        bound = (self.range >> 16) * (p >> 6 | 8)
        b = int(self.code < bound)
        counter.learn(b)
        what = f"{kind}{''.join(f'[{i}]' for i in place)}"
        self.steps.append(Step(what, self.range, self.code, p, bound, b, counter.p))
        self.range, self.code = (bound, self.code) if b else (self.range - bound, self.code - bound)
        self._normalize()
        return b

    def direct(self) -> int:
        """Decode a bit of probability one half: ``direct`` of section 10.1."""
        half = self.range >> 1
        b = int(self.code >= half)
        self.steps.append(Step("direct", self.range, self.code, None, half, b, None))
        self.range, self.code = half, self.code - half * b
        self._normalize()
        return b

    def _normalize(self) -> None:
        while self.range < 1 << 24:
            self.range <<= 8
            self.code = self.code << 8 | self._next()

    def block(self, model: Model, shape: Sequence[int]) -> list[int]:
        """Decode a block: ``block`` of section 10.4."""
        rows, channels, positions = axes(shape)
        start = len(self.values)
        of_channel, of_position = [Term() for _ in range(channels)], [Term() for _ in range(positions)]
        over = {(i, k): 0 for i in range(channels) for k in range(positions)}
        for _ in range(rows):
            row = Term()
            around = v1 = v2 = v3 = 0
            for place in over:
                terms = [row] + [of_channel[place[0]]] * (channels > 1) + [of_position[place[1]]] * (positions > 1)
                e = model.base + sum(term.value for term in terms) + ((model.weight * around) >> 12)
                s = clamp((e >> 13) + 80, 0, 239)
                near = [v1, v2, v3, over[place]]
                guess = sum(tap * v for tap, v in zip(model.tap, near, strict=True)) >> 16
                q = self._value(model, s >> 1, guess)
                self.values.append(Value(e, s, guess, q))
                m = min(abs(q), 2**22)
                residual = min(((m + 1) * gain(s)) >> 20, 16384) - 4096
                if s == 239:
                    residual = min(residual, 0)
                for term in terms:
                    term.learn(residual, worth(s))
                model.weight = adjusted(model.weight, residual * around, 16)
                v = min((m * ratio(s)) >> 20, 12288) * (-1 if q < 0 else 1)
                miss = clamp(v - guess, -12288, 12288)
                model.tap = [adjusted(tap, miss * before, 17) for tap, before in zip(model.tap, near, strict=True)]
                around += (residual - around) >> 2
                v1, v2, v3 = v, v1, v2
                over[place] = v
        return [value.q for value in self.values[start:]]

    def _value(self, model: Model, z: int, guess: int) -> int:
        level = sum(bound <= abs(guess) for bound in (512, 1024, 2048, 4096))
        sure = level >> 1
        if self.bit(model, "zero", z, sure) == 0:
            return 0
        differs = self.bit(model, "sign", level)
        negative = differs ^ int(guess < 0)
        magnitude = self._nonzero(model, z, 2 + sure if differs else 2 - sure)
        return -magnitude if negative else magnitude

    def _nonzero(self, model: Model, z: int, agreement: int) -> int:
        k = 1
        while k <= 30 and self.bit(model, "longer", z, agreement, k - 1) == 1:
            k += 1
        if k == 1:
            return 1
        y = 2 + self.bit(model, "top", z, k - 2)
        for _ in range(k - 2):
            y = 2 * y + self.direct()
        return y
