"""Fields that are missing, where they must not be, or of another type than the schema's."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tests.vectors import frz
from tests.vectors.entries import Vector
from tests.vectors.faulty.base import DCT, NAMED, RAW, STEPPED, TIERED, drop, in_group, put, refused
from tests.vectors.frz import ALIASES, FEATURES, GROUPS, METADATA, TIERS
from tests.vectors.msgpack import Bin, Map, ext

FIELDS = ("coding", "dtype", "names", "shapes", "coder", "sizes", "format", "kept", "steps", "views")
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
"""A value of each type but integer."""


def vectors() -> Iterator[Vector]:
    yield from _missing()
    yield from _misplaced()
    yield from _identifiers()
    yield from _lists()
    yield from _entries()
    yield from _tops()


def _missing() -> Iterator[Vector]:
    for key, name in enumerate(FIELDS[:9]):
        file = STEPPED if key >= 6 else RAW
        yield refused(f"missing-{name}", f"a group without {name}", file, drop(GROUPS, 0, key))


def _misplaced() -> Iterator[Vector]:
    extra: dict[str, Any] = {"format": 0, "kept": [[1]], "steps": [0], "views": [None]}
    for name, value in extra.items():
        edit = in_group(FIELDS.index(name), value)
        yield refused(f"misplaced-{name}", f"a raw group with {name}", RAW, edit)
    yield refused("misplaced-steps-of-floats", "steps beside the format f16", DCT, in_group(frz.STEPS, [0]))


def _identifiers() -> Iterator[Vector]:
    """Fields that are one integer."""
    keys = {
        "coding": (RAW, frz.CODING),
        "dtype": (RAW, frz.DTYPE),
        "coder": (RAW, frz.CODER),
        "format": (DCT, frz.FORMAT),
    }
    for field, (file, key) in keys.items():
        yield refused(f"{field}-negative", f"{field} is −1", file, in_group(key, -1))
        for name in ("nil", "true", "string", "float", "array"):
            yield refused(f"{field}-is-{name}", f"{field} is of type {name}", file, in_group(key, OTHERS[name]))


def _lists() -> Iterator[Vector]:
    """Fields that are arrays: another type, another length."""
    for field, file in (
        ("names", RAW),
        ("shapes", RAW),
        ("sizes", RAW),
        ("kept", DCT),
        ("steps", STEPPED),
        ("views", STEPPED),
    ):
        key = FIELDS.index(field)
        for name in ("nil", "map", "bin") if field in ("names", "kept") else ("nil",):
            yield refused(f"{field}-is-{name}", f"{field} is of type {name}", file, in_group(key, OTHERS[name]))
        yield refused(f"{field}-is-integer", f"{field} is an integer", file, in_group(key, 1))
        yield refused(f"{field}-empty", f"{field} is an empty array", file, in_group(key, []))
        right = file.tree().get(GROUPS)[0].get(key)
        entry = right[-2:] if field == "names" else right[-1:]
        if field != "names":
            about = f"{field} has one entry too many"
            yield refused(f"{field}-one-more", about, file, in_group(key, [*right, *entry]))
    yield refused("names-odd", "names ends with a prefix length", RAW, in_group(frz.NAMES, [0, "x", 0]))
    tiered = TIERED.tree().get(GROUPS)[0]
    for field in ("sizes", "kept"):
        key = FIELDS.index(field)
        edit = in_group(key, tiered.get(key)[:1])
        yield refused(f"{field}-for-one-tier", f"{field} of one tier in a file of two", TIERED, edit)
    edit = put(GROUPS, 1, frz.SIZES, [2, 0])
    yield refused("sizes-of-raw-for-two-tiers", "sizes of a raw group for each of two tiers", TIERED, edit)
    yield refused("kept-row-one-more", "a tier of kept has an entry too many", DCT, in_group(frz.KEPT, [[3, 0]]))
    yield refused("kept-row-empty", "a tier of kept is empty", DCT, in_group(frz.KEPT, [[]]))


def _entries() -> Iterator[Vector]:
    """Entries of arrays that are of another type."""
    places: dict[str, tuple[Any, int, Any]] = {
        "names-prefix": (RAW, frz.NAMES, lambda value: [value, "x"]),
        "names-suffix": (RAW, frz.NAMES, lambda value: [0, value]),
        "shape": (RAW, frz.SHAPES, lambda value: [value]),
        "axis": (RAW, frz.SHAPES, lambda value: [[2, value]]),
        "size": (RAW, frz.SIZES, lambda value: [value]),
        "kept-row": (DCT, frz.KEPT, lambda value: [value]),
        "kept-count": (DCT, frz.KEPT, lambda value: [[value]]),
        "step": (STEPPED, frz.STEPS, lambda value: [value]),
        "view": (STEPPED, frz.VIEWS, lambda value: [value]),
        "view-axis": (STEPPED, frz.VIEWS, lambda value: [[4, value]]),
    }
    wrong: dict[str, tuple[str, ...]] = {
        "names-suffix": ("nil", "bin", "array"),
        "shape": ("nil", "map"),
        "kept-row": ("nil", "map"),
        "view": ("true", "map"),
    }
    for field, (file, key, place) in places.items():
        for name in wrong.get(field, ("nil", "true", "float", "string")):
            about = f"{field.replace('-', ' ')} is of type {name}"
            yield refused(f"{field}-is-{name}", about, file, in_group(key, place(OTHERS[name])))
        if field in ("names-suffix", "shape", "kept-row", "view"):
            yield refused(
                f"{field}-is-integer", f"{field.replace('-', ' ')} is an integer", file, in_group(key, place(3))
            )
        elif field != "step":
            yield refused(f"{field}-negative", f"{field.replace('-', ' ')} is −1", file, in_group(key, place(-1)))


def _tops() -> Iterator[Vector]:
    """Fields of the directory map."""
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
        ("bin", [Bin(b"a"), Bin(b"x")]),
    ):
        yield refused(
            f"alias-of-type-{name}", f"an alias that is {name.replace('-', ' ')}", NAMED, put(ALIASES, [entry])
        )
    for name in ("nil", "true", "bin", "array"):
        yield refused(f"feature-is-{name}", f"a feature of type {name}", NAMED, put(FEATURES, [OTHERS[name]]))
    yield refused("feature-is-integer", "a feature that is an integer", NAMED, put(FEATURES, [1]))
