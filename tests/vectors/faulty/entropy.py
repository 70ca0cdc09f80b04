"""Malformed segments of coders 3 and 4. Their checksums are correct."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace

from tests.vectors import adaptive, blocks, frz, msgpack, rangecoder, static
from tests.vectors.blocks import Block, leb128
from tests.vectors.entries import Vector, faulty
from tests.vectors.frz import File, Group, Tensor
from tests.vectors.numbers import bits, weights
from tests.vectors.static import Coded, Plan
from tests.vectors.valid.adaptive import stream_from

EIGHT = 8
"""One more than the largest number of bytes that a size may have."""


def vectors() -> Iterator[Vector]:
    yield from _adaptive()
    yield from _static_heads()
    yield from _static_tables()
    yield from _static_lanes()
    yield from _floats()


def _file(coder: str, shape: Sequence[int], data: bytes, *, fmt: str = "", offsets: int = 0) -> bytes:
    """Return a file with one plain tensor ``x`` that is stored as ``data``: integers, or elements of a float type."""
    held = {axis: [0] * n for axis, n in enumerate(shape) if offsets >> axis & 1}
    tensor = Tensor("x", shape, (), offsets=held)
    group = Group([tensor], fmt or "f32", stepped=not fmt, coder=coder, streams=[data])
    return frz.head(msgpack.pack(File([group]).tree())) + frz.segment(data)


def _adaptive() -> Iterator[Vector]:
    values = (5, -3, 0, 0, 1)
    given = [Block(False, (5,), values)]
    models, stream = adaptive.Models(False), rangecoder.Stream()
    head = models.start(given)
    models.put(stream, given)
    good = stream.finish()
    full = good.ljust(4 + stream.shifts, b"\0")
    # If code equals range, every bit is 0, and so are all values.
    for name, data, about in (
        ("of-nothing", b"", "has no scale"),
        ("scale-240", stream_from(240, values), "begins with scale 240"),
        ("scale-255", stream_from(255, values), "begins with scale 255"),
        ("start", head + b"\xff\xff\xff\xff", "has four bytes of 0xFF after its scale, and would be zeros"),
        ("byte-left", head + full + b"\1", "has one byte more than its values need"),
        ("zero-left", head + full + b"\0", "has a zero byte more than its values take"),
        ("many-left", head + full + bytes(100), "has a hundred bytes more than its values take"),
    ):
        yield faulty(f"adaptive-{name}", f"a stream {about}", _file("adaptive", (5,), data), "STREAM", load="x")
    odd = rangecoder.Stream()
    models = adaptive.Models(False)
    given = [Block(False, (8,), [1, 2, 3, 4, 5, -6, 7, 100])]
    head = models.start(given)
    models.put(odd, given)
    assert odd.odd
    number, size = odd.odd
    data = _file("adaptive", (8,), head + number.to_bytes(size, "big"))
    yield faulty("adaptive-direct-beyond", "a direct bit beyond the end of an odd range", data, "STREAM", load="x")
    for name, data, about in (
        ("scale-missing", b"\x50", "of offsets is missing"),
        ("scale-240", b"\x50\xf0" + bytes(4), "of offsets is 240"),
        ("first-scale-240", b"\xf0\x50" + bytes(4), "of entries is 240"),
    ):
        made = _file("adaptive", (2, 2), data, offsets=1)
        yield faulty(f"adaptive-offsets-{name}", f"the scale {about}", made, "STREAM", load="x")
    tensor = Tensor("w", (4, 4), [1, 2, 3], kept=(0, 3))
    late = File([Group([tensor], "f32", ["dct"], stepped=True, coder="adaptive", streams=[b"", b""])], tiers=2)
    about = "the first segment, which is in tier 1, has no scale"
    yield faulty("adaptive-scale-missing-in-tier-1", about, late.bytes(), "STREAM", load="w")


def _static(name: str, about: str, data: bytes, shape: Sequence[int] = (40,)) -> Vector:
    return faulty(f"static-{name}", about, _file("static", shape, data), "STREAM", load="x")


def _block(plan: Plan | None = None, count: int = 40, symbols: int | None = None) -> Coded:
    return static.code(plan or Plan(), (count,), weights("q", count), symbols)


def _static_heads() -> Iterator[Vector]:
    good = _block().bytes()
    for cut in range(5):
        yield _static(f"of-{cut}-bytes", f"a block of {cut} bytes", good[:cut])
    yield _static("without-size", "a block that ends before the size of its tables", good[:5])
    near = Plan(8, 1, 1)
    for name, about, plan in (
        ("lane-0", "lanes of one value", Plan(0)),
        ("lane-7", "lanes of 128 values", Plan(7)),
        ("lane-15", "a lane of 32768 values", Plan(15)),
        ("reach-0", "a neighbor with reach 0", Plan(8, 1, 0)),
        ("reach-5", "reach 5", Plan(11, 1, 5)),
        ("classes-65", "65 classes", Plan(14, 0, 0, 65, row=[r % 65 for r in range(256)])),
    ):
        tables = plan.classes * (2 * plan.reach + 1)
        shape = (256, 64) if plan.row else (max(800, 256 * (tables - 1)),)
        block = static.code(plan, shape, weights("q", math.prod(shape)))
        yield _static(name, f"a block of {about}, otherwise correct", block.bytes(), shape)
    for symbols in (128, 255):
        block = _block(symbols=symbols)
        yield _static(f"symbols-{symbols}", f"tables of {symbols} symbols, otherwise correct", block.bytes())
    # All values are 0, so that neighbors make no difference.
    for name, about, plan in (
        ("neighbor-4", "neighbor 4", Plan(8, 4, 1)),
        ("neighbor-255", "neighbor 255", Plan(8, 255, 1)),
        ("reach-without-neighbor-1", "reach 1 without a neighbor", Plan(8, 0, 1)),
        ("reach-without-neighbor-4", "reach 4 without a neighbor", Plan(11, 0, 4)),
    ):
        count = 512 * plan.reach
        block = static.code(replace(plan, neighbor=1), (count,), [0] * count)
        block.fields[1] = plan.neighbor
        yield _static(name, f"a block of {about}, otherwise correct", block.bytes(), (count,))
    for field, place, numbers, plan in (
        ("lane", 0, (255,), Plan()),
        ("reach", 2, (255,), near),
        ("classes", 3, (0, 255), Plan()),
        ("symbols", 4, (0,), Plan()),
    ):
        for number in numbers:
            block = _block(plan, 800)
            block.fields[place] = number
            yield _static(f"{field}-{number}", f"{field.replace('-', ' ')} {number}", block.bytes(), (800,))
    for count, plan in ((255, Plan(classes=2)), (511, near), (2047, Plan(classes=9)), (4095, Plan(12, 0, 0, 17))):
        tables = plan.classes * (2 * plan.reach + 1)
        about = f"{tables} tables for {count} values"
        yield _static(f"tables-{tables}-of-{count}", about, _block(plan, count).bytes(), (count,))
    size = good[5]
    for name, stored, about in (
        ("unending", leb128(size, EIGHT), "does not end in seven bytes"),
        ("huge", b"\xff" * 6 + b"\x7f", "is beyond the segment"),
        ("beyond", leb128(len(good) - 5), "is beyond the segment by one"),
    ):
        yield _static(f"size-{name}", f"the size of the tables {about}", good[:5] + stored + good[6:])
    yield _static("size-cut", "the size of the tables ends early", good[:5] + b"\x80")
    yield _static("size-less", "the size of the tables is one less", good[:5] + bytes([size - 1]) + good[6:])


def _static_tables() -> Iterator[Vector]:
    for name, tables, about in (
        ("of-nothing", b"", "have no bytes"),
        ("start", b"\x50" + b"\xff" * 4, "have four bytes of 0xFF after their scale"),
        ("scale-240", stream_from(240, _block().side[0].values), "begin with scale 240"),
    ):
        block = _block()
        block.tables = tables
        yield _static(f"tables-{name}", f"tables that {about}", block.bytes())
    block = _block()
    block.tables = adaptive.Models(False).encode(block.side) + bytes(40)
    yield _static("tables-followed", "tables with bytes left after them", block.bytes())
    # Without the fault, the values would be decoded: -8 is symbol 15, 0 is symbol 0.
    for name, table, value, about in (
        ("negative", [4096, 1, -1], 0, "are 4096, 1 and −1"),
        ("4097", [0] * 15 + [4097, -1], -8, "are 4097 and −1"),
        ("sum-4095", [4095], 0, "sum to 4095"),
        ("sum-4097", [4096, 1], 0, "sum to 4097"),
        ("sum-1", [1], 0, "sum to 1"),
        ("wrap-to-4096", [4096] + [2**30] * 4, 0, "sum to 4096 + 2^32"),
        ("wrap-to-0", [4096, 2**31 - 1, 2**31 - 1, -4094], 0, "sum to 2^32"),
    ):
        lanes = [static.lane([(static.symbol_of(value), table)] * 3)]
        block = Coded([8, 0, 0, 1, len(table)], [Block(False, (1, 1, len(table)), table)], lanes)
        yield _static(f"frequencies-{name}", f"frequencies that {about}", block.bytes(), (3,))
    shape = (20, 5, 3)
    for axis, what in enumerate(("row", "channel", "position")):
        for number in (4097, -4097, 2**31 - 1):
            classes = [[0] * n for n in shape]
            classes[axis][1] = number
            block = static.code(Plan(8, 0, 0, 2, *classes), shape, weights("q", 300))
            name = f"{what}-class-{number}".replace("--", "-minus-")
            yield _static(name, f"a {what} of class {number}", block.bytes(), shape)


def _static_lanes() -> Iterator[Vector]:
    block = _block(count=600)
    good = block.bytes()
    words = 2 * sum(map(len, block.lanes))
    yield _static("without-counts", "a block that ends before its counts", good[: -words - 6], (600,))
    yield _static("counts-cut", "a block that ends within its counts", good[: -words - 1], (600,))
    yield _static("without-words", "a block that ends before its words", good[:-words], (600,))
    yield _static("words-cut", "a block that ends within its words", good[:-1], (600,))
    yield _static("word-missing", "a block that lacks its last word", good[:-2], (600,))
    yield _static("byte-left", "a byte after the last block", good + b"\0", (600,))
    yield _static("word-left", "a word after the last block", good + bytes(2), (600,))
    yield _static("block-left", "one block too many", good + _block().bytes(), (600,))
    for name, about, change in (
        ("lane-of-one-word", "a lane that has one word", lambda lanes: lanes[1].__setitem__(slice(1, None), [])),
        ("lane-ends-early", "a lane that lacks its last word", lambda lanes: lanes[1].pop()),
        ("lane-word-left", "a lane with a word left", lambda lanes: lanes[1].append(0)),
        (
            "lane-word-wrong",
            "a lane whose last state is wrong",
            lambda lanes: lanes[2].__setitem__(-1, lanes[2][-1] ^ 0x8000),
        ),
    ):
        block = _block(count=600)
        change(block.lanes)
        yield _static(name, about, block.bytes(), (600,))
    block = _block(count=600)
    moved = block.lanes[0].pop()
    block.lanes[1].insert(0, moved)
    yield _static("lane-border", "two lanes whose boundary is off by one word", block.bytes(), (600,))
    for name, about, words in (
        ("end-state-65537", "is 65537 to the end", [1, 1]),
        ("end-state-large", "is 2^31 to the end", [2**15, 0]),
        ("lane-state-small", "is 1 at first and then, after a word, 65536", [0, 1, 0]),
    ):
        zeros = static.code(Plan(), (40,), [0] * 40)
        zeros.lanes[0] = words
        yield _static(name, f"a lane of zeros whose state {about}", zeros.bytes())
    block = _block(Plan(classes=2), 300)
    frequencies = [*block.side[-1].values]
    half = len(frequencies) // 2
    block.side[-1] = block.side[-1]._replace(values=frequencies[half:] + frequencies[:half])
    yield _static("table-unused", "a value whose table has no frequencies", block.bytes(), (300,))
    third = static.code(Plan(8), (3,), [2**31 - 1] * 3)
    third.lanes[0] = third.lanes[0][:4]
    yield _static("extra-bits-cut", "a lane that ends within the extra bits of a value", third.bytes(), (3,))


def _floats() -> Iterator[Vector]:
    values = [0x3C01, 0xBC00, 0x4002, 0, 0x3801, 0x3800, 0x3C00]
    given = [Block(False, (7,), values)]
    parts = blocks.split("f16", given)
    by = {"adaptive": lambda found: adaptive.Models(False, 4).encode(found), "static": static.encode}
    for coder, encode in by.items():
        integers = encode(parts.blocks)
        good = parts.segment(integers)
        assert parts.digits == 10
        longer = [bytes([parts.reference, digits]) + good[2 : 3 + len(integers)] for digits in (11, 255)]
        cases = [
            ("of-nothing", b"", "has no bytes"),
            ("of-one-byte", good[:1], "has one byte"),
            ("without-size", good[:2], "ends before the size of its integers"),
            ("digits-11", longer[0] + bytes(6 + 3), "has mantissas of 11 bits, all of them 0"),
            ("digits-255", longer[1] + bytes(31 * 6 + 6), "has mantissas of 255 bits, all of them 0"),
            ("size-unending", parts.segment(integers, EIGHT), "has a size that does not end in seven bytes"),
            ("size-huge", good[:2] + b"\xff" * 6 + b"\x7f" + good[3:], "has a size beyond the segment"),
            ("integers-cut", good[: 3 + len(integers) - 1], "ends within its integers"),
            ("without-mantissas", good[: 3 + len(integers)], "ends before its mantissas"),
            ("mantissas-cut", good[:-1], "ends within its mantissas"),
            ("planes-cut", good[: 3 + len(integers) + 3], "ends within a plane of mantissas"),
            ("byte-left", good + b"\0", "has a byte after its mantissas"),
            ("bits-left", good[:-1] + bytes([good[-1] | 0x80]), "has a bit set after its last mantissa"),
            ("exponent-negative", bytes([0]) + good[1:], "has negative exponents"),
            ("exponent-32", bytes([32]) + good[1:], "has the exponent 32, one beyond those of f16"),
            ("exponent-beyond", bytes([40]) + good[1:], "has exponents beyond those of f16"),
            ("integer-huge", parts.segment(encode([Block(False, (7,), [2**31 - 1] * 7)])), "has exponents of −2^31"),
        ]
        for name, data, about in cases:
            made = _file(coder, (7,), data, fmt="f16")
            yield faulty(f"floats-{coder}-{name}", f"a segment of floats {about}", made, "STREAM", load="x")
    for fmt, m in (("bf16", 7), ("f32", 23)):
        parts = blocks.split(fmt, [Block(False, (8,), bits(fmt, *[1.0, -2.0] * 4))], digits=m)
        integers = adaptive.Models(False, 4).encode(parts.blocks)
        data = parts._replace(digits=m + 1, mantissas=bytes(m + 1)).segment(integers)
        about = f"eight mantissas of {m + 1} bits, all of them 0"
        yield faulty(f"floats-{fmt}-digits-{m + 1}", about, _file("adaptive", (8,), data, fmt=fmt), "STREAM", load="x")
    beyond = blocks.split("f32", [Block(False, (3,), [0x3F800000, 0x40000000, 0])])
    negative = beyond._replace(blocks=[Block(False, (3,), [1, beyond.reference + 2, 0])])
    data = negative.segment(adaptive.Models(False, 4).encode(negative.blocks))
    about = "an exponent of −1"
    yield faulty("floats-f32-exponent-minus-1", about, _file("adaptive", (3,), data, fmt="f32"), "STREAM", load="x")
