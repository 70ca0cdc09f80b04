"""Integers coded by ``static``: lanes, neighbors, classes, symbols, and what a writer may choose freely."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace

from tests.vectors import static
from tests.vectors.blocks import Block, leb128
from tests.vectors.entries import Vector, valid
from tests.vectors.frz import File, Group, Tensor
from tests.vectors.numbers import noise, weights
from tests.vectors.static import Plan
from tests.vectors.valid.adaptive import stream_from

LARGEST = 2**31 - 1


def coded(values: Sequence[int], shape: Sequence[int], *streams: bytes, step: int = -40) -> File:
    """Return a file with one plain tensor ``x`` and its segment."""
    tensor = Tensor("x", shape, values, step=step)
    return File([Group([tensor], stepped=True, coder="static", streams=streams or None)])


def planned(
    plan: Plan, shape: Sequence[int], values: Sequence[int], symbols: int | None = None, step: int = -40
) -> File:
    """Return a file with one plain tensor ``x`` whose segment is coded by a plan."""
    return coded(values, shape, static.code(plan, shape, values, symbols).bytes(), step=step)


def vectors() -> Iterator[Vector]:
    yield valid("static", "plain multiples of a step", coded(weights("q", 40), (40,)))
    yield valid("static-scalar", "a single value of rank 0", coded([-5], ()))
    yield valid("static-of-one-value", "a single value of rank 3", coded([9], (1, 1, 1)))
    tensors = [Tensor(name, (n,), weights("q", n, n), step=-8) for name, n in (("a", 9), ("b", 1), ("c", 0), ("d", 12))]
    about = "a block for each tensor that has values"
    yield valid("static-of-four-tensors", about, File([Group(tensors, stepped=True, coder="static")]))
    yield from _lanes()
    yield from _neighbors()
    yield from _classes()
    yield from _symbols()
    yield from _freedom()
    yield from _offsets()


def _lanes() -> Iterator[Vector]:
    for lane, count in ((8, 256), (8, 257), (8, 255), (8, 1000), (9, 1000), (11, 2049)):
        about = f"{count} values in lanes of {2**lane}"
        yield valid(f"static-lane-{lane}-of-{count}", about, planned(Plan(lane), (count,), weights("q", count)))
    for lane in (10, 12, 13, 14):
        about = f"100 values in a lane of up to {2**lane}"
        yield valid(f"static-lane-{lane}", about, planned(Plan(lane), (4, 25), weights("q", 100)))
    for lane, count in ((12, 5000), (13, 9000), (14, 17000)):
        about = f"{count} values in lanes of {2**lane}"
        values = [(i % 97 == 5) - (i % 89 == 7) for i in range(count)]
        yield valid(f"static-lane-{lane}-of-{count}", about, planned(Plan(lane), (count,), values))
    values = [LARGEST - abs(n) for n in noise(13_000, 2**28)]
    table = [4095, *[0] * 125, 1]
    lane_words = static.lane([(static.symbol_of(q), table) for q in values])
    assert len(lane_words) > 2**15
    block = static.Coded([14, 0, 0, 1, 127], [Block(False, (1, 1, 127), table)], [lane_words])
    file = coded(values, (13_000,), block.bytes(), step=-480)
    yield valid("static-words", "a lane of more than 2^15 words, whose symbols are all rare ones", file)
    zeros = [0] * 3000
    yield valid("static-zeros", "a table with one symbol: values without any bits", planned(Plan(10), (3000,), zeros))


def _neighbors() -> Iterator[Vector]:
    shape = (40, 5, 3, 3)
    walk = [0]
    for n in noise(math.prod(shape) - 1, 2):
        walk.append(walk[-1] + n if abs(walk[-1] + n) < 9 else 0)
    for neighbor, what in ((1, "the value before"), (2, "the value one channel before"), (3, "one row before")):
        for reach in (1, 2, 3):
            about = f"tables by {what}, clamped to {reach}"
            file = planned(Plan(9, neighbor, reach), shape, walk)
            yield valid(f"static-neighbor-{neighbor}-reach-{reach}", about, file)
    about = "the largest reach: nine tables"
    yield valid("static-reach-4", about, planned(Plan(11, 1, 4), (2400,), (walk * 2)[:2400]))
    for neighbor, what in ((2, "the value one channel before"), (3, "one row before")):
        about = f"nine tables by {what}"
        file = planned(Plan(9, neighbor, 4), (60, 5, 3, 3), (walk * 2)[:2700])
        yield valid(f"static-neighbor-{neighbor}-reach-4", about, file)
    for neighbor in (1, 2, 3):
        for shape, lag in (((600,), (1, 600, 600)), ((60, 10), (1, 1, 10)), ((1, 60, 10), (1, 10, 600))):
            about = f"neighbor {neighbor} in a block of shape {shape} and one lane: the lag is {lag[neighbor - 1]}"
            file = planned(Plan(10, neighbor, 1), shape, walk[:600])
            yield valid(f"static-neighbor-{neighbor}-of-{'x'.join(map(str, shape))}", about, file)
    about = "a row is longer than a lane, so no value has a neighbor"
    yield valid("static-neighbor-beyond-lane", about, planned(Plan(8, 3, 1), (2, 300), walk[:600]))
    about = "a value in the previous lane is not a neighbor"
    yield valid("static-neighbor-of-lane", about, planned(Plan(8, 2, 1), (7, 50, 4), walk[:1400]))


def _classes() -> Iterator[Vector]:
    rows, channels, positions = [0, 1, 2, -1], [0, 2, 1], [1, 0, 0, 1]
    values = [
        n >> max(0, 6 - 2 * (r + c + p))
        for (r, c, p), n in zip(
            ((r, c, p) for r in rows for c in channels for p in positions), noise(48, 63), strict=True
        )
    ]
    long, many = (40, 3, 2, 2), values * 10  # two tables need 256 values
    plan = Plan(8, classes=2, row=rows * 10, channel=channels, position=positions)
    yield valid("static-classes", "classes of rows, channels and positions", planned(plan, long, many))
    plan = Plan(9, 1, 1, 3, [r % 4 for r in range(180)], [0, -1, 1], positions)
    about = "classes and a neighbor: nine tables"
    yield valid("static-classes-neighbor", about, planned(plan, (180, 3, 2, 2), values * 45))
    for neighbor in (2, 3):
        plan = replace(plan, neighbor=neighbor)
        about = f"classes and neighbor {neighbor}"
        yield valid(f"static-classes-neighbor-{neighbor}", about, planned(plan, (180, 3, 2, 2), values * 45))
    far = Plan(8, classes=2, row=[4096, -4096, 0, 1] * 10, channel=[-4096, 0, 4096], position=[-4096, 4096, 0, 0])
    about = "classes far out of range, whose sums are clamped to the existing classes"
    yield valid("static-classes-far", about, planned(far, long, many))
    for shape, axes, about in (
        ((300,), {}, "rank 1 with two classes: no classes are stored, and all are 0"),
        ((300, 1), {}, "a row for each value: no classes of rows are stored"),
        ((1, 300), {}, "a channel for each value"),
        ((150, 2), {"row": [0, 1] * 75, "channel": [0, 0]}, "rows and channels, one position"),
        ((1, 30, 10), {"channel": [0, 1, 0] * 10, "position": [0, 1] * 5}, "channels and positions of one row"),
        ((30, 1, 10), {"row": [0, 1, 0] * 10, "position": [0, 1] * 5}, "rows and positions of one channel"),
    ):
        plan = Plan(8, classes=2, **axes)  # type: ignore[arg-type]
        name = "x".join(map(str, shape))
        yield valid(f"static-classes-of-{name}", about, planned(plan, shape, weights("q", math.prod(shape))))
    about = "tables that are not used have no frequencies"
    unused = Plan(9, 0, 0, 3, row=[2] * 400)
    yield valid("static-tables-unused", about, planned(unused, (400, 2), weights("q", 800)))
    most = Plan(14, 0, 0, 64, row=[r % 64 for r in range(256)])
    about = "the largest possible number of classes"
    yield valid("static-classes-64", about, planned(most, (256, 64), [(i * i) % 5 - 2 for i in range(256 * 64)]))


def _symbols() -> Iterator[Vector]:
    sizes = [s * n for b in range(31) for n in (1 << b, (2 << b) - 1, 3 << b >> 1) for s in (1, -1)]
    about = "magnitudes of every number of bits, up to 2^31 − 1: every symbol but a few"
    yield valid("static-every-symbol", about, planned(Plan(8), (len(sizes),), sizes, step=-480))
    about = "the largest magnitudes: 29 extra bits, in two parts"
    yield valid("static-largest", about, planned(Plan(8), (60,), [LARGEST, -LARGEST, 0] * 20, step=-480))
    parts = [n >> 31 - bits for bits in range(17, 32) for n in noise(8, LARGEST, bits)]
    about = "any numbers of 17 to 31 bits: 15 to 29 extra bits of any value"
    yield valid("static-extra-bits", about, planned(Plan(8), (len(parts),), parts, step=-480))
    about = "300 numbers of 31 bits"
    yield valid("static-incompressible", about, planned(Plan(8), (300,), noise(300, LARGEST, 7), step=-480))
    near = [*range(-20, 21)] * 3
    yield valid("static-small-magnitudes", "where extra bits begin", planned(Plan(8), (len(near),), near))
    about = "tables of 127 symbols, most of which have a frequency of 0"
    yield valid("static-symbols-127", about, planned(Plan(8), (90,), weights("q", 90), 127))


def _freedom() -> Iterator[Vector]:
    values = weights("q", 50)
    block = static.code(Plan(8), (50,), values)
    stored = block.bytes()
    size = stored[5]
    for length in (2, 7):
        block.size = leb128(size, length)
        about = f"the size of the tables in {length} bytes instead of one"
        yield valid(f"static-size-of-{length}-bytes", about, coded(values, (50,), block.bytes()))
    block = static.code(Plan(8), (50,), values)
    block.tables = stream_from(239, block.side[0].values)
    yield valid(
        "static-tables-scale-239", "tables that begin at the highest scale", coded(values, (50,), block.bytes())
    )
    about = "all values are equal, and their symbol is the last of a table"
    yield valid("static-last-symbol", about, planned(Plan(8), (20,), [-1] * 20))


def _offsets() -> Iterator[Vector]:
    """Yield blocks of step offsets that have more than one table."""
    steps, values = [n // 2 for n in noise(520, 9)], weights("q", 520)
    for name, about, plan in (
        ("neighbor", "a neighbor", Plan(8, 1, 1)),
        ("classes", "two classes, none of which is stored", Plan(8, classes=2)),
    ):
        data = static.code(plan, (520,), steps).bytes() + static.code(Plan(10), (520, 1), values).bytes()
        tensor = Tensor("x", (520, 1), values, step=-40, offsets={0: steps})
        file = File([Group([tensor], stepped=True, coder="static", streams=[data])])
        yield valid(f"static-offsets-{name}", f"a block of step offsets with {about}", file)
