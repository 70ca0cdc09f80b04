"""Delta files: values as differences from those of a base."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from tests.vectors import deflate
from tests.vectors.entries import Vector, valid
from tests.vectors.frz import File, Group, Tensor, raw
from tests.vectors.numbers import BYTES, FLOATS, bits, f16, f32, noise, spectrum, weights

LARGEST = 2**31 - 1
EXACT = tuple(name for name, size in BYTES.items() if size <= 4)
"""The types of exact values that can be stored as differences."""


def vectors() -> Iterator[Vector]:
    yield from _steps()
    yield from _exact()
    yield from _layouts()
    yield from _beside()
    yield from _repairs()
    yield from _partly()
    yield from _coders()
    yield from _axes()
    yield from _directories()


def delta(pairs: Sequence[tuple[Tensor, Tensor]], coder: str = "adaptive", **more: object) -> Group:
    """Return a delta group from pairs of a tensor and the base's tensor."""
    tensors = [replace(tensor, base=base) for tensor, base in pairs]
    return Group(tensors, coder=coder, delta=True, **more)  # type: ignore[arg-type]


def pair(name: str, about: str, old: Sequence[Group], new: Sequence[Group], **more: object) -> Iterator[Vector]:
    """Yield a base, and a delta file for it."""
    base = File(old).bytes()
    zstd = any(group.coder == "zstd" for group in old)
    yield valid(name, about, File(new, base=base, **more), base=base, zstd=zstd)  # type: ignore[arg-type]


def _stepped(tensors: Sequence[Tensor], **more: object) -> Group:
    return Group(tensors, stepped=True, coder="adaptive", **more)  # type: ignore[arg-type]


def _steps() -> Iterator[Vector]:
    offsets = {0: [0, -5, 31, 2], 2: [1, 0, -1]}
    old = Tensor("w", (4, 2, 3, 3), weights("q", 72), step=-64, offsets=offsets)
    new = Tensor("w", (4, 2, 3, 3), [q + n for q, n in zip(old.values, noise(72, 1), strict=True)], step=-64,
                 offsets={0: [0, -5, 30, 2], 2: [1, 0, -1]})  # fmt: skip
    yield from pair(
        "delta-steps", "multiples of steps, and their offsets", [_stepped([old])], [delta([(new, old)], stepped=True)]
    )
    other = replace(new, step=-50)
    about = "another step and another dtype: differences are of integers"
    yield from pair("delta-step", about, [_stepped([old])], [delta([(other, old)], stepped=True, dtype="f16")])
    ends = Tensor("w", (5,), [LARGEST, -LARGEST, LARGEST, 0, 7], step=-1000)
    wrapped = replace(ends, values=[-LARGEST, LARGEST, 0, -LARGEST, 7])
    about = "differences that wrap around in 32 bits"
    yield from pair("delta-steps-wrapped", about, [_stepped([ends])], [delta([(wrapped, ends)], stepped=True)])
    kept = Tensor("w", (6, 6), spectrum("q", 12), kept=[12], step=-32)
    later = replace(kept, values=[q + n for q, n in zip(kept.values, noise(12, 2), strict=True)])
    about = "the first coefficients of a DCT"
    yield from pair(
        "delta-spectrum", about, [_stepped([kept], bases=["dct"])],
        [delta([(later, kept)], stepped=True, bases=["dct"])],
    )  # fmt: skip
    long = Tensor("w", (40, 16), weights("q", 640), step=-64)
    longer = replace(long, values=[q + n for q, n in zip(long.values, noise(640, 1, 5), strict=True)])
    about = "differences by coder static"
    yield from pair("delta-static", about, [_stepped([long])], [delta([(longer, long)], "static", stepped=True)])
    about = "differences that are all 0"
    yield from pair("delta-same", about, [_stepped([long])], [delta([(long, long)], stepped=True)])


