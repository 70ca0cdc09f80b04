"""Delta files that are wrong, and bases that do not fit them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import replace

from tests.vectors import frz
from tests.vectors.entries import Vector, faulty
from tests.vectors.faulty.base import DCT, RAW, drop, edited, in_group, put, refused
from tests.vectors.frz import BASE, FEATURES, File, Group, Tensor, raw
from tests.vectors.msgpack import Bin, Map, Raw
from tests.vectors.numbers import f16, f32
from tests.vectors.valid.delta import delta

OLD = Tensor("x", (2, 3), f32(1.0, 2.0, 3.0, 4.0, 5.0, 6.0))
BESIDE = raw("y", "u8", (), (7,))
FIRST = File([Group([OLD])])
NEW = replace(OLD, values=f32(1.0, 2.5, 3.0, 4.0, 5.0, 6.0))
SECOND = File([delta([(NEW, OLD)]), BESIDE], base=FIRST.bytes())
"""A tensor ``x`` as the difference from that of :data:`FIRST`, and a plain one ``y``."""


def vectors() -> Iterator[Vector]:
    yield from _fields()
    yield from _groups()
    yield from _bases()
    yield from _values()
    yield from _segments()


def _fields() -> Iterator[Vector]:
    about = "the feature delta without the field base"
    yield refused("delta-without-base", about, SECOND, drop(BASE))
    yield refused(
        "delta-unknown-feature",
        "an unknown feature in addition to delta",
        SECOND,
        put(FEATURES, ["delta", "x"]),
        "FEATURE",
    )
    about = "the field base in a file that is not a delta file"
    yield refused("delta-base-of-none", about, RAW, lambda tree: tree.append((BASE, Bin(bytes(32)))))
    wrong = {
        "nil": None, "string": "x" * 32, "integer": 1, "array": [1] * 32, "map": Map(),
        "extension": Raw(b"\xc7\x20\x01" + bytes(32)), "of-31-bytes": Bin(bytes(31)), "of-33-bytes": Bin(bytes(33)),
        "of-0-bytes": Bin(b""),
    }  # fmt: skip
    for name, value in wrong.items():
        yield refused(f"delta-base-{name}", f"a base that is {name.replace('-', ' ')}", SECOND, put(BASE, value))
    yield refused("delta-of-two-tiers", "a delta file of two tiers", SECOND, _inserted(frz.TIERS, 2))


def _inserted(key: int, value: object) -> Callable[[Map], object]:
    def edit(tree: Map) -> None:
        tree.append((key, value))
        tree.sort(key=lambda pair: pair[0])

    return edit


def _groups() -> Iterator[Vector]:
    def marked(name: str, about: str, group: Group) -> Vector:
        group.extra = [*group.extra, (frz.DELTA, 1)]
        return faulty(name, about, File([group], base=FIRST.bytes()).bytes(), "DIRECTORY")

    about = "differences in a file that is not a delta file"
    plain = Group([replace(OLD, name="x")], coder="adaptive", extra=[(frz.DELTA, 1)])
    yield faulty("delta-group-of-none", about, File([plain]).bytes(), "DIRECTORY")
    yield refused("delta-0", "delta is 0", SECOND, in_group(frz.DELTA, 0))
    yield refused("delta-2", "delta is 2", SECOND, in_group(frz.DELTA, 2), "LIMIT")
    yield refused("delta-minus-1", "delta is −1", SECOND, in_group(frz.DELTA, -1))
    for name, value in (("nil", None), ("true", True), ("string", "1"), ("array", [1])):
        yield refused(f"delta-is-{name}", f"delta is of type {name}", SECOND, in_group(frz.DELTA, value))
    for coder in ("none", "deflate", "zstd"):
        yield marked(f"delta-coder-{coder}", f"differences by coder {coder}", Group([OLD], coder=coder))
    for dtype in ("u64", "i64", "f64", "c64", "c128"):
        about = f"differences of {dtype}, whose values have more than 4 bytes"
        group = Group([Tensor("x", (1,), (1,))], dtype, coder="adaptive", streams=[b"\x50"])
        yield marked(f"delta-{dtype}", about, group)
    factor = Group([Tensor("", (2, 2), (1, 2, 3, 4))], stepped=True, coder="adaptive")
    yield marked("delta-factors", "differences of factors", factor)


def _bases() -> Iterator[Vector]:
    data = SECOND.bytes()
    yield faulty("delta-base-missing", "no base is given", data, "BASE", load="x", sound=["y"])
    about = "a base that is another file"
    yield _given("other", about, File([Group([NEW])]), data)
    yield _given("two-tiers", "a base of two tiers", _two_tiers())
    about = "a base of two tiers whose second adds nothing: the values would fit"
    yield _given("two-tiers-of-one", about, File([Group([OLD])], tiers=2))
    nested = File([delta([(NEW, OLD)])], base=FIRST.bytes())
    yield _given("delta", "a base that is a delta file", nested)
    for name, about, group in (
        ("name", "a base without the tensor", Group([replace(OLD, name="X")])),
        ("shape", "as many values in different blocks", Group([replace(OLD, shape=(3, 2))])),
        ("rank", "a base's tensor of rank 1", Group([replace(OLD, shape=(6,))])),
        ("fewer", "a base's tensor with fewer values", Group([Tensor("x", (2, 2), f32(1.0, 2.0, 3.0, 4.0))])),
        ("rows", "a base tensor with one more row", Group([Tensor("x", (3, 3), f32(*range(9)))])),
        ("positions", "a base tensor with two positions", Group([Tensor("x", (2, 3, 2), f32(*range(12)))])),
        ("type", "a base's tensor of another type", Group([Tensor("x", (2, 3), (1, 2, 3, 4, 5, 6))], "u32")),
        ("steps", "multiples of steps in the base, exact values here", _stepped((1, 2, 3, 4, 5, 6))),
        ("factor", "a base whose factor has no name", Group([replace(OLD, name="")])),
    ):  # fmt: skip
        yield _given(name, about, File([group]))
    offsets = Group([Tensor("x", (2, 3), (1, 2, 3, 4, 5, 6), offsets={0: (0, 1)})], stepped=True, coder="adaptive")
    stepped = delta([(replace(offsets.tensors[0], values=(1, 2, 3, 4, 5, 7)), offsets.tensors[0])], stepped=True)
    base = File([_stepped((1, 2, 3, 4, 5, 6))])
    yield _given("offsets", "a base's tensor without step offsets", base, _named(stepped, base))
    exact = File([Group([Tensor("x", (2, 3), (1, 2, 3, 4, 5, 6))], "i32")])
    whole = _stepped((1, 2, 3, 4, 5, 6)).tensors[0]
    group = delta([(whole, whole)], stepped=True)
    yield _given("i32", "a base's tensor of exact i32, multiples of steps here", exact, _named(group, exact))
    yield from _seconds()
    yield from _kinds()
    yield from _unopened()


def _seconds() -> Iterator[Vector]:
    """Yield bases that lack only what the second tensor or group needs."""
    other = Tensor("z", (2,), f32(1.0, -1.0))
    short = File([Group([OLD, replace(other, shape=(1,), values=f32(1.0))])])
    lacking = File([Group([OLD, replace(other, name="Z")])])
    one, two = [delta([(NEW, OLD), (other, other)])], [delta([(NEW, OLD)]), delta([(other, other)])]
    for name, about, base in (
        ("fewer", "with fewer values", short),
        ("name", "under another name", lacking),
    ):
        for where, groups in (("", one), ("-of-another-group", two)):
            data = File(groups, base=base.bytes()).bytes()
            shown = f"a base that has the second tensor{where.replace('-', ' ')} {about}"
            yield _given(f"second-{name}{where}", shown, base, data)
    empty = File([Group([OLD])], base=RAW.bytes())
    about = "a base with the feature delta, none of whose tensors is a difference"
    yield _given("delta-of-nothing", about, empty)


def _kinds() -> Iterator[Vector]:
    """Yield blocks with as many values as the base's, but of another kind or in another order."""
    entries = Tensor("x", (3,), (1, 2, 3))
    offsets = Tensor("x", (3, 2), corners=[(3, 0)], offsets={0: (4, 5, 6)})
    for name, about, new, old in (
        ("offsets-for-entries", "offsets in the base, as many entries here", entries, offsets),
        ("entries-for-offsets", "entries in the base, the same number of offsets here", offsets, entries),
        (
            "offsets-in-another-order",
            "offsets of 2 and of 3 indices in the base, of 3 and of 2 here",
            Tensor("x", (2, 3, 2), [0] * 12, offsets={1: (1, 2, 3), 2: (1, 2)}),
            Tensor("x", (2, 3, 2), [0] * 12, offsets={0: (1, 2), 1: (1, 2, 3)}),
        ),
    ):
        base = File([_steps([old])])
        yield _given(name, about, base, _named(delta([(new, new)], stepped=True), base))


