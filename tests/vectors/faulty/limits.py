"""One beyond each limit of section 10, and numbers that overflow 32 or 64 bits."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

from tests.vectors import deflate, frz, msgpack
from tests.vectors.entries import Vector, faulty
from tests.vectors.faulty.base import NAMED, RAW, STEPPED, in_group, put, refused
from tests.vectors.faulty.contradictions import LARGE
from tests.vectors.frz import GROUPS, File, Group, Tensor
from tests.vectors.msgpack import Map, Raw, int64

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
    yield _limit("rank-9", "a shape of rank 9", RAW, in_group(frz.SHAPES, [(1,) * 9]))
    yield _limit("rank-9-view", "a view of rank 9", STEPPED, in_group(frz.VIEWS, [(1,) * 7 + (3, 4)]))
    yield _limit("rank-1000", "a shape of rank 1000", RAW, in_group(frz.SHAPES, [(1,) * 1000]))
    for number, text in LARGE:
        yield _limit(f"axis-{_name(text)}", f"an axis of {text}", RAW, in_group(frz.SHAPES, [(number,)]))
    yield _limit("axis-view-2e31", "an axis of 2^31 in a view", STEPPED, in_group(frz.VIEWS, [(2**31,)]))
    yield _limit("axis-2e31-beside-0", "an axis of 2^31 beside one of 0", RAW, in_group(frz.SHAPES, [(0, 2**31)]))
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
        yield _limit(f"elements-{name}", f"{count} elements", RAW, in_group(frz.SHAPES, [shape]))
    wrap = (2**16, 2**16, 2**16, 2**16, 12)
    yield _limit(
        "elements-view-wrap-to-0", "a view whose element count wraps to 0", STEPPED, in_group(frz.VIEWS, [wrap])
    )


def _fields() -> Iterator[Vector]:
    for number, text in LARGE:
        huge = File([frz.dct("w", "f16", (2**20, 2**20), (0, 0, 0), "deflate")])
        yield _limit(f"kept-{_name(text)}", f"{text} coefficients", huge, in_group(frz.KEPT, [[number]]))
    for number, text in ((SEGMENT + 1, "2^48 + 1"), *LARGE[2:]):
        deflated = File([frz.raw("x", "u8", (4,), (1, 2, 3, 4), "deflate")])
        yield _limit(f"size-{_name(text)}", f"a segment of {text} bytes", deflated, in_group(frz.SIZES, [number]))
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


def _counts() -> Iterator[Vector]:
    features = [f"f{i}" for i in range(257)]
    yield _limit(
        "features-257", "257 features: they are counted before they are read", NAMED, put(frz.FEATURES, features)
    )
    for coder in ("range", "range-ctx"):
        about = f"16,385 values in 0 stored bytes by coder {coder}"
        none = File([Group([Tensor("x", (16385,), [0] * 16385)], "f16", coder=coder, streams=[b""])])
        yield faulty(f"limit-{coder}-values-of-0-bytes", about, none.bytes(), "LIMIT")
    many = Group(
        [Tensor("w", (1024 * 19 + 1,), [0] * (1024 * 19 + 1))], "f32", "i8", coder="range", streams=[b"\1\2\3"]
    )
    yield faulty("limit-range-values", "19,457 values in 3 stored bytes", File([many]).bytes(), "LIMIT")
    directory, stream = _million()
    data = frz.head(directory, deflated=stream)
    yield faulty("limit-tensors-2e20-plus-1", "2^20 + 1 tensors, all with names of their own", data, "LIMIT")


def _million() -> tuple[bytes, bytes]:
    """A directory of 2^20 + 1 tensors without elements, and its stream.

    Names are four letters out of 94. Each that differs from the one before in its last letter takes three bytes, so
    that the bytes of 94 names repeat those of the 94 before but for the letters in front.
    """
    count = 2**20 + 1
    letters = [bytes([c]) for c in range(33, 127)]
    names = bytearray()
    for start, front in zip(range(0, count, 94), itertools.product(letters, repeat=3), strict=False):
        rest = letters[1 : min(94, count - start)]
        names += b"\x00\xa4" + b"".join(front) + letters[0] + b"".join(b"\x03\xa1" + c for c in rest)
    period = 6 + 3 * 93
    before = b"\x81\x00\x91\x86\x00\x00\x01\x01\x02\xdd" + (2 * count).to_bytes(4, "big")
    shapes = b"\x91\x00" * count
    between = b"\x03\xdd" + count.to_bytes(4, "big")
    after = b"\x04\x00\x05\x91\x00"
    tokens = [*before, *deflate.repeats(bytes(names), period), *between, *deflate.repeats(shapes, 2), *after]
    return before + names + between + shapes + after, deflate.blocks([tokens], dynamic=True)


def _sums() -> Iterator[Vector]:
    """Sums of what is each within its limit."""
    largest = _tiers_of(256, 256)
    yield faulty(
        "sum-of-sizes-2e64", "segments of 2^48 bytes, 2^64 in all: wraps to a whole file", largest, "TRUNCATED"
    )
    yield faulty("sum-of-sizes-2e63", "segments of 2^48 bytes, 2^63 in all", _tiers_of(128, 256), "TRUNCATED")
    deflated = File([frz.raw("x", "u8", (4,), (1, 2, 3, 4), "deflate")])
    about = "a segment as large as it may be, in a file of a few bytes"
    yield refused("size-2e48", about, deflated, in_group(frz.SIZES, [SEGMENT]), "TRUNCATED")
    names = [part for a in range(64) for b in range(64) for part in _pair(a, b)]
    group = Map([(0, 0), (1, 14), (2, names), (3, [(2**24, 2**24)] * 4096), (4, 0), (5, [0])])
    directory = msgpack.pack(Map([(GROUPS, [group])]))
    about = "4,096 tensors of 2^52 bytes, uncoded in 0 bytes: 2^64 wraps to that"
    yield faulty("sum-of-bytes-2e64", about, frz.head(directory, deflated=deflate.dynamic(directory)), "DIRECTORY")


def _pair(a: int, b: int) -> tuple[int, Raw]:
    name = bytes([48 + a, 48 + b])
    return (0, msgpack.text(name)) if b == 0 else (1, msgpack.text(name[1:]))


def _tiers_of(groups: int, tiers: int) -> bytes:
    """The directory of a file with a segment of 2^48 bytes for each group and tier."""
    kept = [[k] for k in range(1, tiers + 1)]
    maps = [
        Map([(0, 1), (1, 11), (2, [0, f"{i:02x}"]), (3, [(999,)]), (4, 1), (5, [SEGMENT] * tiers), (6, 0), (7, kept)])
        for i in range(groups)
    ]
    directory = msgpack.pack(Map([(GROUPS, maps), (frz.TIERS, tiers)]))
    return frz.head(directory, deflated=deflate.dynamic(directory))
