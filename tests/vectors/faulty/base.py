"""Small valid files, and ways to break one thing in them. Everything after the fault stays valid, including
checksums."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from typing import Any

from tests.vectors import frz, msgpack
from tests.vectors.entries import Vector, faulty
from tests.vectors.frz import File, Group, Tensor
from tests.vectors.msgpack import Map
from tests.vectors.numbers import f16, f32

RAW = File([frz.raw("x", "f32", (2, 3), f32(1.0, 2.0, 3.0, 4.0, 5.0, 6.0))])
"""One plain tensor ``x``."""

DCT = File([frz.dct("w", "f16", (3, 4), f16(4.0, -1.0, 0.5))])
"""One spectrum ``w`` without steps."""

STEPPED = File([frz.dct("w", "q", (3, 4), (9, -4, 2), view=(4, 3), step=-16)])
"""One spectrum ``w`` with a step and a view."""

OFFSETS = File(
    [Group([Tensor("w", (2, 3), (1, 2, 3, 4, 5, 6), offsets={1: (0, 1, 2)})], stepped=True, coder="adaptive")]
)
"""One plain tensor ``w`` of multiples of steps, with a step for each column."""

TIERED = File(
    [frz.dct("w", "f16", (3, 4), f16(4.0, -1.0, 0.5, 0.25, 2.0), kept=(2, 5)), frz.raw("x", "u8", (2,), (1, 2))],
    tiers=2,
)
"""Two tiers: segments of ``w`` and ``x``, then one of ``w``."""

NESTED = File(
    [
        Group([Tensor("w", (3, 4), f32(*range(6)), corners=[(1, 2), (2, 3)])], coder="deflate"),
        frz.raw("x", "u8", (2,), (1, 2)),
    ],
    tiers=2,
)
"""Two tiers of nested channels ``w``, and a plain tensor ``x``."""

ANEW = File([Group([Tensor("m", (2,), f32(1.0, 2.0, 3.0, 4.0))], per_tier=True)], tiers=2)
"""A tensor ``m`` with its own version in each of two tiers."""

TUCKER = File(
    [
        Group([Tensor("", (2, 4), f32(*range(8))), Tensor("", (3, 5), f32(*range(15)))]),
        Group([Tensor("w", (4, 5), f32(1.0, 2.0, 3.0, 4.0), corners=[(2, 2)], factors=(0, 1))], "f32", ["stored"]),
    ]
)
"""A matrix ``w`` as a core and two factors."""

SEEDED = File([Group([Tensor("w", (6,), f32(0.5), corners=[(1,)], seeds=(7,))], "f32", ["seeded"])])
"""A pseudo-random tensor ``w``."""

NAMED = File(
    [frz.raw("x", "u8", (), (1,)), frz.raw("y", "u8", (), (2,))],
    {"k": "v"},
    [("a", "x")],
    features=[],
    pack=lambda tree: msgpack.pack(_with_tiers(tree)),
)
"""Every field of the directory map."""


def _with_tiers(tree: Map) -> Map:
    if all(key != frz.TIERS for key, _ in tree):
        tree.set(frz.TIERS, 1)
    return tree


Edit = Callable[[Map], object]


def edited(file: File, edit: Edit) -> bytes:
    """Return ``file`` with its directory changed by ``edit``; its segments are unchanged."""
    tree = tree_of(file)
    edit(tree)
    return with_directory(file, msgpack.pack(tree))


def tree_of(file: File) -> Map:
    """Return the directory map of ``file``, to be changed."""
    tree = copy.deepcopy(file.tree())
    return _with_tiers(tree) if file is NAMED else tree


def with_directory(file: File, directory: bytes, **header: Any) -> bytes:
    """Return ``file`` with a different directory."""
    return frz.head(directory, **header) + segments(file)


def segments(file: File) -> bytes:
    """Return the bytes after the directory's checksum."""
    return b"".join(b"".join(part) for part in file.parts())


def put(*path_and_value: Any) -> Edit:
    """Return an edit that stores the last argument at the position given by the other arguments: keys and indices."""
    *path, last, value = path_and_value

    def edit(tree: Any) -> None:
        for part in path:
            tree = tree.get(part) if isinstance(tree, Map) else tree[part]
        if isinstance(tree, Map):
            tree.set(last, value)
        else:
            tree[last] = value

    return edit


def drop(*path: Any) -> Edit:
    """Return an edit that removes the entry at the position given by keys and indices."""

    def edit(tree: Any) -> None:
        for part in path[:-1]:
            tree = tree.get(part) if isinstance(tree, Map) else tree[part]
        if isinstance(tree, Map):
            tree.drop(path[-1])
        else:
            del tree[path[-1]]

    return edit


def in_group(key: int, value: Any) -> Edit:
    """Return an edit that sets field ``key`` of the first group to ``value``."""
    return put(frz.GROUPS, 0, key, value)


def refused(name: str, about: str, file: File, edit: Edit, code: str = "DIRECTORY") -> Vector:
    """Return a vector that is refused on opening: ``file`` with its directory changed by ``edit``."""
    return faulty(name, about, edited(file, edit), code)


def stream(coder: str, values: int, data: bytes, dtype: str = "u8") -> bytes:
    """Return a file with one plain tensor ``x`` of ``values`` elements that are stored as ``data``."""
    group = Group([Tensor("x", (values,), [0] * values)], dtype, coder=coder, streams=[data])
    return File([group]).bytes()


def values(dtype: str, stored: Sequence[int]) -> bytes:
    """Return a file with one plain tensor ``x``."""
    return File([frz.raw("x", dtype, (len(stored),), stored)]).bytes()
