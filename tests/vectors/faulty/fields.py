"""Fields that are missing, or whose type or length violates the schema."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tests.vectors import frz
from tests.vectors.entries import Vector
from tests.vectors.faulty.base import (
    ANEW,
    DCT,
    NAMED,
    NESTED,
    OFFSETS,
    RAW,
    SEEDED,
    STEPPED,
    TIERED,
    TUCKER,
    drop,
    in_group,
    put,
    refused,
    tree_of,
)
from tests.vectors.frz import ALIASES, FEATURES, FIELDS, GROUPS, METADATA, TIERS, File, Group, Tensor
from tests.vectors.msgpack import Bin, Map, ext

OTHERS: dict[str, Any] = {
    "nil": None,
    "true": True,
    "string": "0",
    "float": 0.0,
    "array": [],
    "map": Map(),
    "bin": Bin(b"\0"),
    "ext": ext(1, b"\0"),
}
"""A value of each type except integer."""


def vectors() -> Iterator[Vector]:
    yield from _missing()
    yield from _identifiers()
    yield from _lists()
    yield from _entries()
    yield from _tops()


def _missing() -> Iterator[Vector]:
    for name in ("dtype", "shapes", "coder", "sizes"):
        key = FIELDS.index(name)
        yield refused(f"missing-{name}", f"a group without {name}", RAW, drop(GROUPS, 0, key))
    about = "a group without names whose tensor has a view, which factors cannot have"
    yield refused("missing-names", about, STEPPED, drop(GROUPS, 0, frz.NAMES))


def _identifiers() -> Iterator[Vector]:
    """Yield fields that are single integers."""
    keys = {
        "dtype": (RAW, frz.DTYPE),
        "coder": (RAW, frz.CODER),
        "format": (DCT, frz.FORMAT),
        "per-tier": (ANEW, frz.PER_TIER),
        "offsets": (OFFSETS, frz.OFFSETS),
    }
    for field, (file, key) in keys.items():
        yield refused(f"{field}-negative", f"{field} is −1", file, in_group(key, -1))
        for name in ("nil", "true", "string", "float", "array"):
            yield refused(f"{field}-is-{name}", f"{field} is of type {name}", file, in_group(key, OTHERS[name]))
    yield refused("per-tier-0", "per_tier is 0", ANEW, in_group(frz.PER_TIER, 0))
    yield refused("offsets-0", "offsets is 0", OFFSETS, in_group(frz.OFFSETS, 0))


def _lists() -> Iterator[Vector]:
    """Yield array fields of the wrong type or length."""
    for field, file, group in (
        ("names", RAW, 0),
        ("shapes", RAW, 0),
        ("views", STEPPED, 0),
        ("bases", DCT, 0),
        ("factors", TUCKER, 1),
        ("seeds", SEEDED, 0),
        ("kept", DCT, 0),
        ("corners", NESTED, 0),
        ("steps", STEPPED, 0),
        ("sizes", RAW, 0),
    ):
        key = FIELDS.index(field)
        for name in ("nil", "map", "bin") if field in ("names", "kept") else ("nil",):
            about = f"{field} is of type {name}"
            yield refused(f"{field}-is-{name}", about, file, put(GROUPS, group, key, OTHERS[name]))
        yield refused(f"{field}-is-integer", f"{field} is an integer", file, put(GROUPS, group, key, 1))
        yield refused(f"{field}-empty", f"{field} is an empty array", file, put(GROUPS, group, key, []))
        right = tree_of(file).get(GROUPS)[group].get(key)
        if field not in ("names", "bases"):
            about = f"{field} has one entry too many"
            yield refused(f"{field}-one-more", about, file, put(GROUPS, group, key, [*right, *right[-1:]]))
    yield refused("bases-of-9", "bases has nine entries", DCT, in_group(frz.KINDS, [1] * 9))
    yield refused("names-odd", "names ends with a prefix length", RAW, in_group(frz.NAMES, [0, "x", 0]))
    about = "factors without any shape"
    factors = File([Group([Tensor("", (0, 4))])])
    yield refused("shapes-empty-of-factors", about, factors, in_group(frz.SHAPES, []))
    for field, file in (
        ("sizes", TIERED),
        ("kept", TIERED),
        ("corners", NESTED),
        ("sizes-of-corners", NESTED),
        ("sizes-of-per-tier", ANEW),
    ):
        key = FIELDS.index(field.partition("-")[0])
        edit = in_group(key, tree_of(file).get(GROUPS)[0].get(key)[:1])
        yield refused(f"{field}-for-one-tier", f"{field.replace('-', ' ')} of one tier in a file of two", file, edit)
    edit = put(GROUPS, 1, frz.SIZES, [2, 0])
    yield refused("sizes-of-raw-for-two-tiers", "sizes of a plain group for each of two tiers", TIERED, edit)
    yield refused("kept-row-one-more", "a tier of kept has one entry too many", DCT, in_group(frz.KEPT, [[3, 0]]))
    yield refused("kept-row-empty", "a tier of kept is empty", DCT, in_group(frz.KEPT, [[]]))
    for name, about, corners in (
        ("row-one-more", "a tier of corners has one entry too many", [[[1, 2], [1, 2]], [[2, 3]]]),
        ("row-empty", "a tier of corners is empty", [[[1, 2]], []]),
        ("of-rank-1", "a corner of one axis for a tensor of two", [[[1]], [[2]]]),
        ("of-rank-3", "a corner of three axes for a tensor of two", [[[1, 2, 1]], [[2, 3, 1]]]),
    ):
        yield refused(f"corner-{name}", about, NESTED, in_group(frz.CORNERS, corners))


def _entries() -> Iterator[Vector]:
    """Yield array entries of the wrong type."""
    places: dict[str, tuple[Any, int, int, Any]] = {
        "names-prefix": (RAW, 0, frz.NAMES, lambda value: [value, "x"]),
        "names-suffix": (RAW, 0, frz.NAMES, lambda value: [0, value]),
        "shape": (RAW, 0, frz.SHAPES, lambda value: [value]),
        "axis": (RAW, 0, frz.SHAPES, lambda value: [[2, value]]),
        "view": (STEPPED, 0, frz.VIEWS, lambda value: [value]),
        "view-axis": (STEPPED, 0, frz.VIEWS, lambda value: [[4, value]]),
        "basis": (DCT, 0, frz.KINDS, lambda value: [value]),
        "factors-row": (TUCKER, 1, frz.FACTORS, lambda value: [value]),
        "factor-number": (TUCKER, 1, frz.FACTORS, lambda value: [[0, value]]),
        "seeds-row": (SEEDED, 0, frz.SEEDS, lambda value: [value]),
        "seed": (SEEDED, 0, frz.SEEDS, lambda value: [[value]]),
        "kept-row": (DCT, 0, frz.KEPT, lambda value: [value]),
        "kept-count": (DCT, 0, frz.KEPT, lambda value: [[value]]),
        "corners-row": (NESTED, 0, frz.CORNERS, lambda value: [value, [[2, 3]]]),
        "corner": (NESTED, 0, frz.CORNERS, lambda value: [[value], [[2, 3]]]),
        "corner-axis": (NESTED, 0, frz.CORNERS, lambda value: [[[1, value]], [[2, 3]]]),
        "step": (STEPPED, 0, frz.STEPS, lambda value: [value]),
        "size": (RAW, 0, frz.SIZES, lambda value: [value]),
    }
    wrong: dict[str, tuple[str, ...]] = {
        "names-suffix": ("nil", "bin", "array"),
        "shape": ("nil", "map"),
        "view": ("true", "map"),
        **dict.fromkeys(("factors-row", "seeds-row", "kept-row", "corners-row", "corner"), ("nil", "map")),
    }
    for field, (file, group, key, place) in places.items():
        shown = field.replace("-", " ")
        for name in wrong.get(field, ("nil", "true", "float", "string")):
            edit = put(GROUPS, group, key, place(OTHERS[name]))
            yield refused(f"{field}-is-{name}", f"{shown} is of type {name}", file, edit)
        if field in wrong:
            yield refused(f"{field}-is-integer", f"{shown} is an integer", file, put(GROUPS, group, key, place(3)))
        elif field != "step":
            yield refused(f"{field}-negative", f"{shown} is −1", file, put(GROUPS, group, key, place(-1)))


def _tops() -> Iterator[Vector]:
    """Yield fields of the directory map."""
    for name, key in (("groups", GROUPS), ("metadata", METADATA), ("aliases", ALIASES), ("features", FEATURES)):
        for kind in ("nil", "string", "array" if name == "metadata" else "map"):
            yield refused(f"{name}-is-{kind}", f"{name} is of type {kind}", NAMED, put(key, OTHERS[kind]))
    for kind in ("nil", "array", "string"):
        yield refused(f"group-is-{kind}", f"a group is of type {kind}", RAW, put(GROUPS, 0, OTHERS[kind]))
    for kind in ("nil", "true", "float", "string", "array"):
        yield refused(f"tiers-is-{kind}", f"tiers is of type {kind}", NAMED, put(TIERS, OTHERS[kind]))
    yield refused("tiers-0", "tiers is 0", NAMED, put(TIERS, 0))
    yield refused("tiers-negative", "tiers is −1", NAMED, put(TIERS, -1))
    for name, pairs in (
        ("key-integer", [(1, "v")]),
        ("key-nil", [(None, "v")]),
        ("key-bin", [(Bin(b"k"), "v")]),
        ("key-empty", [("", "v")]),
        ("value-integer", [("k", 1)]),
        ("value-nil", [("k", None)]),
        ("value-map", [("k", Map())]),
        ("keys-twice", [("k", "v"), ("k", "v")]),
        ("keys-descending", [("l", "v"), ("k", "v")]),
        ("keys-by-utf16", [("\U00010000", "v"), ("\uffff", "v")]),
        ("keys-longer-first", [("kk", "v"), ("k", "v")]),
    ):
        about = f"metadata with {name.replace('-', ' ')}"
        yield refused(f"metadata-{name}", about, NAMED, put(METADATA, Map(pairs)))
    for name, entry in (
        ("string", "a"),
        ("map", Map([("a", "x")])),
        ("one", ["a"]),
        ("three", ["a", "x", "x"]),
        ("integers", [0, 1]),
        ("nil-target", ["a", None]),
        ("integer-name", [1, "x"]),
        ("bin", [Bin(b"a"), Bin(b"x")]),
    ):
        yield refused(
            f"alias-of-type-{name}", f"an alias that is {name.replace('-', ' ')}", NAMED, put(ALIASES, [entry])
        )
    for name in ("nil", "true", "bin", "array"):
        yield refused(f"feature-is-{name}", f"a feature of type {name}", NAMED, put(FEATURES, [OTHERS[name]]))
    yield refused("feature-is-integer", "a feature that is an integer", NAMED, put(FEATURES, [1]))