def _unopened() -> Iterator[Vector]:
    """Yield bases with the right SHA-256 that cannot be opened: the reader reports ``BASE``, not the base's error."""
    first = FIRST.bytes()
    head = FIRST.head()
    directory_damaged = head[:-1] + bytes([head[-1] ^ 1]) + first[len(head) :]
    for name, about, base in (
        ("empty", "a base of no bytes", b""),
        ("text", "a base that is a text file", b"not a base, but with its SHA-256\n"),
        ("version-2", "a base of version 2", first[:4] + b"\2" + first[5:]),
        ("cut", "a base without its last byte", first[:-1]),
        ("trailing", "a base with an extra byte at its end", first + b"\0"),
        ("directory-damaged", "a base whose directory is damaged", directory_damaged),
        ("feature", "a base with an unknown feature", File([Group([OLD])], features=["x"]).bytes()),
        ("limit", "a base with a shape of rank 9", edited(FIRST, in_group(frz.SHAPES, [(1,) * 9]))),
    ):  # fmt: skip
        data = edited(SECOND, put(BASE, Bin(hashlib.sha256(base).digest())))
        yield faulty(f"delta-base-{name}", f"{about}, with the right SHA-256", data, "BASE", base=base)
    alone = [BESIDE]
    about = "a wrong base from which nothing is needed"
    yield faulty("delta-of-nothing-other-base", about, File(alone, base=first).bytes(), "BASE", base=DCT.bytes())
    about = "a base without its last byte, from which nothing is needed"
    yield faulty("delta-of-nothing-cut-base", about, File(alone, base=first[:-1]).bytes(), "BASE", base=first[:-1])


