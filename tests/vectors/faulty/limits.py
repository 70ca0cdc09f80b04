"""Numbers that exceed each limit of section 11 by one, and numbers that overflow 32 or 64 bits."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

from tests.vectors import deflate, frz, msgpack
from tests.vectors.entries import Vector, faulty
from tests.vectors.faulty.base import ANEW, NAMED, NESTED, OFFSETS, RAW, STEPPED, in_group, put, refused
from tests.vectors.faulty.contradictions import LARGE
from tests.vectors.frz import (
    CODER,
    CORNERS,
    DTYPE,
    ENTROPY,
    GROUPS,
    KEPT,
    KINDS,
    NAMES,
    SHAPES,
    SIZES,
    File,
    Group,
    Tensor,
)
from tests.vectors.msgpack import Map, Raw, int64
from tests.vectors.numbers import CODERS, DTYPES, f32

AXIS = 2**31 - 1
SEGMENT = 2**48


def vectors() -> Iterator[Vector]:
    yield from _shapes()
    yield from _fields()
    yield from _counts()
    yield from _sums()


def _limit(name: str, about: str, file: File, edit: Any) -> Vector:
    return refused(f"limit-{name}", about, file, edit, "LIMIT")


def _name(text: str) -> str:
    return text.replace("^", "e").replace(" − ", "-minus-").replace(" + ", "-plus-")


def _shapes() -> Iterator[Vector]:
    yield _limit("rank-9", "a shape of rank 9", RAW, in_group(SHAPES, [(1,) * 9]))
    yield _limit("rank-9-view", "a view of rank 9", STEPPED, in_group(frz.VIEWS, [(1,) * 7 + (3, 4)]))
    yield _limit("rank-1000", "a shape of rank 1000", RAW, in_group(SHAPES, [(1,) * 1000]))
    for number, text in LARGE:
        yield _limit(f"axis-{_name(text)}", f"an axis of {text}", RAW, in_group(SHAPES, [(number,)]))
    yield _limit("axis-view-2e31", "an axis of 2^31 in a view", STEPPED, in_group(frz.VIEWS, [(2**31,)]))
    yield _limit("axis-2e31-beside-0", "an axis of 2^31 next to one of 0", RAW, in_group(SHAPES, [(0, 2**31)]))
    for name, shape in (
        ("2e48-plus-2e24", (2**24, 2**24 + 1)),
        ("2e49", (2, 2**24, 2**24)),
        ("beyond-2e63", (AXIS, AXIS, AXIS)),
        ("wrap-to-0", (2**16,) * 4),
        ("wrap-to-6", (6, 3 * 11 * 131 * 2731, 409891, 7623851)),
        ("wrap-negative", (2**21, 2**21, 2**21)),
        ("wrap-32-bits", (2**16, 2**16, 2**17)),
    ):
        count = " × ".join(map(str, shape))
        yield _limit(f"elements-{name}", f"{count} elements", RAW, in_group(SHAPES, [shape]))
    wrap = (2**16, 2**16, 2**16, 2**16, 12)
    yield _limit(
        "elements-view-wrap-to-0", "a view whose element count wraps to 0", STEPPED, in_group(frz.VIEWS, [wrap])
    )


def _fields() -> Iterator[Vector]:
    for number, text in LARGE:
        huge = File([frz.dct("w", "f16", (2**20, 2**20), (0, 0, 0), "deflate")])
        yield _limit(f"kept-{_name(text)}", f"{text} coefficients", huge, in_group(KEPT, [[number]]))
        about = f"a corner of {text} entries"
        yield _limit(f"corner-{_name(text)}", about, NESTED, in_group(CORNERS, [[[1, 2]], [[2, number]]]))
    for number, text in ((SEGMENT + 1, "2^48 + 1"), *LARGE[2:]):
        deflated = File([frz.raw("x", "u8", (4,), (1, 2, 3, 4), "deflate")])
        yield _limit(f"size-{_name(text)}", f"a segment of {text} bytes", deflated, in_group(SIZES, [number]))
    for number, text in ((257, "257"), *LARGE):
        yield _limit(f"tiers-{_name(text)}", f"{text} tiers", NAMED, put(frz.TIERS, number))
    steps = (
        (2032, "2032"),
        (-2017, "minus-2017"),
        (2**31, "2^31"),
        (2**32, "2^32"),
        (2**63, "2^63"),
        (2**64 - 1, "2^64 − 1"),
    )
    for number, text in (*steps, (2**32 - 16, "2^32 − 16"), (-(2**31), "minus-2^31")):
        yield _limit(f"step-{_name(text)}", f"step code {number}", STEPPED, in_group(frz.STEPS, [number]))
    yield _limit("step-minus-2e63", "step code −2^63", STEPPED, in_group(frz.STEPS, [int64(-(2**63))]))
    for number, text in ((256, "256"), *LARGE):
        yield _limit(f"offsets-{_name(text)}", f"offsets {text}", OFFSETS, in_group(frz.OFFSETS, number))
    for number, text in ((2, "2"), *LARGE):
        yield _limit(f"per-tier-{_name(text)}", f"per_tier {text}", ANEW, in_group(frz.PER_TIER, number))
    columns = 2**14
    tensor = Tensor("w", (20000,), f32(1.0), corners=[(1,)], seeds=(1,))
    seeded = File([Group([tensor], "f32", ["seeded"], coder="deflate")])
    about = "2^14 + 1 entries on a seeded axis"
    yield _limit("corner-of-seeded", about, seeded, in_group(CORNERS, [[[columns + 1]]]))
    whole = Group([Tensor("w", (columns + 1,), [0] * (columns + 1), seeds=(1,))], "f32", ["seeded"], coder="deflate")
    about = "the same, as large as the view"
    yield faulty("limit-whole-of-seeded", about, File([whole]).bytes(), "LIMIT")
    factor = Group([Tensor("", (columns + 1, 2), [0] * 2 * (columns + 1))], coder="deflate")
    tensor = Tensor("w", (2, 2), [0] * (columns + 1), corners=[(1, columns + 1)], factors=(0,))
    core = Group([tensor], "f32", ["identity", "stored"], coder="deflate")
    about = "2^14 + 1 entries on a stored axis"
    yield faulty("limit-corner-of-stored", about, File([factor, core]).bytes(), "LIMIT")
    square = Group([Tensor("", (columns + 1, columns + 1))], coder="deflate", streams=[deflate.fixed(b"")])
    whole = Group([Tensor("w", (columns + 1,), [0] * (columns + 1), factors=(0,))], "f32", ["stored"], coder="deflate")
    about = "the same, as large as the view"
    yield faulty("limit-whole-of-stored", about, _streamed(square, whole), "LIMIT")
    for name, about, corners in (
        ("whole", "2^14 + 1 entries on a seeded axis beside an axis of length 0", None),
        ("corner", "the same as a corner", [(0, columns + 1)]),
    ):
        tensor = Tensor("w", (0, columns + 1), (), corners=corners, seeds=(1,))
        group = Group([tensor], "f32", ["identity", "seeded"])
        yield faulty(f"limit-{name}-of-seeded-beside-0", about, File([group]).bytes(), "LIMIT")


def _counts() -> Iterator[Vector]:
    features = [f"f{i}" for i in range(257)]
    about = "257 features: they are counted before they are read"
    yield _limit("features-257", about, NAMED, put(frz.FEATURES, features))
    for coder in ENTROPY:
        for stepped in (True, False):
            for stored in (b"", b"\1\2\3"):
                count = 65536 * (len(stored) + 16) + 1
                directory = _coded(coder, [(count,)], stored, stepped=stepped)
                what = "integers" if stepped else "floats"
                about = f"{count:,} {what} in {len(stored)} stored bytes by coder {coder}"
                name = f"{coder}-{what}-in-{len(stored)}-bytes"
                yield faulty(f"limit-{name}", about, directory, "LIMIT")
                directory = _coded(coder, [(count - 1,)], stored, stepped=stepped)
                about = f"{count - 1:,} {what} in {len(stored)} stored bytes: within the limit, and beyond the budget"
                yield faulty(name, about, directory, "BUDGET", load="0", budget=1 << 20)
    half = [Tensor("x", (2**24, 2**23)), Tensor("y", (1,))]
    streams = [deflate.fixed(b"")] * 2
    anew = Group(half, "u8", per_tier=True, coder="deflate", streams=streams)
    about = "2^47 + 1 values in each of two tiers, 2^48 + 2 in all"
    yield faulty("limit-values-of-two-tiers", about, _streamed(anew, tiers=2), "LIMIT")
    anew = Group(half[:1], "u8", per_tier=True, coder="deflate", streams=streams)
    about = "2^47 values in each of two tiers, 2^48 in all: within the limit, and beyond the budget"
    yield faulty("values-of-two-tiers-2e48", about, _streamed(anew, tiers=2), "BUDGET", load="x")
    for name, kept, sizes, about in (
        ("in-tier-1", (0, 65536 * 19 + 1), (0, 3), "1,245,185 integers in 3 stored bytes of tier 1"),
        (
            "of-no-bytes",
            (1, 65536 * 16 + 2),
            (100, 0),
            "1,048,577 integers in no bytes of tier 1, beside 100 of tier 0",
        ),
    ):
        fields = [(DTYPE, DTYPES.index("f32")), (NAMES, [0, "w"]), (SHAPES, [(2**21,)]), (KEPT, [[k] for k in kept])]
        fields += [(frz.STEPS, [0]), (CODER, CODERS.index("adaptive")), (SIZES, [*sizes])]
        data = frz.head(msgpack.pack(Map([(frz.TIERS, 2), (GROUPS, [Map(fields)])])))
        data += b"".join(frz.segment(bytes(size)) for size, new in zip(sizes, kept, strict=True) if new)
        yield faulty(f"limit-adaptive-{name}", about, data, "LIMIT")
    base = File([frz.raw("y", "u8", (), (1,))]).bytes()
    many = Group([Tensor("x", (65536 * 19 + 1,))], coder="adaptive", streams=[b"\1\2\3"], extra=[(frz.DELTA, 1)])
    data = frz.head(msgpack.pack(File([many], base=base).tree())) + frz.segment(b"\1\2\3")
    yield faulty("limit-adaptive-of-differences", "1,245,185 differences in 3 stored bytes", data, "LIMIT")
    about = "offsets count as values, too"
    shapes = [(65536 * 19, 0), (1, 1)]
    yield faulty("limit-values-offsets", about, _coded("adaptive", shapes, b"\1\2\3", offsets=1), "LIMIT")
    for named in (True, False):
        directory, stream = _million(named=named)
        what = "tensors, each with its own name" if named else "factors"
        name = "limit-tensors-2e20-plus-1" if named else "limit-factors-2e20-plus-1"
        yield faulty(name, f"2^20 + 1 {what}", frz.head(directory, deflated=stream), "LIMIT")
    directory, stream = _million(named=True, count=2**19, beside=2**19)
    about = "2^19 tensors, 2^19 factors and an alias"
    yield faulty("limit-tensors-factors-and-alias", about, frz.head(directory, deflated=stream), "LIMIT")
    for alias in (False, True):
        directory, stream = _long_names(alias=alias)
        about = "names of 2^26 + 1 bytes without front coding" + (", the last of an alias" if alias else "")
        name = "limit-names-with-alias" if alias else "limit-names-2e26-plus-1"
        yield faulty(name, about, frz.head(directory, deflated=stream), "LIMIT")


def _streamed(first: Group, *others: Group, tiers: int = 1) -> bytes:
    """Return a file whose first group has the given streams, one in each tier; its values are never computed."""
    assert first.streams
    data = frz.head(msgpack.pack(File([first, *others], tiers=tiers).tree()))
    data += frz.segment(first.streams[0]) + b"".join(part for [part] in (File([g]).parts()[0] for g in others))
    return data + b"".join(map(frz.segment, first.streams[1:]))


def _coded(
    coder: str, shapes: list[tuple[int, ...]], stored: bytes, *, stepped: bool = True, offsets: int = 0
) -> bytes:
    """Return a file with tensors of these shapes, whose only segment consists of the few bytes ``stored``."""
    names = frz.front_coded([f"{i}" for i in range(len(shapes))])
    fields: list[tuple[int, Any]] = [(DTYPE, DTYPES.index("f16")), (NAMES, names), (SHAPES, shapes)]
    fields += [(frz.STEPS, [0] * len(shapes))] if stepped else []
    fields += [(frz.OFFSETS, offsets)] if offsets else []
    fields += [(CODER, CODERS.index(coder)), (SIZES, [len(stored)])]
    return frz.head(msgpack.pack(Map([(GROUPS, [Map(fields)])]))) + frz.segment(stored)


def _million(*, named: bool, count: int = 2**20 + 1, beside: int = 0) -> tuple[bytes, bytes]:
    """Return a directory, and its stream, of ``count`` tensors or factors without elements.

    If ``beside`` is not 0, that many factors and an alias follow.
    """
    shape = b"\x91\x00" if named else b"\x92\x00\x00"
    before = b"\x82\x02\x92" if beside else b"\x81\x02\x91"
    before += (b"\x85" if named else b"\x84") + b"\x00\x0b"
    before += b"\x01\xdd" + (2 * count).to_bytes(4, "big") if named else b""
    names = _names(count, 0) if named else []
    shapes, after = [*shape] * count, b"\x0d\x00\x0e\x91\x00"
    between = b"\x02\xdd" + count.to_bytes(4, "big")
    if beside:
        shapes += [*after, *b"\x84\x00\x0b\x02\xdd", *beside.to_bytes(4, "big"), *b"\x92\x00\x00" * beside]
        after += b"\x03\x91\x92\xa1z\xa4!!!!"
    return _repeating(before, names, 6 + 93 * 3, between, shapes, after)


def _long_names(*, alias: bool) -> tuple[bytes, bytes]:
    """Return a directory, and its stream, of 65,536 tensors whose 1,024-byte names are short when front-coded.

    One more name, of a tensor or of an alias, brings the total to 2^26 + 1 bytes.
    """
    count = 65536 + (not alias)
    before = (b"\x82" if alias else b"\x81") + b"\x02\x91\x85\x00\x0b\x01\xdd" + (2 * count).to_bytes(4, "big")
    between = (b"" if alias else b"\x00\xa1z") + b"\x02\xdd" + count.to_bytes(4, "big")
    after = b"\x0d\x00\x0e\x91\x00"
    after += b"\x03\x91\x92\xa1z\xda\x04\x00" + b"x" * 1020 + b"!!!!" if alias else b""
    return _repeating(before, _names(65536, 1020), 8 + 93 * 5, between, [0x91, 0] * count, after)


def _names(count: int, prefix: int) -> list[int]:
    """Return front-coded names, each of which consists of ``prefix`` letters ``x`` and four of 94 characters.

    A name that differs from the previous one only in its last letter takes few bytes. The bytes of 94 names repeat
    those of the previous 94, except for the letters in front.
    """
    letters = [bytes([c]) for c in range(33, 127)]
    shared = [msgpack.pack(prefix), msgpack.pack(prefix + 3)]
    out = bytearray()
    for start, front in zip(range(0, count, 94), itertools.product(letters, repeat=3), strict=False):
        rest = letters[1 : min(94, count - start)]
        first = b"".join(front) + letters[0]
        out += shared[0] + msgpack.text(first) if out else b"\x00" + msgpack.text(b"x" * prefix + first)
        out += b"".join(shared[1] + b"\xa1" + c for c in rest)
    return [*out]


def _repeating(
    before: bytes, names: list[int], period: int, between: bytes, shapes: list[int], after: bytes
) -> tuple[bytes, bytes]:
    """Return a directory of these parts, and its stream, whose matches refer to earlier names and shapes."""
    listed, repeated = deflate.repeats(bytes(names), period), deflate.repeats(bytes(shapes), 6)
    data = before + bytes(names) + between + bytes(shapes) + after
    return data, deflate.blocks([[*before, *listed, *between], [*repeated, *after]], dynamic=True)


def _sums() -> Iterator[Vector]:
    """Yield sums of numbers that are each within their own limit."""
    for groups, tiers, text in ((256, 256, "2e64"), (128, 256, "2e63"), (2, 256, "2e57")):
        about = f"segments of 2^48 bytes, {text.replace('e', '^')} in all"
        yield faulty(f"limit-sum-of-sizes-{text}", about, _tiers_of(groups, tiers), "LIMIT")
    about = "segments of 2^48 bytes, 2^56 in all: with checksums, header and directory, more than the limit of a file"
    yield faulty("limit-sum-of-sizes-2e56", about, _tiers_of(1, 256), "LIMIT")
    yield faulty("sum-of-sizes-2e55", "segments of 2^48 bytes, 2^55 in all", _tiers_of(1, 128), "TRUNCATED")
    deflated = File([frz.raw("x", "u8", (4,), (1, 2, 3, 4), "deflate")])
    about = "a segment of the maximum size, in a file of a few bytes"
    yield refused("size-2e48", about, deflated, in_group(SIZES, [SEGMENT]), "TRUNCATED")
    coded = File([Group([Tensor("x", (4,), (1, 2, 3, 4))], stepped=True, coder="adaptive")])
    about = "the same with the adaptive coder: 2^16 · (2^48 + 16) values would be allowed, a product beyond 63 bits"
    yield refused("size-2e48-adaptive", about, coded, in_group(SIZES, [SEGMENT]), "TRUNCATED")
    for count, code, text in ((1, "DIRECTORY", "2e52"), (2, "LIMIT", "2e53"), (4096, "LIMIT", "2e64")):
        names = [part for a in range(64) for b in range(64) for part in _pair(a, b)][: 2 * count]
        fields = [(DTYPE, 14), (NAMES, names), (SHAPES, [(2**24, 2**24)] * count), (CODER, 0), (SIZES, [0])]
        directory = msgpack.pack(Map([(GROUPS, [Map(fields)])]))
        about = f"{count:,} tensors of 2^48 elements, 2^52 bytes, uncoded in 0 bytes"
        data = frz.head(directory, deflated=deflate.dynamic(directory))
        yield faulty(("" if code == "DIRECTORY" else "limit-") + f"sum-of-bytes-{text}", about, data, code)
    shapes = [(AXIS, 1)] * 3
    tensors = [Tensor(f"{i}", shape, (), kept=(AXIS,)) for i, shape in enumerate(shapes)]
    stream = deflate.fixed(b"")
    group = Group(tensors, "f32", ["dct"], coder="deflate", streams=[stream])
    data = frz.head(msgpack.pack(File([group]).tree())) + frz.segment(stream)
    about = "three times as many coefficients as a tensor may have, from an empty stream"
    yield faulty("sum-of-kept", about, data, "BUDGET", load="0")


def _pair(a: int, b: int) -> tuple[int, Raw]:
    name = bytes([48 + a, 48 + b])
    return (0, msgpack.text(name)) if b == 0 else (1, msgpack.text(name[1:]))


def _tiers_of(groups: int, tiers: int) -> bytes:
    """Return the directory of a file with a segment of 2^48 bytes for each group and tier."""
    kept = [[k] for k in range(1, tiers + 1)]
    common = [(SHAPES, [(999,)]), (KINDS, [1]), (KEPT, kept), (CODER, 1), (SIZES, [SEGMENT] * tiers)]
    maps = [Map([(DTYPE, 11), (NAMES, [0, f"{i:02x}"]), *common]) for i in range(groups)]
    directory = msgpack.pack(Map([(frz.TIERS, tiers), (GROUPS, maps)]))
    return frz.head(directory, deflated=deflate.dynamic(directory))