def _exact() -> Iterator[Vector]:
    for kind in EXACT:
        size = 8 * BYTES[kind]
        half = 1 << (size - 1)
        if kind == "bool":
            old, new = [0, 1, 0, 1, 1], [1, 0, 0, 1, 0]
        else:
            old = [0, half, half - 1, 2 * half - 1, half, 1, half + 1, 5, 0]
            new = [half, 0, half, half - 1, half + 1, 2 * half - 1, 3, 5, 0]
            if size == 32:  # no difference is −2^31
                new[0:5] = [7, half + 2, half + 9, 2, 1]
        base = Tensor("x", (len(old),), old)
        about = f"elements of {kind}, with differences that wrap around"
        group = delta([(replace(base, values=new), base)], dtype=kind)
        yield from pair(f"delta-{kind.replace('_', '-')}", about, [Group([base], kind)], [group])
    for kind in FLOATS:
        old = bits(kind, 1.0, -1.0, 0.5, 0.0, -0.0, 2.0, -0.25)
        new = [u ^ 1 for u in bits(kind, 1.0, -1.0, -0.5, -0.0, 0.0, float("inf"), -0.5)]
        base = Tensor("x", (7,), old)
        group = delta([(replace(base, values=new), base)], "static", dtype=kind)
        yield from pair(f"delta-{kind}-near", f"neighbors of {kind}, by coder static", [Group([base], kind)], [group])
    base = Tensor("w", (3, 4), f16(4.0, -1.0, 0.5), kept=[3])
    new = replace(base, values=f16(4.5, -1.0, 0.25))
    old = Group([base], "f32", ["dct"], "f16")
    about = "coefficients in a number format"
    yield from pair("delta-format", about, [old], [delta([(new, base)], dtype="f32", bases=["dct"], format="f16")])
    about = "values of a number format here, elements in the base"
    plain = Tensor("x", (3,), f16(4.0, -1.0, 0.5))
    group = delta([(replace(plain, values=f16(4.5, 1.0, 0.5)), plain)], dtype="f64", format="f16")
    yield from pair("delta-format-of-elements", about, [Group([plain], "f16")], [group])


def _layouts() -> Iterator[Vector]:
    olds = [Tensor(name, (3, 2), noise(6, 100, n), step=-32) for n, name in enumerate("abcd")]
    news = [replace(old, values=[q + n for n, q in enumerate(old.values)]) for old in olds]
    about = "tensors in another order and in other groups than in the base"
    groups = [delta([(news[i], olds[i]) for i in chosen], stepped=True) for chosen in ((3, 1), (0,), (2,))]
    yield from pair("delta-order", about, [_stepped(olds[:3]), _stepped(olds[3:])], groups)
    matrix = Tensor("w", (2, 3), f32(1.0, 2.0, 3.0, 4.0, 5.0, 6.0))
    seen = Tensor("w", (6,), f32(1.0, 2.5, 3.0, 4.0, 5.0, 6.0), view=(2, 3, 1))
    about = "another shape with the same blocks, and a base by coder deflate"
    yield from pair("delta-view", about, [Group([matrix], coder="deflate")], [delta([(seen, matrix)])])
    cut = Tensor("w", (4, 3), noise(4, 9), corners=[(2, 2)])
    grown = Tensor("w", (2, 2), noise(4, 9, 2))
    about = "a corner in the base, which is the whole core here"
    yield from pair("delta-corner", about, [_stepped([cut])], [delta([(grown, cut)], stepped=True)])
    small = [Tensor("scalar", (), f32(2.0)), Tensor("none", (0, 3), ()), Tensor("row", (2,), f32(1.0, -1.0))]
    later = [replace(small[0], values=f32(2.5)), small[1], replace(small[2], values=f32(1.0, -1.5))]
    about = "tensors of rank 0, and of no elements"
    pairs = list(zip(later, small, strict=True))
    yield from pair("delta-small", about, [Group(small)], [delta(pairs)])
    about = "a group of differences without any values"
    yield from pair("delta-empty", about, [Group(small)], [delta([(small[1], small[1])])])
    anew = Tensor("m", (2,), f32(1.0, 2.0))
    about = "a tensor that every tier stores again in the base, which has one tier"
    old = Group([anew], per_tier=True)
    yield from pair("delta-per-tier", about, [old], [delta([(replace(anew, values=f32(1.0, 2.25)), anew)])])