def _stepped(values: tuple[int, ...]) -> Group:
    return _steps([Tensor("x", (2, 3), values)])


def _steps(tensors: list[Tensor]) -> Group:
    return Group(tensors, stepped=True, coder="adaptive")


def _two_tiers() -> File:
    return File([Group([replace(OLD, corners=[(1, 3), (2, 3)])])], tiers=2)


def _named(group: Group, base: File) -> bytes:
    return File([group], base=base.bytes()).bytes()


def _given(name: str, about: str, base: File, data: bytes | None = None) -> Vector:
    """Return a delta file, :data:`SECOND` by default, opened with a base that does not fit."""
    stored = base.bytes()
    data = edited(SECOND, put(BASE, Bin(hashlib.sha256(stored).digest()))) if data is None else data
    return faulty(f"delta-base-{name}", about, data, "BASE", base=stored)


def _values() -> Iterator[Vector]:
    base = Group([Tensor("w", (2,), (1, -1)), Tensor("v", (2,), (1, -1))], stepped=True, coder="adaptive")
    old, other = base.tensors
    # −1 + (1 − 2^31) is −2^31, which is not an integer of the format.
    sums = delta([(replace(old, values=(1, -(2**31))), old), (other, other)], stepped=True)
    about = "a sum of −2^31, in one tensor of a group"
    yield _valued("integer", about, File([base]), sums, ["v"])
    bools = Group([Tensor("w", (2,), (0, 1)), Tensor("v", (2,), (0, 1))], "bool")
    old, other = bools.tensors
    sums = delta([(replace(old, values=(0, 2)), old), (other, other)], dtype="bool")
    yield _valued("bool", "a sum of 2 in a bool", File([bools]), sums, ["v"])
    core = Group([Tensor("w", (3,), f16(1.0, 2.0), kept=[2])], "f32", ["dct"], "f16")
    old = core.tensors[0]
    group = delta([(replace(old, values=f16(1.0, float("inf"))), old)], bases=["dct"], format="f16")
    yield _valued("infinity", "a sum that is an infinity, of a core", File([core]), group, None)
    large = Group([Tensor("w", (1,), (9,), step=2000)], stepped=True, coder="adaptive")
    old = large.tensors[0]
    group = delta([(replace(old, values=(2**31 - 1,)), old)], stepped=True)
    yield _valued("overflow", "a sum beyond binary32, times its step", File([large]), group, None)
    other = Tensor("v", (2,), (1, 2), step=5, offsets={0: (-1, 0)})
    # −1 + (1 − 2^31): adding the step code and the offset of the other axis would result in a valid step code.
    cancel = Tensor("w", (1, 1), (1,), step=5, offsets={0: (-1,), 1: (0,)})
    sums = delta([(replace(cancel, offsets={0: (-(2**31),), 1: (2**31 - 1,)}), cancel), (other, other)], stepped=True)
    base = File([_steps([cancel, other])])
    about = "a sum of −2^31 in a step offset, which another offset would cancel"
    yield _valued("offset", about, base, sums, ["v"])
    unused = Tensor("w", (1, 2), corners=[(1, 0)], offsets={0: (-1,)})
    sums = delta([(replace(unused, offsets={0: (-(2**31),)}), unused)], stepped=True)
    about = "a sum of −2^31 in a step offset that no entry uses"
    yield _valued("offset-unused", about, File([_steps([unused])]), sums, None)


