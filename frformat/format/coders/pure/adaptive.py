"""The model of the adaptive coder in plain Python (specification, sections 10.2 to 10.4)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Protocol

from frformat.format.coders.batches import Block
from frformat.format.coders.scales import MEANS, SCALES, mean

ZONES: Final = SCALES // 2
CLASSES: Final = 30
"""Number of counters for a magnitude's bit length, and of counters for its second-highest bit."""

FIRST_EVIDENCE: Final = 6 << 12

# A model keeps all counters in one list: those of `zero`, then those of `longer`, `top` and `sign`.
LONGER: Final = ZONES * 3
TOP: Final = LONGER + ZONES * 5 * CLASSES
SIGN: Final = TOP + ZONES * CLASSES


GAIN: Final = tuple((1 << 44) // (4096 + mu) for mu in MEANS)
RATIO: Final = tuple((1 << 44) // (1024 + mu) for mu in MEANS)
WORTH: Final = tuple(8192 * mu // (4096 + mu) for mu in MEANS)
SHARE: Final = (0, *(65536 // n for n in range(1, 512)))


def _probabilities() -> list[int]:
    """Return the initial probabilities of counters, assuming a geometric distribution with the mean of each zone."""
    zero, longer, top = [], [], []
    for zone in range(ZONES):
        mu = mean(2 * zone + 1)
        t = (mu << 16) // (4096 + mu)
        zero += [t] * 3
        powers = [t]
        while len(powers) < CLASSES:
            powers.append(powers[-1] ** 2 >> 16)
        longer += powers * 5
        top += [(power << 16) // (65536 + power) for power in powers]
    return [min(max(p, 2048), 65535) << 6 for p in (*zero, *longer, *top, *[32768] * 5)]


PROBABILITIES: Final = _probabilities()


class Model:
    """The adaptive state of a group, which is kept between tensors and between tiers.

    Args:
        scale: scale of the first segment's values, 0 to 239.
        confidence: weight of the initial counter estimates, in bits.
    """

    def __init__(self, scale: int, confidence: int) -> None:
        self.base = (scale - 80) << 13
        self.weight = 0
        self.taps = (0, 0, 0, 0)
        self.p = PROBABILITIES.copy()
        self.n = [confidence] * SIGN + [4] * 5


class Bits(Protocol):
    """A range coder that either writes or reads bits."""

    def bit(self, model: Model, i: int, b: int) -> int:
        """Code a bit with the probability of counter ``i``. When writing, ``b`` is the bit."""

    def direct(self, value: int, bits: int) -> int:
        """Code the lowest ``bits`` bits of a number. When writing, ``value`` is the number."""


class Blocks:
    """Values in rows, channels and positions, coded block by block and piece by piece.

    Args:
        model: the state, which adapts to the values.
        shapes: shapes of the blocks.
    """

    def __init__(self, model: Model, shapes: Sequence[Block]) -> None:
        self._model = model
        self._shapes = iter(shapes)
        self._left = 0

    def code(self, bits: Bits, values: list[int]) -> None:
        """Code the next values in place."""
        at = 0
        while at < len(values):
            while not self._left:
                shape = next(self._shapes)
                self._block, self._left = _Block(self._model, *shape), shape.size
            stop = min(at + self._left, len(values))
            part = values[at:stop]
            self._block.code(bits, part)
            values[at:stop] = part
            self._left -= stop - at
            at = stop


class _Block:
    def __init__(self, model: Model, rows: int, channels: int, positions: int) -> None:
        self._model = model
        self._positions = positions
        self._columns = channels * positions
        # A term is a value and its evidence. A term that only one value would use has no effect, so it is omitted.
        self._channel = [0, FIRST_EVIDENCE] * channels if channels > 1 and rows * positions > 1 else []
        self._position = [0, FIRST_EVIDENCE] * positions if positions > 1 and rows * channels > 1 else []
        self._over = [0] * self._columns if rows > 1 else []
        self._column = 0
        self._row = [0, FIRST_EVIDENCE]
        self._around = (0, 0, 0, 0)

    def code(self, bits: Bits, values: list[int]) -> None:
        """Code the next values in place."""
        model, over, row, column = self._model, self._over, self._row, self._column
        around, v1, v2, v3 = self._around
        weight, (t0, t1, t2, t3) = model.weight, model.taps
        for at, q in enumerate(values):
            level = model.base + row[0] + ((weight * around) >> 12)
            c = p = -1
            if self._channel:
                c = column // self._positions * 2
                level += self._channel[c]
            if self._position:
                p = column % self._positions * 2
                level += self._position[p]
            s = (level >> 13) + 80
            s = 0 if s < 0 else 239 if s > 239 else s
            v4 = over[column] if over else 0
            guess = (t0 * v1 + t1 * v2 + t2 * v3 + t3 * v4) >> 16
            q = values[at] = _value(bits, model, s >> 1, guess, q)

            m = min(abs(q), 1 << 22)
            residual = min((m + 1) * GAIN[s] >> 20, 16384) - 4096
            if s == 239 and residual > 0:
                residual = 0
            worth = WORTH[s]
            _learn(row, 0, residual, worth)
            if c >= 0:
                _learn(self._channel, c, residual, worth)
            if p >= 0:
                _learn(self._position, p, residual, worth)
            weight = _adjusted(weight, residual * around, 16)
            v = min(m * RATIO[s] >> 20, 12288)
            v = -v if q < 0 else v
            miss = min(max(v - guess, -12288), 12288)
            if miss:
                t0, t1 = _adjusted(t0, miss * v1, 17), _adjusted(t1, miss * v2, 17)
                t2, t3 = _adjusted(t2, miss * v3, 17), _adjusted(t3, miss * v4, 17)
            around += (residual - around) >> 2
            v1, v2, v3 = v, v1, v2
            if over:
                over[column] = v
            column += 1
            if column == self._columns:
                column = around = v1 = v2 = v3 = 0
                row[:] = 0, FIRST_EVIDENCE
        self._column, self._around = column, (around, v1, v2, v3)
        model.weight, model.taps = weight, (t0, t1, t2, t3)


def _value(bits: Bits, model: Model, zone: int, guess: int, q: int) -> int:
    """Code one value. When writing, ``q`` is the value."""
    level = min((abs(guess) >> 9).bit_length(), 4)
    sure = level >> 1
    if not bits.bit(model, zone * 3 + sure, int(q != 0)):
        return 0
    differs = bits.bit(model, SIGN + level, int((q < 0) != (guess < 0)))
    negative = bool(differs) != (guess < 0)
    longer = LONGER + (zone * 5 + (2 + sure if differs else 2 - sure)) * CLASSES
    x = abs(q)
    size = x.bit_length()
    k = 0
    while k < CLASSES and bits.bit(model, longer + k, int(k + 1 < size)):
        k += 1
    y = 1
    if k:
        y = 2 + bits.bit(model, TOP + zone * CLASSES + k - 1, x >> max(size - 2, 0) & 1)
        y = y << (k - 1) | bits.direct(x, k - 1)
    return -y if negative else y


def _learn(terms: list[int], at: int, residual: int, worth: int) -> None:
    value = terms[at] + ((residual * SHARE[terms[at + 1] >> 12] + 512) >> 10)
    terms[at] = min(max(value, -(1 << 22)), 1 << 22)
    terms[at + 1] = min(terms[at + 1] + worth, 511 << 12)


def _adjusted(weight: int, product: int, shift: int) -> int:
    return min(max(weight + ((product + (1 << shift - 1)) >> shift), -(1 << 20)), 1 << 20)
