"""Fields that are valid alone but contradict each other, and fields that a future version may define."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tests.vectors import frz
from tests.vectors.entries import Vector, faulty
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
    Edit,
    drop,
    in_group,
    put,
    refused,
)
from tests.vectors.frz import ENTROPY, FEATURES, GROUPS, File, Group, Tensor
from tests.vectors.numbers import CODERS, DTYPES, f16, f32

LARGE = ((2**31, "2^31"), (2**32, "2^32"), (2**63, "2^63"), (2**64 - 1, "2^64 − 1"))


def vectors() -> Iterator[Vector]:
    yield from _unknown()
    yield from _features()
    yield from _types()
    yield from _together()
    yield from _factors()
    yield from _sizes()
    yield from _shapes()
    yield from _corners()


def _both(*edits: Edit) -> Edit:
    def edit(tree: Any) -> None:
        for each in edits:
            each(tree)

    return edit


def _unknown() -> Iterator[Vector]:
    keys = (
        ("dtype", RAW, frz.DTYPE, 18),
        ("coder", RAW, frz.CODER, 5),
        ("format", DCT, frz.FORMAT, 18),
    )
    for field, file, key, least in keys:
        for value, text in ((least, str(least)), (255, "255"), *LARGE):
            name = f"{field}-unknown-{text.replace('^', 'e').replace(' − ', '-minus-')}"
            yield refused(name, f"{field} {text}", file, in_group(key, value), "UNSUPPORTED")
    for value, text in ((4, "4"), (255, "255"), *LARGE):
        name = f"basis-unknown-{text.replace('^', 'e').replace(' − ', '-minus-')}"
        yield refused(name, f"basis {text}", DCT, in_group(frz.KINDS, [value]), "UNSUPPORTED")
    about = "an unknown basis in an entry that has no effect on the tensor"
    yield refused("basis-unknown-beyond-rank", about, DCT, in_group(frz.KINDS, [1, 1, 1, 9]), "UNSUPPORTED")
    for dtype in DTYPES:
        if dtype not in ("f16", "bf16", "f32"):
            edit = in_group(frz.FORMAT, DTYPES.index(dtype))
            about = f"numbers in format {dtype}, which is not a number format"
            yield refused(f"format-of-{dtype.replace('_', '-')}", about, DCT, edit, "UNSUPPORTED")
    second = put(GROUPS, 1, frz.CODER, 9)
    yield refused(
        "coder-unknown-in-second-group", "an unknown coder in the second group", TIERED, second, "UNSUPPORTED"
    )


def _features() -> Iterator[Vector]:
    yield refused("feature", "a feature that no version 1 reader knows", NAMED, put(FEATURES, ["sparse"]), "FEATURE")
    yield refused("features-two", "two unknown features", NAMED, put(FEATURES, ["a", "b"]), "FEATURE")
    yield refused("feature-of-no-name", "a feature whose name is empty", NAMED, put(FEATURES, [""]), "FEATURE")
    yield refused("feature-in-unicode", "a feature with a name outside ASCII", NAMED, put(FEATURES, ["Ω"]), "FEATURE")

    def future(tree: Any) -> None:
        tree.set(FEATURES, ["groups of another kind"])
        tree.set(GROUPS, [frz.front_coded(["not", "a", "group", "map"])])

    about = "a feature that changes what groups are: the file is refused before the groups are parsed"
    yield refused("feature-before-groups", about, NAMED, future, "FEATURE")


def _types() -> Iterator[Vector]:
    for dtype in DTYPES:
        edit = in_group(frz.DTYPE, DTYPES.index(dtype))
        shown = dtype.replace("_", "-")
        if dtype in ("bool", "u8", "i64", "c64", "f8_e4m3", "f8_e8m0"):
            yield refused(f"dct-of-{shown}", f"a dct group of dtype {dtype}", DCT, edit)
        if dtype in ("i8", "i32", "u8", "c128"):
            yield refused(f"steps-of-{shown}", f"multiples of steps of dtype {dtype}", OFFSETS, edit)
        if dtype in ("u16", "f8_e5m2", "c64"):
            group = Group([Tensor("x", (2,), (1, 2))], dtype, format="f16")
            yield faulty(f"format-to-{shown}", f"numbers in f16 of dtype {dtype}", File([group]).bytes(), "DIRECTORY")
        if dtype in ("bool", "u8", "u16", "i64", "f64", "c64", "f8_e5m2"):
            for coder in ENTROPY:
                group = Group([Tensor("x", (2,), (0, 1))], dtype, coder=coder, streams=[b"\0\0"])
                about = f"elements of {dtype} by coder {coder}"
                yield faulty(f"{coder}-of-{shown}", about, File([group]).bytes(), "DIRECTORY")
    group = Group([Tensor("w", (2,), (0, 1))], "f64", ["dct"])
    yield faulty("core-of-f64", "a core of a dct axis in f64", File([group]).bytes(), "DIRECTORY")
    group = Group([Tensor("w", (2,), (0, 1))], "f64", ["identity", "dct"])
    about = "the same with a dct entry that has no effect on the tensor"
    yield faulty("core-of-f64-beyond-rank", about, File([group]).bytes(), "DIRECTORY")
    group = Group([Tensor("x", (2,), (0, 1))], "i32", ["identity", "dct"])
    about = "dtype i32 and a dct entry that has no effect on the tensor"
    yield faulty("dct-of-i32-beyond-rank", about, File([group]).bytes(), "DIRECTORY")
    uncoded = Group(STEPPED.groups[0].tensors, "f32", ["dct"], stepped=True, coder="none", streams=[bytes(4 * 3)])
    yield faulty("none-of-integers", "multiples of steps by coder none", File([uncoded]).bytes(), "DIRECTORY")
    for coder in CODERS[1:3]:
        edit = in_group(frz.CODER, CODERS.index(coder))
        yield refused(f"{coder}-of-integers", f"multiples of steps by coder {coder}", STEPPED, edit)


def _together() -> Iterator[Vector]:
    """Yield fields that exclude or need each other."""
    yield refused(
        "format-beside-steps", "format together with steps", OFFSETS, in_group(frz.FORMAT, DTYPES.index("f16"))
    )
    coded = File([frz.dct("w", "f16", (3, 4), f16(4.0, -1.0, 0.5), "adaptive")])
    yield refused("steps-beside-format", "steps together with format", coded, in_group(frz.STEPS, [0]))
    about = "offsets without steps, of an axis that no tensor has"
    yield refused("offsets-without-steps", about, RAW, in_group(frz.OFFSETS, 1 << 2))
    yield refused("offsets-beside-kept", "offsets together with kept", STEPPED, in_group(frz.OFFSETS, 1))
    yield refused("corners-beside-kept", "corners together with kept", DCT, in_group(frz.CORNERS, [[[1, 3]]]))
    yield refused("per-tier-beside-kept", "per_tier together with kept", DCT, in_group(frz.PER_TIER, 1))
    for kind, name in ((2, "stored"), (3, "seeded")):
        extra = (frz.FACTORS, [[]]) if kind == 2 else (frz.SEEDS, [[]])
        edit = _both(in_group(frz.KINDS, [1, 1, kind]), in_group(*extra))
        about = f"kept together with a {name} entry of bases, which has no effect on the tensor"
        yield refused(f"kept-of-{name}", about, DCT, edit)
    yield refused("factors-without-stored", "factors without a stored axis", RAW, in_group(frz.FACTORS, [[]]))
    yield refused("seeds-without-seeded", "seeds without a seeded axis", RAW, in_group(frz.SEEDS, [[]]))
    yield refused("stored-without-factors", "a stored axis without factors", TUCKER, drop(GROUPS, 1, frz.FACTORS))
    yield refused("seeded-without-seeds", "a seeded axis without seeds", SEEDED, drop(GROUPS, 0, frz.SEEDS))
    edit = put(GROUPS, 1, frz.FACTORS, [[0]])
    yield refused("factors-too-few", "one factor for two stored axes", TUCKER, edit)
    yield refused(
        "factors-too-many", "three factors for two stored axes", TUCKER, put(GROUPS, 1, frz.FACTORS, [[0, 1, 1]])
    )
    yield refused("seeds-too-few", "no seed for a seeded axis", SEEDED, in_group(frz.SEEDS, [[]]))
    yield refused("seeds-too-many", "two seeds for a seeded axis", SEEDED, in_group(frz.SEEDS, [[7, 8]]))


def _factors() -> Iterator[Vector]:
    """Yield groups without names, and tensors that use them."""
    yield refused("factor-with-views", "factors with views", TUCKER, in_group(frz.VIEWS, [None, None]))
    yield refused(
        "factor-with-bases", "factors with bases, even though these are the default", TUCKER, in_group(frz.KINDS, [0])
    )
    kept = _both(in_group(frz.KEPT, [[8, 15]]))
    yield refused("factor-with-kept", "factors with kept", TUCKER, kept)
    for name, shape in (("rank-1", (8,)), ("rank-3", (2, 2, 2)), ("rank-0", ())):
        about = f"a factor of {name.replace('-', ' ')}"
        group = Group([Tensor("", shape, f32(*range(8)) if shape else f32(1.0))])
        yield faulty(f"factor-of-{name}", about, File([group]).bytes(), "DIRECTORY")
    for dtype in ("f16", "f64", "i32"):
        group = Group([Tensor("", (2, 2), (0,) * 4)], dtype)
        yield faulty(f"factor-of-{dtype}", f"a factor of dtype {dtype}", File([group]).bytes(), "DIRECTORY")
    for number, name in ((2, "2-of-2"), (2**32, "2e32"), (2**64 - 1, "2e64-minus-1")):
        edit = put(GROUPS, 1, frz.FACTORS, [[0, number]])
        yield refused(f"factor-number-{name}", f"factor number {number} of 2", TUCKER, edit, "SHAPE")
    later = File([TUCKER.groups[1], TUCKER.groups[0]])
    yield faulty("factor-of-later-group", "factors in a later group", later.bytes(), "SHAPE")
    swapped = put(GROUPS, 1, frz.FACTORS, [[1, 0]])
    yield refused(
        "factor-of-other-length", "factors that do not have the length of their axes", TUCKER, swapped, "SHAPE"
    )
    wide = Group([Tensor("w", (4, 5), f32(*range(6)), corners=[(3, 2)], factors=(0, 1))], "f32", ["stored"])
    about = "a core with more entries than its factor has rows"
    yield faulty("factor-too-short", about, File([TUCKER.groups[0], wide]).bytes(), "SHAPE")
    whole = Group([Tensor("w", (4, 5), f32(*range(20)), factors=(0, 1))], "f32", ["stored"])
    about = "a core as large as its view, larger than its factors"
    yield faulty("factor-too-short-for-whole", about, File([TUCKER.groups[0], whole]).bytes(), "SHAPE")
    growing = Group([Tensor("", (2, 4), f32(*range(8)), corners=[(1, 4), (2, 4)])])
    early = Group(
        [Tensor("w", (4, 3), f32(*range(6)), corners=[(2, 3), (2, 3)], factors=(0,))], "f32", ["stored", "identity"]
    )
    about = "a core with more entries in tier 0 than its factor has rows there"
    yield faulty("factor-too-short-in-tier-0", about, File([growing, early], tiers=2).bytes(), "SHAPE")
    narrow = Group([Tensor("", (2, 4), f32(*range(6)), corners=[(2, 3)])])
    yield faulty("factor-lacks-columns", "a factor whose corner lacks a column", File([narrow]).bytes(), "SHAPE")
    narrow = Group([Tensor("", (2, 4), f32(*range(8)), corners=[(0, 0), (2, 4)])])
    about = "a factor whose corner lacks all columns in tier 0, where it has no rows"
    yield faulty("factor-lacks-columns-in-tier-0", about, File([narrow], tiers=2).bytes(), "SHAPE")


def _sizes() -> Iterator[Vector]:
    for name, size in (("less", 23), ("more", 25), ("none", 0)):
        about = f"6 values of f32 that take {size} bytes uncoded"
        yield refused(f"size-{name}", about, RAW, in_group(frz.SIZES, [size]))
    yield refused("size-of-dct", "3 values of f16 that take 12 bytes uncoded", DCT, in_group(frz.SIZES, [12]))
    yield refused("size-of-tier-1", "a wrong size in tier 1 only", TIERED, in_group(frz.SIZES, [4, 7]))
    plain = File([Group(NESTED.groups[0].tensors)], tiers=2)
    yield refused("size-of-corner", "a wrong size in the second tier of corners", plain, in_group(frz.SIZES, [8, 20]))
    yield refused(
        "size-of-per-tier",
        "a wrong size in the second tier of a group that every tier stores again",
        ANEW,
        in_group(frz.SIZES, [8, 12]),
    )
    own = File([Group([Tensor("m", (2,), f32(1.0, 2.0, 3.0), corners=[(1,), (2,)])], per_tier=True)], tiers=2)
    yield refused(
        "size-of-per-tier-corner",
        "in a group that every tier stores again up to a corner, a tier has only the size of what its corner adds",
        own,
        in_group(frz.SIZES, [4, 4]),
    )
    for coder in CODERS:
        group = Group([Tensor("x", (0,))], "f32", coder=coder, streams=[b"\0"])
        about = f"a segment of 1 byte for no values by coder {coder}"
        yield faulty(f"size-without-values-{coder}", about, File([group]).bytes(), "DIRECTORY")
    idle = File([frz.dct("w", "f16", (3, 4), (1, 2), kept=(2, 2))], tiers=2)
    yield refused("size-of-idle-tier", "a tier that adds nothing but has a size", idle, in_group(frz.SIZES, [4, 6]))
    idle = File([Group([Tensor("w", (2, 2), f32(*range(4)), corners=[(2, 2), (2, 2)])])], tiers=2)
    yield refused("size-of-same-corner", "the same with corners", idle, in_group(frz.SIZES, [16, 1]))


def _shapes() -> Iterator[Vector]:
    for name, about, view in (
        ("fewer", "a view of 6 of the 12 elements", (2, 3)),
        ("more", "a view of 24 elements for 12", (4, 3, 2)),
        ("empty", "a view of no elements for 12", (0, 12)),
        ("rank0", "a view of rank 0 for 12 elements", ()),
    ):
        yield refused(f"view-of-{name}", about, STEPPED, in_group(frz.VIEWS, [view]), "SHAPE")
    yield refused(
        "view-of-plain", "a view of a plain tensor that does not fit", RAW, in_group(frz.VIEWS, [(5,)]), "SHAPE"
    )
    no_elements = File([frz.dct("w", "f32", (0, 3), (), view=(3,))])
    yield faulty("view-of-nothing", "a view of 3 elements for none", no_elements.bytes(), "SHAPE")
    yield faulty("kept-of-nothing", "a coefficient of a tensor without elements", _kept((0, 3), 1), "SHAPE")
    yield faulty("kept-of-scalar", "two coefficients of a scalar", _kept((), 2), "SHAPE")
    yield faulty("kept-more", "13 coefficients of 12 elements", _kept((3, 4), 13), "SHAPE")
    file = File([frz.dct("w", "f16", (3, 4), range(13), kept=(4, 13))], tiers=2)
    yield faulty("kept-more-in-tier-1", "13 coefficients of 12 elements in tier 1", file.bytes(), "SHAPE")
    idle = File([frz.dct("w", "f16", (3, 4), (1, 2), kept=(2, 2))], tiers=2)
    fewer = in_group(frz.KEPT, [[2], [1]])
    yield refused("kept-descending", "fewer coefficients in tier 1 than in tier 0", idle, fewer, "SHAPE")
    tensors = [Tensor("a", (3,), (1, 2), kept=(1, 2)), Tensor("b", (3,), (1, 2), kept=(1, 2))]
    two = File([frz.spectral(tensors, "f32")], tiers=2)
    about = "one tensor has fewer coefficients in tier 1, and another has that many more"
    yield refused("kept-descending-of-one", about, two, in_group(frz.KEPT, [[2, 0], [1, 3]]), "SHAPE")


def _corners() -> Iterator[Vector]:
    for name, about, corners in (
        ("beyond", "a corner beyond the first axis", [[[1, 2]], [[4, 3]]]),
        ("beyond-last-axis", "a corner beyond the last axis", [[[1, 2]], [[2, 5]]]),
        ("descending", "a corner that is smaller than the one before", [[[2, 3]], [[1, 2]]]),
        (
            "descending-on-one-axis",
            "a corner that is smaller on one axis and larger on the other",
            [[[2, 2]], [[1, 4]]],
        ),
    ):
        yield refused(f"corner-{name}", about, NESTED, in_group(frz.CORNERS, corners), "SHAPE")
    own = File([Group([Tensor("m", (2,), f32(1.0, 2.0, 3.0), corners=[(1,), (2,)])], per_tier=True)], tiers=2)
    edit = _both(in_group(frz.CORNERS, [[[2]], [[1]]]), in_group(frz.SIZES, [8, 4]))
    about = "a smaller corner in a group that every tier stores again"
    yield refused("corner-descending-per-tier", about, own, edit, "SHAPE")
    view = File([Group([Tensor("w", (3, 4), f32(*range(4)), view=(6, 2), corners=[(2, 2)])])])
    edit = in_group(frz.CORNERS, [[[2, 3]]])
    yield refused(
        "corner-beyond-view", "a corner that is within the shape, but not within the view", view, edit, "SHAPE"
    )


def _kept(shape: tuple[int, ...], k: int) -> bytes:
    return File([frz.dct("w", "f16", shape, [0x3C00] * k)]).bytes()