def _valued(name: str, about: str, base: File, group: Group, sound: list[str] | None) -> Vector:
    stored = base.bytes()
    data = File([group], base=stored).bytes()
    return faulty(f"delta-value-{name}", about, data, "VALUE", load="w", sound=sound, base=stored)


def _segments() -> Iterator[Vector]:
    first, second = FIRST.bytes(), SECOND.bytes()
    yield faulty("delta-cut", "a delta file without its last byte", second[:-1], "TRUNCATED", base=first)
    at = len(SECOND.head())
    damaged = second[:at] + bytes([second[at] ^ 1]) + second[at + 1 :]
    about = "a segment of differences is damaged"
    yield faulty("delta-damaged", about, damaged, "CHECKSUM", load="x", sound=["y"], base=first)
    streams = delta([(NEW, OLD)])
    streams.streams = [b"\xff"]
    about = "a stream of differences with a scale that does not exist"
    yield faulty("delta-stream", about, File([streams], base=first).bytes(), "STREAM", load="x", base=first)
    broken = bytearray(first)
    broken[-5] ^= 1
    about = "a base whose segment does not match its checksum, identified by the SHA-256 of the damaged file"
    data = File([delta([(NEW, OLD)]), BESIDE], base=bytes(broken)).bytes()
    yield faulty("delta-base-damaged", about, data, "CHECKSUM", load="x", sound=["y"], base=bytes(broken))
    other = Tensor("z", (2,), f32(1.0, -1.0))
    half = bytearray(File([Group([OLD]), Group([other])]).bytes())
    half[-5] ^= 1
    groups = [delta([(NEW, OLD)]), delta([(other, other)])]
    about = "a base with two segments, one of them damaged: tensors that do not need it are decoded"
    data = File(groups, base=bytes(half)).bytes()
    yield faulty("delta-base-half-damaged", about, data, "CHECKSUM", load="z", sound=["x"], base=bytes(half))
    bad = File([Group([OLD], coder="deflate", streams=[b"\x07"])]).bytes()
    about = "a base whose stream is malformed"
    data = File([delta([(NEW, OLD)]), BESIDE], base=bad).bytes()
    yield faulty("delta-base-stream", about, data, "STREAM", load="x", sound=["y"], base=bad)
