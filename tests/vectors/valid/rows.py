"""Raw tensors that each tier has for itself, as rows of another tensor, and tensors that are only called so."""

from __future__ import annotations

from collections.abc import Iterator

from tests.vectors.entries import Vector, valid
from tests.vectors.frz import File, Group, Tensor, dct, raw
from tests.vectors.numbers import BYTES, CODERS, f32, spectrum

WEIGHT = dct("w", "f16", (4, 4), spectrum("f16", 9), "range", kept=(2, 5, 9))


def vectors() -> Iterator[Vector]:
    for coder in CODERS:
        file = statistics(coder)
        yield from _each_tier(f"rows-{coder}", f"statistics of a layer for each of three tiers, by coder {coder}", file)
    for tier in (0, 1):
        about = f"a file of three tiers, cut after tier {tier}, which has a row of its own"
        yield valid(f"rows-cut-after-{tier}", about, statistics("range"), present=tier + 1)
    yield valid("rows-cut-opened-at-0", "cut after tier 1, opened at tier 0", statistics("range"), tier=0, present=2)
    yield from _each_tier("rows-aliases", "aliases of a tensor that has rows, and of its rows", _aliases())
    yield from _each_tier("rows-that-are-none", "names that end in @tiers where something does not fit", _others())
    rows = [raw(name, "i16", shape, values) for name, shape, values in _nested()]
    yield from _each_tier("rows-of-rows", "rows have rows: the rule is applied once", File(rows, tiers=3))
    alone = [raw("m", "u8", (2,), (1, 2)), raw("m@tiers", "u8", (0, 2), ())]
    yield valid("rows-of-one-tier", "a file of one tier has no rows", File(alone))
    nothing = [raw("m@tiers", "f32", (2, 0, 3), ()), raw("m", "f32", (0, 3), ()), WEIGHT]
    yield from _each_tier("rows-empty", "rows without elements", File(nothing, tiers=3))
    yield from _each_tier("rows-dtypes", "rows of elements of every size", _dtypes())


def statistics(coder: str) -> File:
    """Rows before and behind their tensors, in the same group and in another, beside a tensor that has none."""
    shared = [
        Tensor("n.var@tiers", (2, 3), spectrum("f32", 6, 2)),
        Tensor("n.mean", (3,), spectrum("f32", 3, 3)),
        Tensor("n.bias", (2,), spectrum("f32", 2, 4)),
        Tensor("n.mean@tiers", (2, 3), spectrum("f32", 6, 5)),
    ]
    count = [raw("n.count", "i64", (), (9,)), raw("n.count@tiers", "i64", (2,), (7, 8))]
    groups = [Group(shared, "f32", coder=coder), WEIGHT, Group([Tensor("n.var", (3,), f32(1.0, 2.0, 0.5))]), *count]
    return File(groups, tiers=3)


def _each_tier(name: str, about: str, file: File) -> Iterator[Vector]:
    for tier in range(file.tiers - 1):
        yield valid(f"{name}-at-{tier}", f"{about}; opened at tier {tier}", file, tier=tier, of=name)
    yield valid(name, f"{about}; opened at the last tier", file)


def _aliases() -> File:
    """``b`` stands for a tensor with rows; neither ``c@tiers`` nor ``d@tiers`` is rows, one of two being an alias."""
    groups = [
        raw("a", "f32", (2,), f32(5.0, 6.0)),
        raw("a@tiers", "f32", (1, 2), f32(1.0, 2.0)),
        raw("c@tiers", "f32", (1, 2), f32(3.0, 4.0)),
        raw("d", "f32", (2,), f32(7.0, 8.0)),
    ]
    return File(groups, aliases=[("b", "a"), ("b@tiers", "a@tiers"), ("c", "a"), ("d@tiers", "c@tiers")], tiers=2)


def _others() -> File:
    one, two = f32(1.0, 2.0), f32(1.0, 2.0, 3.0, 4.0)
    groups = [
        *(raw(name, "f32", (2,), one) for name in ("all", "axis", "dtype", "coded", "flat", "turned")),
        raw("all@tiers", "f32", (3, 2), [*one, *two]),
        raw("axis@tiers", "f32", (2, 1, 2), two),
        raw("dtype@tiers", "u32", (2, 2), two),
        dct("coded@tiers", "f32", (2, 2), two, kept=(4, 4, 4)),
        raw("flat@tiers", "f32", (4,), two),
        raw("turned@Tiers", "f32", (2, 2), two),
        dct("spectrum", "f32", (2,), one, kept=(2, 2, 2)),
        raw("spectrum@tiers", "f32", (2, 2), two),
        raw("lost@tiers", "f32", (2, 2), two),
        raw("@tiers", "f32", (2, 2), two),
    ]
    return File(groups, tiers=3)


def _nested() -> Iterator[tuple[str, tuple[int, ...], tuple[int, ...]]]:
    yield "m", (2,), (1, 2)
    yield "m@tiers", (2, 2), (3, 4, 5, 6)
    yield "m@tiers@tiers", (2, 2, 2), (7, 8, 9, 10, 11, 12, 13, 14)


def _dtypes() -> File:
    groups = []
    for dtype in ("bool", "i8", "bf16", "u32", "c64", "c128"):
        values = [n % 2 if dtype == "bool" else 256 ** (BYTES[dtype] - 1) * n for n in range(1, 10)]
        groups += [raw(dtype, dtype, (3,), values[6:]), raw(f"{dtype}@tiers", dtype, (2, 3), values[:6])]
    return File(groups, tiers=3)
