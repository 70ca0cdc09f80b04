"""Directories that are not well-formed MessagePack, or that break a rule for all maps or values."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tests.vectors import deflate, frz, msgpack
from tests.vectors.entries import Vector, faulty
from tests.vectors.faulty.base import DCT, NAMED, RAW, drop, edited, in_group, put, refused, tree_of, with_directory
from tests.vectors.frz import METADATA, NAMES
from tests.vectors.msgpack import Map, Raw, text

IGNORED = 20
BAD_UTF8 = {
    "stray-byte": (b"a\x80b", "a continuation byte without a start"),
    "cut-short": (b"ab\xe5\xb1", "a character that lacks its last byte"),
    "overlong": (b"\xc0\xaf", "an overlong form of a slash"),
    "surrogate": (b"\xed\xa0\x80", "half of a surrogate pair"),
    "beyond-unicode": (b"\xf4\x90\x80\x80", "a code point beyond U+10FFFF"),
    "latin-1": (b"gr\xf6\xdfe", "text in Latin-1"),
}


def vectors() -> Iterator[Vector]:
    yield from _not_a_map()
    yield from _cut_short()
    yield from _counts()
    yield from _text()
    yield from _depth()
    yield from _keys()


def _plain(name: str, about: str, directory: bytes) -> Vector:
    return faulty(name, about, with_directory(RAW, directory), "DIRECTORY")


def _not_a_map() -> Iterator[Vector]:
    yield _plain("msgpack-nothing", "a directory of 0 bytes", b"")
    others: tuple[tuple[str, Any], ...] = (
        ("nil", None),
        ("array", []),
        ("integer", 0),
        ("string", "x"),
        ("true", True),
    )
    for name, value in others:
        yield _plain(f"msgpack-{name}", f"the directory is {name}", msgpack.pack(value))
    tree = msgpack.pack(RAW.tree())
    yield _plain("msgpack-trailing-byte", "a byte after the directory map", tree + b"\xc0")
    yield _plain("msgpack-two-maps", "a second map after the directory map", tree + tree)
    yield refused(
        "msgpack-reserved-byte", "the byte 0xC1, which MessagePack does not use", RAW, put(IGNORED, Raw(b"\xc1"))
    )
    whole = "the directory consists of the byte 0xC1"
    yield _plain("msgpack-reserved-byte-only", whole, b"\xc1")


def _cut_short() -> Iterator[Vector]:
    tree = msgpack.pack(RAW.tree())
    for name, size in (("half", len(tree) // 2), ("one-less", len(tree) - 1), ("map-head-only", 1)):
        yield _plain(f"msgpack-cut-{name}", f"ends after {size} of {len(tree)} bytes", tree[:size])
    heads = {
        "uint64": b"\xcf\x00\x00",
        "float64": b"\xcb\x00",
        "float32": b"\xca",
        "int32": b"\xd2\x00\x00",
        "str8": b"\xd9",
        "str16": b"\xda\x00",
        "fixext4": b"\xd6\x01\x00\x00",
        "ext8": b"\xc7\x04",
        "bin16": b"\xc5\x00",
        "array16": b"\xdc\x00",
        "map32": b"\xdf\x00\x00\x00",
    }
    for name, data in heads.items():
        directory = msgpack.pack(Map([*RAW.tree(), (IGNORED, Raw(data))]))
        yield _plain(f"msgpack-cut-in-{name}", f"ends within the {name} of an ignored key", directory)


def _counts() -> Iterator[Vector]:
    most = b"\xff\xff\xff\xff"
    for name, data in (
        ("array32", b"\xdd" + most),
        ("map32", b"\xdf" + most),
        ("str32", b"\xdb" + most),
        ("bin32", b"\xc6" + most),
        ("ext32", b"\xc9" + most + b"\x01"),
        ("array32-2gib", b"\xdd\x80\x00\x00\x00"),
        ("str32-2gib", b"\xdb\x7f\xff\xff\xff"),
    ):
        about = f"an ignored {name} with more content than the directory can hold"
        yield refused(f"msgpack-count-{name}", about, RAW, put(IGNORED, Raw(data)))
    for name, key in (("names", frz.NAMES), ("shapes", frz.SHAPES), ("sizes", frz.SIZES)):
        about = f"{name} declares 2^32 − 1 entries"
        yield refused(f"msgpack-count-{name}", about, RAW, in_group(key, Raw(b"\xdd" + most)))
    yield refused(
        "msgpack-count-groups", "the groups array declares 2^32 − 1 entries", RAW, put(frz.GROUPS, Raw(b"\xdd" + most))
    )
    yield _plain("msgpack-count-top", "the directory map declares 2^32 − 1 pairs", b"\xdf" + most)
    about = "an ignored array with one entry more than there are bytes"
    yield refused("msgpack-count-one-more", about, RAW, put(IGNORED, Raw(b"\x93\x00\x00")))


def _text() -> Iterator[Vector]:
    for name, (data, about) in BAD_UTF8.items():
        yield refused(f"utf8-{name}", f"a name with {about}", RAW, in_group(NAMES, [0, text(data)]))
    bad = text(b"\xff")
    where: dict[str, tuple[str, Any]] = {
        "metadata-key": ("a metadata key", put(METADATA, Map([(bad, "v")]))),
        "metadata-value": ("a metadata value", put(METADATA, Map([("k", bad)]))),
        "alias": ("an alias", put(frz.ALIASES, [[bad, "x"]])),
        "target": ("the target of an alias", put(frz.ALIASES, [["a", bad]])),
        "feature": ("a feature", put(frz.FEATURES, [bad])),
        "ignored": ("an ignored value", put(IGNORED, bad)),
        "ignored-key": ("a key within an ignored value", put(IGNORED, Map([(bad, 1)]))),
    }
    for name, (about, edit) in where.items():
        yield refused(f"utf8-in-{name}", f"{about} is not UTF-8", NAMED, edit)


def _depth() -> Iterator[Vector]:
    yield refused(
        "depth-17", "an ignored value nested one level deeper than allowed", RAW, put(IGNORED, msgpack.nested(16))
    )
    in_17 = in_group(99, msgpack.nested(14))
    yield refused("depth-17-in-group", "the same within a group, whose map is at depth 3", RAW, in_17)
    maps = Map()
    for _ in range(15):
        maps = Map([(0, maps)])
    yield refused("depth-17-of-maps", "maps nested one level deeper than allowed", RAW, put(IGNORED, maps))
    keys = Map()
    for _ in range(15):
        keys = Map([(keys, 0)])
    yield refused("depth-17-of-keys", "maps as keys of maps, one level deeper than allowed", RAW, put(IGNORED, keys))
    deep = msgpack.pack(Map([*RAW.tree(), (IGNORED, msgpack.nested(1_000_000))]))
    stream = deflate.dynamic(deep)
    yield faulty("depth-a-million", "a million nested arrays", with_directory(RAW, deep, deflated=stream), "DIRECTORY")


def _keys() -> Iterator[Vector]:
    tops = tree_of(NAMED)
    group = DCT.tree().get(frz.GROUPS)[0]
    for name, about, keys in (
        ("twice", "the same key twice", lambda pairs: [pairs[0], *pairs]),
        ("descending", "keys in descending order", lambda pairs: pairs[::-1]),
        ("last-first", "the last key before the others", lambda pairs: [pairs[-1], *pairs[:-1]]),
        ("negative", "a key of −1", lambda pairs: [(-1, 0), *pairs]),
        ("string", "a key that is a string", lambda pairs: [*pairs, ("name", 0)]),
        ("nil", "a key that is nil", lambda pairs: [*pairs, (None, 0)]),
        ("false", "the key 0 as false", lambda pairs: [(False, pairs[0][1]), *pairs[1:]]),
        ("float", "a key that is a float", lambda pairs: [*pairs, (30.0, 0)]),
    ):
        directory = msgpack.pack(Map(keys(tops)))
        yield faulty(f"keys-{name}", f"{about} in the directory map", with_directory(NAMED, directory), "DIRECTORY")

        def edit(tree: Map, keys: Any = keys) -> None:
            tree.get(frz.GROUPS)[0] = Map(keys(group))

        yield faulty(f"keys-{name}-in-group", f"{about} in a group", edited(DCT, edit), "DIRECTORY")
    yield refused("keys-no-groups", "the directory has no groups", RAW, drop(frz.GROUPS))
