"""Fields that are right alone and wrong together: shapes, views, sizes; and what a future version may say."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tests.vectors import frz
from tests.vectors.entries import Vector, faulty
from tests.vectors.faulty.base import DCT, NAMED, RAW, STEPPED, TIERED, in_group, put, refused
from tests.vectors.frz import FEATURES, GROUPS, File, Group, Tensor
from tests.vectors.numbers import CODERS, DTYPES

LARGE = ((2**31, "2^31"), (2**32, "2^32"), (2**63, "2^63"), (2**64 - 1, "2^64 − 1"))


def vectors() -> Iterator[Vector]:
    yield from _unknown()
    yield from _features()
    yield from _types()
    yield from _sizes()
    yield from _shapes()


def _unknown() -> Iterator[Vector]:
    keys = (
        ("coding", RAW, frz.CODING, 2),
        ("dtype", RAW, frz.DTYPE, 17),
        ("coder", RAW, frz.CODER, 5),
        ("format", DCT, frz.FORMAT, 6),
    )
    for field, file, key, least in keys:
        for number, text in ((least, str(least)), (255, "255"), *LARGE):
            name = f"{field}-unknown-{text.replace('^', 'e').replace(' − ', '-minus-')}"
            yield refused(name, f"{field} {text}", file, in_group(key, number), "UNSUPPORTED")
    second = put(GROUPS, 1, frz.CODER, 9)
    yield refused(
        "coder-unknown-in-second-group", "a coder of the future in the second group", TIERED, second, "UNSUPPORTED"
    )


def _features() -> Iterator[Vector]:
    yield refused("feature", "a feature that no version 1 reader knows", NAMED, put(FEATURES, ["sparse"]), "FEATURE")
    yield refused("features-two", "two features that nobody knows", NAMED, put(FEATURES, ["a", "b"]), "FEATURE")
    yield refused("feature-of-no-name", "a feature whose name is empty", NAMED, put(FEATURES, [""]), "FEATURE")
    yield refused("feature-in-unicode", "a feature with a name outside ASCII", NAMED, put(FEATURES, ["Ω"]), "FEATURE")

    def future(tree: Any) -> None:
        tree.set(FEATURES, ["groups of another kind"])
        tree.set(GROUPS, [frz.front_coded(["not", "a", "group", "map"])])

    about = "a feature that changes what groups are: it is refused before they are looked at"
    yield refused("feature-before-groups", about, NAMED, future, "FEATURE")


def _types() -> Iterator[Vector]:
    for dtype in DTYPES:
        if dtype in ("bool", "u8", "i64", "c64", "f8_e4m3"):
            edit = in_group(frz.DTYPE, DTYPES.index(dtype))
            yield refused(f"dct-of-{dtype.replace('_', '-')}", f"a dct group of dtype {dtype}", DCT, edit)
        if dtype in ("bool", "u8", "u16", "i64", "f64", "c64", "f8_e5m2"):
            for coder in CODERS[3:] if dtype == "f64" else CODERS[3:4]:
                group = Group([Tensor("x", (2,), (0, 1))], dtype, coder=coder, streams=[b"\0\0"])
                name = f"{coder}-of-{dtype.replace('_', '-')}"
                yield faulty(name, f"raw elements of {dtype} by coder {coder}", File([group]).bytes(), "DIRECTORY")


def _sizes() -> Iterator[Vector]:
    for name, size in (("less", 23), ("more", 25), ("none", 0)):
        about = f"6 values of f32 that take {size} bytes uncoded"
        yield refused(f"size-{name}", about, RAW, in_group(frz.SIZES, [size]))
    yield refused("size-of-dct", "3 values of f16 that take 12 bytes uncoded", DCT, in_group(frz.SIZES, [12]))
    yield refused("size-of-tier-1", "a wrong size in tier 1 only", TIERED, in_group(frz.SIZES, [4, 7]))
    for coder in CODERS[:4]:
        group = Group([Tensor("x", (0,))], "f32", coder=coder, streams=[b"\0"])
        about = f"a segment of 1 byte for no values by coder {coder}"
        yield faulty(f"size-without-values-{coder}", about, File([group]).bytes(), "DIRECTORY")
    idle = File([frz.dct("w", "f16", (3, 4), (1, 2), kept=(2, 2))], tiers=2)
    yield refused("size-of-idle-tier", "a tier that adds nothing but has a size", idle, in_group(frz.SIZES, [4, 6]))


def _shapes() -> Iterator[Vector]:
    for name, about, view in (
        ("fewer", "a view of 6 of the 12 elements", (2, 3)),
        ("more", "a view of 24 elements for 12", (4, 3, 2)),
        ("empty", "a view of no elements for 12", (0, 12)),
        ("rank0", "a view of rank 0 for 12 elements", ()),
    ):
        yield refused(f"view-of-{name}", about, STEPPED, in_group(frz.VIEWS, [view]), "SHAPE")
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
    two = File([Group([Tensor("a", (3,), (1, 2), (1, 2)), Tensor("b", (3,), (1, 2), (1, 2))], "f32", "f32")], tiers=2)
    about = "one tensor has fewer coefficients in tier 1, another as many more"
    yield refused("kept-descending-of-one", about, two, in_group(frz.KEPT, [[2, 0], [1, 3]]), "SHAPE")


def _kept(shape: tuple[int, ...], k: int) -> bytes:
    return File([frz.dct("w", "f16", shape, [0x3C00] * k)]).bytes()
