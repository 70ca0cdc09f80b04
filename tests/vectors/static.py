"""The encoder of the static coder, as described in sections 10.5 to 10.7 of the specification."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from tests.vectors import adaptive
from tests.vectors.adaptive import clamp
from tests.vectors.blocks import Block, axes, leb128

START = 65536


@dataclass
class Plan:
    """A block's data before its lanes, except the frequencies.

    Attributes:
        lane: log2 of the number of values per lane.
        neighbor: which neighboring value selects the table.
        reach: the magnitude to which that value is clamped.
        classes: number of classes.
        row: the class of each row.
        channel: the class of each channel.
        position: the class of each position.
    """

    lane: int = 8
    neighbor: int = 0
    reach: int = 0
    classes: int = 1
    row: Sequence[int] = ()
    channel: Sequence[int] = ()
    position: Sequence[int] = ()


PLAIN = Plan()


@dataclass
class Coded:
    """A block in parts, each of which a test can replace with a wrong one.

    Attributes:
        fields: the bytes at the start.
        side: the blocks of integers before the lanes.
        lanes: the words of each lane.
        tables: coded integers to use instead of coding ``side``.
        size: a size of the tables to use instead of the correct one.
        counts: counts to use instead of the correct ones.
    """

    fields: list[int]
    side: list[Block]
    lanes: list[list[int]]
    tables: bytes | None = None
    size: bytes | None = None
    counts: list[int] | None = None
    extra: list[int] = field(default_factory=list)

    def bytes(self) -> bytes:
        """Return the block."""
        tables = adaptive.Models(False).encode(self.side) if self.tables is None else self.tables
        counts = [len(words) - 1 for words in self.lanes] if self.counts is None else self.counts
        words = [word for lane in self.lanes for word in lane] + self.extra
        size = leb128(len(tables)) if self.size is None else self.size
        return bytes(self.fields) + size + tables + b"".join(n.to_bytes(2, "little") for n in (*counts, *words))


def symbol_of(q: int) -> tuple[int, int, int]:
    """Return the symbol, the number of extra bits, and the extra bits."""
    m = abs(q)
    if m < 8:
        return 2 * m - (q < 0), 0, 0
    bits = m.bit_length() - 2
    # m = (2 + (h mod 2)) · 2^bits + extra with bits = ⌊(h − 2) / 2⌋ − 1
    h = 2 * bits + 4 + (m >> bits & 1)
    return 2 * h - (q < 0), bits, m & (2**bits - 1)


def contexts(plan: Plan, shape: Sequence[int], values: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Yield the class of each value, and its clamped neighbor."""
    _, channels, positions = axes(shape)
    columns = channels * positions
    lag = (0, 1, positions, columns)[plan.neighbor]
    lane = 2**plan.lane
    for i in range(len(values)):
        r, c = divmod(i, columns)
        k = c % positions
        total = sum(
            axis[at] for axis, at in ((plan.row, r), (plan.channel, c // positions), (plan.position, k)) if axis
        )
        near = clamp(values[i - lag], -plan.reach, plan.reach) if plan.reach and i % lane >= lag else 0
        yield clamp(total, 0, plan.classes - 1), near


def frequencies(seen: Counter[int], symbols: int) -> list[int]:
    """Return frequencies that sum to 4096: approximate shares, at least 1; the most common symbol gets the rest."""
    if not seen:
        return [0] * symbols
    total = sum(seen.values())
    out = [max(1, 4000 * seen[symbol] // total) if seen[symbol] else 0 for symbol in range(symbols)]
    out[max(seen, key=lambda symbol: (seen[symbol], -symbol))] += 4096 - sum(out)
    assert all(f >= 0 for f in out)
    return out


def code(plan: Plan, shape: Sequence[int], values: Sequence[int], symbols: int | None = None) -> Coded:
    """Return a block, coded by a plan, in parts."""
    coded = [symbol_of(q) for q in values]
    symbols = max(symbol for symbol, _, _ in coded) + 1 if symbols is None else symbols
    near_count = 2 * plan.reach + 1
    places = [z * near_count + near + plan.reach for z, near in contexts(plan, shape, values)]
    seen: list[Counter[int]] = [Counter() for _ in range(plan.classes * near_count)]
    for place, (symbol, _, _) in zip(places, coded, strict=True):
        seen[place][symbol] += 1
    tables = [frequencies(found, symbols) for found in seen]
    lanes = []
    for start in range(0, len(values), 2**plan.lane):
        stop = start + 2**plan.lane
        lanes.append(lane(list(zip(coded[start:stop], (tables[place] for place in places[start:stop]), strict=False))))
    side = [
        Block(False, (n,), axis or [0] * n)
        for axis, n in zip((plan.row, plan.channel, plan.position), axes(shape), strict=True)
        if plan.classes > 1 and n not in (1, len(values))
    ]
    side.append(Block(False, (plan.classes, near_count, symbols), [f for table in tables for f in table]))
    return Coded([plan.lane, plan.neighbor, plan.reach, plan.classes, symbols], side, lanes)


def lane(values: Sequence[tuple[tuple[int, int, int], list[int]]]) -> list[int]:
    """Return the words of a lane, given the symbol, the extra bits and the table of each value."""
    x, words = START, []

    def emit_if(needed: bool) -> None:
        nonlocal x
        if needed:
            words.append(x % 65536)
            x //= 65536

    for (symbol, bits, extra), frequency in reversed(values):
        for n in [16, bits - 16] if bits > 16 else [bits] if bits else []:
            emit_if(x >= 2 ** (32 - n))
            x = x * 2**n + extra % 2**n
            extra >>= n
        f, start = frequency[symbol], sum(frequency[:symbol])
        emit_if(x >= f * 2**20)
        x = 4096 * (x // f) + x % f + start
    return [x // 65536, x % 65536, *reversed(words)]


def encode(blocks: Sequence[Block], plan: Plan = PLAIN) -> bytes:
    """Return a segment of integers, coded by one plan; if it has classes, all blocks must have the same shape."""
    return b"".join(code(replace(plan), block.shape, block.values).bytes() for block in blocks)