def _beside() -> Iterator[Vector]:
    old = [raw("x", "f32", (2,), f32(1.0, 2.0)), raw("gone", "u8", (), (1,))]
    x, tied = old[0].tensors[0], Tensor("tied", (2,), f32(1.0, 2.5))
    base = File(old, {"v": "1"}, [("tied", "x")]).bytes()
    groups = [delta([(tied, x)]), raw("new", "u8", (3,), (1, 2, 3))]
    file = File(groups, {"v": "2"}, [("x", "new")], base=base)
    about = (
        "a tensor whose name is an alias in the base, a new one, an alias where the base has a tensor, other metadata"
    )
    yield valid("delta-beside", about, file, base=base)
    file = File([raw("new", "u8", (3,), (1, 2, 3))], base=base)
    yield valid("delta-of-nothing", "a delta file without differences, read without its base", file)
    yield valid("delta-of-nothing-with-base", "the same with its base", file, base=base)
    about = "a file other than a delta file ignores a base"
    yield valid("delta-ignored", about, File([raw("x", "u8", (), (4,))]), base=base)
    about = "a file other than a delta file ignores a base, even one of another format"
    yield valid("delta-ignored-text", about, File([raw("x", "u8", (), (4,))]), base=b"not a base\n")


def _repairs() -> Iterator[Vector]:
    """Yield values that are not allowed in the base: only the sums count."""
    old = Tensor("x", (3,), [2, 1, 255])
    group = delta([(replace(old, values=[1, 0, 1]), old)], dtype="bool")
    yield from pair("delta-repairs-bool", "a bool that is 2 in the base and 1 here", [Group([old], "bool")], [group])
    for kind, values in (("f16", [0x7E00, 0xFC00, 0x3C00]), ("f32", [0x7FC00000, 0xFF800000, 0x3F800000])):
        old = Tensor("w", (3, 4), values, kept=[3])
        group = delta([(replace(old, values=bits(kind, 4.0, -1.0, 0.5)), old)], dtype=kind, bases=["dct"])
        about = f"a NaN and an infinity in the base's core of {kind}, which become finite here"
        yield from pair(f"delta-repairs-{kind}", about, [Group([old], kind, ["dct"])], [group])
    old = Tensor("w", (2, 2), [LARGEST, -LARGEST, 1, 0], step=2031)
    group = delta([(replace(old, values=[1, -2, 1, 0]), old)], stepped=True)
    about = "integers that overflow binary32 with the base's step, and do not here"
    yield from pair("delta-repairs-multiples", about, [_stepped([old])], [group])
    old = Tensor("w", (2, 2), [5, 6, 7, 8], offsets={0: [5000, -5000]})
    group = delta([(replace(old, offsets={0: [3, -3]}), old)], stepped=True)
    about = "the base's offsets are beyond all step codes, and those here are not"
    yield from pair("delta-repairs-offsets", about, [_stepped([old])], [group])


def _partly() -> Iterator[Vector]:
    old = [Group([Tensor("x", (2,), f32(1.0, 2.0))]), raw("gone", "u8", (3,), (1, 2, 3))]
    damaged = bytearray(File(old).bytes())
    damaged[-5] ^= 1
    x = old[0].tensors[0]
    about = "a base with a damaged segment that no tensor needs"
    file = File([delta([(replace(x, values=f32(1.0, 2.5)), x)])], base=bytes(damaged))
    yield valid("delta-beside-damage", about, file, base=bytes(damaged))
    first = Tensor("w", (2, 2, 2), noise(8, 9), step=-32, offsets={0: [1, -4], 1: [20, 7]})
    second = replace(first, values=noise(8, 9, 2), offsets={1: [2, -3], 2: [22, 5]})
    about = "step offsets of other axes than in the base, as long as those: the first block is added to the first"
    yield from pair("delta-offsets-of-other-axes", about, [_stepped([first])], [delta([(second, first)], stepped=True)])


def _coders() -> Iterator[Vector]:
    """Yield bases by every coder, and differences by coder static."""
    shape = (4, 3, 2)
    for kind in FLOATS:
        old = Tensor("x", shape, weights(kind, 24))
        new = replace(old, values=[u ^ (i % 3) for i, u in enumerate(old.values)])
        for coder in ("zstd", "adaptive", "static") if kind == "f32" else ("adaptive", "static"):
            about = f"elements of {kind}, in a base by coder {coder}"
            group = delta([(new, old)], "static" if coder == "adaptive" else "adaptive", dtype=kind)
            yield from pair(f"delta-{kind}-from-{coder}", about, [Group([old], kind, coder=coder)], [group])
    old = Tensor("w", (4, 3), weights("q", 12), step=-40, offsets={0: [1, -2, 3, 0], 1: [0, 5, -5]})
    new = replace(old, values=weights("q", 12, 2), offsets={0: [1, -2, 4, 0], 1: [2, 5, -5]})
    group = delta([(new, old)], "static", stepped=True)
    about = "multiples of steps and their offsets by coder static, in both files"
    yield from pair("delta-steps-static", about, [Group([old], stepped=True, coder="static")], [group])
    about = "multiples of steps of dtype f64"
    old, new = replace(old, offsets={}), replace(new, offsets={})
    yield from pair("delta-steps-f64", about, [_stepped([old])], [delta([(new, old)], stepped=True, dtype="f64")])


