"""The encoder of the adaptive coder, as described in sections 10.2 to 10.4 of the specification."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from tests.vectors.blocks import Block, axes
from tests.vectors.rangecoder import Counter, Stream

OCTAVE = (68438, 74632, 81386, 88752, 96785, 105545, 115098, 125515)
MOST_SCALE = 239


def clamp(x: int, low: int, high: int) -> int:
    """Return ``x``, limited to ``low`` … ``high``."""
    return min(max(x, low), high)


def mean(s: int) -> int:
    """Return mean(s) of section 10.2."""
    return OCTAVE[s % 8] * 2 ** (s // 8 + 2) >> 16


def _mu(s: int) -> int:
    return mean(s) if s else 0


def gain(s: int) -> int:
    """Return gain(s) of section 10.2."""
    return 2**44 // (4096 + _mu(s))


def ratio(s: int) -> int:
    """Return ratio(s) of section 10.2."""
    return 2**44 // (1024 + _mu(s))


def worth(s: int) -> int:
    """Return worth(s) of section 10.2."""
    return 8192 * _mu(s) // (4096 + _mu(s))


@dataclass
class Term:
    """A term of the scale."""

    value: int = 0
    evidence: int = 6 * 4096

    def learn(self, residual: int, worth: int) -> None:
        """Update the term: ``learn`` of section 10.3."""
        share = 65536 // (self.evidence >> 12)
        self.value = clamp(self.value + ((residual * share + 512) >> 10), -(2**22), 2**22)
        self.evidence = min(self.evidence + worth, 511 * 4096)


def adjusted(w: int, product: int, shift: int) -> int:
    """Return the new ``w``: ``adjust`` of section 10.3."""
    return clamp(w + ((product + 2 ** (shift - 1)) >> shift), -(2**20), 2**20)


@dataclass
class Model:
    """A model; counters are created when they are needed.

    Attributes:
        scale: S.
        n: initial n of counters.
    """

    scale: int
    n: int = 16
    weight: int = 0
    tap: list[int] = field(default_factory=lambda: [0, 0, 0, 0])
    counters: dict[tuple[object, ...], Counter] = field(default_factory=dict)

    @property
    def base(self) -> int:
        """The level of all values."""
        return (self.scale - 80) * 8192

    def counter(self, kind: str, *place: int) -> Counter:
        """Return ``zero`` (z, sure), ``longer`` (z, agreement, c), ``top`` (z, c) or ``sign`` (level)."""
        key = (kind, *place)
        if key not in self.counters:
            self.counters[key] = self._first(kind, *place)
        return self.counters[key]

    def _first(self, kind: str, *place: int) -> Counter:
        if kind == "sign":
            return Counter(32768 * 64, 4)
        mu = mean(2 * place[0] + 1)
        t = 65536 * mu // (4096 + mu)
        for _ in range(0 if kind == "zero" else place[-1]):
            t = t * t >> 16
        p = 65536 * t // (65536 + t) if kind == "top" else t
        return Counter(clamp(p, 2048, 65535) * 64, self.n)


def put(stream: Stream, model: Model, shape: Sequence[int], values: Sequence[int]) -> None:
    """Code a block."""
    rows, channels, positions = axes(shape)
    of_channel, of_position = [Term() for _ in range(channels)], [Term() for _ in range(positions)]
    over = [[0] * positions for _ in range(channels)]
    given = iter(values)
    for _ in range(rows):
        row = Term()
        around = v1 = v2 = v3 = 0
        for channel in range(channels):
            for position in range(positions):
                terms = [row]
                terms += [of_channel[channel]] if channels > 1 else []
                terms += [of_position[position]] if positions > 1 else []
                e = model.base + sum(term.value for term in terms) + (model.weight * around >> 12)
                s = clamp((e >> 13) + 80, 0, MOST_SCALE)
                v4 = over[channel][position]
                near = (v1, v2, v3, v4)
                guess = sum(tap * v for tap, v in zip(model.tap, near, strict=True)) >> 16
                q = next(given)
                _value(stream, model, s >> 1, guess, q)

                m = min(abs(q), 2**22)
                residual = min((m + 1) * gain(s) >> 20, 16384) - 4096
                residual = min(residual, 0) if s == MOST_SCALE else residual
                for term in terms:
                    term.learn(residual, worth(s))
                model.weight = adjusted(model.weight, residual * around, 16)
                v = math.copysign(min(m * ratio(s) >> 20, 12288), q)
                miss = clamp(int(v) - guess, -12288, 12288)
                model.tap = [adjusted(tap, miss * v, 17) for tap, v in zip(model.tap, near, strict=True)]
                around += (residual - around) >> 2
                v1, v2, v3 = int(v), v1, v2
                over[channel][position] = int(v)


def _value(stream: Stream, model: Model, z: int, guess: int, q: int) -> None:
    level = sum(bound <= abs(guess) for bound in (512, 1024, 2048, 4096))
    sure = level // 2
    stream.bit(model.counter("zero", z, sure), int(q != 0))
    if not q:
        return
    differs = int((q < 0) != (guess < 0))
    stream.bit(model.counter("sign", level), differs)
    agreement = 2 + sure if differs else 2 - sure
    size = abs(q).bit_length()
    for c in range(min(size, 30)):
        stream.bit(model.counter("longer", z, agreement, c), int(c + 1 < size))
    if size > 1:
        stream.bit(model.counter("top", z, size - 2), abs(q) >> (size - 2) & 1)
        stream.number(abs(q) & (2 ** (size - 2) - 1), size - 2)


def scale(values: Sequence[int]) -> int:
    """Return the S that a writer chooses."""
    if not values:
        return 0
    return max((s for s in range(1, 240) if mean(s) * len(values) <= 4096 * sum(map(abs, values))), default=0)


class Models:
    """The models of a group that is coded by coder 3.

    Args:
        offsets: whether the group has step offsets.
        n: initial n of counters.
    """

    def __init__(self, offsets: bool, n: int = 16) -> None:
        self.kinds = [False, True] if offsets else [False]
        self.n = n
        self.of: dict[bool, Model] = {}

    def start(self, blocks: Sequence[Block]) -> bytes:
        """Initialize the models at a first segment; return the bytes that precede those of the range coder."""
        if self.of:
            return b""
        for kind in self.kinds:
            self.of[kind] = Model(scale([q for block in blocks if block.offsets == kind for q in block.values]), self.n)
        return bytes(model.scale for model in self.of.values())

    def put(self, stream: Stream, blocks: Sequence[Block]) -> None:
        """Code blocks."""
        for block in blocks:
            put(stream, self.of[block.offsets], block.shape, block.values)

    def encode(self, blocks: Sequence[Block]) -> bytes:
        """Return a segment of integers."""
        head, stream = self.start(blocks), Stream()
        self.put(stream, blocks)
        count = sum(len(block.values) for block in blocks)
        data = stream.finish(strip=False)
        return head + data[: max(len(data.rstrip(b"\0")), -(-count // 65536) - 16 - len(head))]