def _axes() -> Iterator[Vector]:
    """Yield differences of cores: corners, and axes that are stored or seeded; of groups with per_tier."""
    corner = Tensor("w", (4, 6), noise(6, 50), corners=[(2, 3)], step=-20, offsets={0: [3, 0], 1: [1, 2, -7]})
    later = replace(corner, values=noise(6, 50, 2), offsets={0: [3, 1], 1: [0, 2, -7]})
    about = "a corner with step offsets, in both files"
    yield from pair("delta-corners", about, [_stepped([corner])], [delta([(later, corner)], stepped=True)])
    prefix = Tensor("w", (3, 4), weights("f32", 6), kept=[6])
    row = Tensor("w", (6,), weights("f32", 6, 2))
    about = "the first coefficients of a DCT in the base, as many elements of rank 1 here"
    yield from pair("delta-row-from-prefix", about, [Group([prefix], "f32", ["dct"])], [delta([(row, prefix)])])
    about = "the other way round"
    old, new = Group([row]), delta([(prefix, row)], bases=["dct"])
    yield from pair("delta-prefix-from-row", about, [old], [new])
    factors = Group([Tensor("", (2, 6), weights("f32", 12)), Tensor("", (2, 5), weights("f32", 10, 2))])
    others = Group([Tensor("", (2, 6), weights("f32", 12, 3)), Tensor("", (2, 5), weights("f32", 10, 4))])
    core = Tensor("w", (6, 5), weights("f32", 4), corners=[(2, 2)], factors=(0, 1))
    grown = replace(core, values=weights("f32", 4, 2))
    about = "a core with stored axes, and other factors than in the base"
    new = delta([(grown, core)], bases=["stored"])
    yield from pair("delta-stored", about, [factors, Group([core], "f32", ["stored"])], [others, new])
    scale = Tensor("w", (4, 5), [7], view=(20,), corners=[(1,)], step=-50, seeds=(1,))
    about = "the scale of a seeded axis, with another seed than in the base"
    new = delta([(replace(scale, values=[9], seeds=(2,)), scale)], stepped=True, bases=["seeded"])
    yield from pair("delta-seeded", about, [_stepped([scale], bases=["seeded"])], [new])
    anew = Tensor("m", (3,), f32(1.0, 2.0, 3.0))
    later = replace(anew, values=f32(1.0, 2.25, -3.0))
    for name, mine, theirs in (("in-both", True, True), ("here", True, False)):
        about = f"a tensor that every tier stores again, {name.replace('-', ' ')}, in files of one tier"
        new = delta([(later, anew)], per_tier=mine)
        yield from pair(f"delta-per-tier-{name}", about, [Group([anew], per_tier=theirs)], [new])


def _directories() -> Iterator[Vector]:
    old = Tensor("x", (3,), f32(1.0, 2.0, 3.0))
    new = replace(old, values=f32(1.0, 2.5, 3.0))
    beside = Group([Tensor("z", (4,), (1, 2, 3, 4))], "u8", coder="zstd")
    about = "an alias of a tensor of differences, and a group by coder zstd"
    yield from pair("delta-alias", about, [Group([old])], [delta([(new, old)]), beside], aliases=[("tied", "x")])
    about = "deflated directories of both files"
    base = File([Group([old])], deflate=deflate.fixed).bytes()
    yield valid("delta-deflated", about, File([delta([(new, old)])], base=base, deflate=deflate.fixed), base=base)
    base = File([Group([old])]).bytes()
    features = ["delta"] * 256
    about = "the largest possible number of features, each of which is delta"
    yield valid("features-256", about, File([delta([(new, old)])], features=features, base=base), base=base)
