"""Bases: each kind, and several of them in one tensor."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace

from tests.vectors.entries import Vector, valid
from tests.vectors.frz import File, Group, Tensor, raw
from tests.vectors.numbers import bf16, f16, f32, spectrum, weights

SEED = 0xFEDCBA9876543210
LAST_SEED = 2**64 - 1

PRODUCT = (0.9034701585769653, 0.0940122976899147, -0.7434992790222168, -0.9217253923416138)
"""Factors whose product is a different binary64 number if they are multiplied from right to left, or in pairs."""

ONCE = {"f16": (1.7646484375, 0.5813503265380859), "bf16": (1.3515625, 1.2456647157669067)}
"""Two binary32 numbers whose product must be rounded only once, by the dtype to which it is rounded."""


def factor(rows: int, length: int, seed: int = 1, **more: object) -> Tensor:
    """Return a factor with values of f32."""
    return Tensor("", (rows, length), weights("f32", rows * length, seed), **more)  # type: ignore[arg-type]


def vectors() -> Iterator[Vector]:
    yield from _ordered()
    yield from _kernel()
    yield from _stored()
    yield from _seeded()
    yield from _mixed()
    yield from _overflow()
    yield from _combined()


def _one(bases: Sequence[str], shape: Sequence[int], core: Sequence[int], fmt: str = "f32", **more: object) -> Group:
    """Return a group of one tensor whose core is a corner, by default in a single tier."""
    values = weights(fmt, math.prod(core))
    tensor = Tensor("w", shape, values, corners=more.pop("corners", [core]), **more)  # type: ignore[arg-type]
    stepped = fmt == "q"
    return Group(
        [tensor], "f32", bases, "" if fmt in ("f32", "q") else fmt, stepped, coder="adaptive" if stepped else "none"
    )


def _ordered() -> Iterator[Vector]:
    """Yield zigzag prefixes with bases other than dct."""
    tensor = Tensor("w", (4, 5), weights("f32", 7), kept=(7,))
    file = File([Group([tensor])])
    yield valid("identity-kept", "the first elements in zigzag order; all others are +0: exact", file)
    for dtype, values in (
        ("i64", range(1, 8)),
        ("bool", (1, 0, 1, 1, 0, 1, 1)),
        ("f8_e8m0", range(1, 8)),
        ("c64", range(7)),
    ):
        file = File([Group([Tensor("w", (4, 5), list(values), kept=(7,))], dtype)])
        name = f"identity-kept-{dtype.replace('_', '-')}"
        yield valid(name, f"the same of dtype {dtype}: all bits of the others are 0", file)
    tensor = Tensor("w", (4, 5, 3), weights("f32", 21), kept=(21,))
    file = File([Group([tensor], "f32", ["identity", "dct", "identity"])])
    yield valid("identity-and-dct-kept", "a zigzag prefix on identity and dct axes", file)
    tensor = Tensor("w", (4, 6), weights("q", 9), view=(2, 12), kept=(9,), step=-20)
    file = File([Group([tensor], "f32", ["dct", "identity"], stepped=True, coder="adaptive")])
    yield valid("dct-and-identity-kept-steps", "the same the other way round, in a view, multiples of a step", file)


def _kernel() -> Iterator[Vector]:
    shape = (5, 4, 3, 3)
    bases = ["identity", "identity", "dct"]
    for fmt in ("f32", "f16", "q"):
        tensor = Tensor("w", shape, weights(fmt, 180), step=-60)
        group = Group([tensor], "f32", bases, "f16" if fmt == "f16" else "", fmt == "q")
        group.coder = {"f32": "none", "f16": "adaptive", "q": "adaptive"}[fmt]
        yield valid(f"kernel-dct-{fmt}", f"a convolution with a DCT of its kernels only, values {fmt}", File([group]))
    yield valid("kernel-dct-corner", "2×2 of the 3×3 frequencies", File([_one(bases, shape, (5, 4, 2, 2))]))
    yield valid(
        "kernel-first",
        "kernel axes before channels",
        File([_one(["dct", "dct", "identity"], (3, 3, 5, 4), (3, 3, 5, 4))]),
    )
    yield valid(
        "dct-between-identities",
        "a dct axis between two others",
        File([_one(["identity", "dct", "identity"], (4, 7, 5), (4, 3, 5))]),
    )
    yield valid("dct-corner", "a corner of a DCT, not a zigzag prefix", File([_one(["dct"], (9, 8), (3, 4))]))
    yield valid(
        "dct-whole",
        "a whole DCT without kept or corners",
        File([Group([Tensor("w", (5, 6), weights("f32", 30))], "f32", ["dct"])]),
    )
    tensors = [
        Tensor("a", (3, 4), weights("f16", 12)),
        Tensor("b", (2, 3, 5), weights("f16", 30, 2)),
        Tensor("c", (7,), weights("f16", 7, 3)),
    ]
    about = "bases dct, identity: tensors of rank 1, 2 and 3 share them"
    yield valid("bases-of-every-rank", about, File([Group(tensors, "f32", ["dct", "identity"], "f16")]))
    tensors = [Tensor("x", (2, 3), weights("f32", 6)), Tensor("s", (), f32(3.0))]
    eight = ["identity"] * 2 + ["dct", "dct", "identity", "dct", "dct", "dct"]
    about = "entries of bases that have no effect: all axes are identity, so the result is exact"
    yield valid("bases-without-meaning", about, File([Group(tensors, "f32", eight)]))
    bits = Group([Tensor("x", (4,), [0x7E01, 0xFC00, 0x8000, 0x0001])], "f16", ["identity", "dct"])
    about = "a dct entry that no axis uses: the elements, including a NaN and an infinity, are stored bit for bit"
    yield valid("bases-without-meaning-bits", about, File([bits]))
    scalars = [Tensor(f"s{bits:x}", (), [bits]) for bits in (0x7E01, 0x7D01, 0xFC00, 0x8000)]
    whole = Group([*scalars, Tensor("w", (3, 4), weights("f16", 12))], "f16", ["dct"])
    kept = [replace(scalar, name=f"kept-{scalar.name}", kept=(1,)) for scalar in scalars]
    kept.append(Tensor("kept", (3, 4), f16(4.0, -1.0, 0.5), kept=(3,)))
    prefix = Group(kept, "f16", ["dct"], coder="adaptive")
    about = "rank 0 beside tensors whose axes are dct: NaNs, an infinity and −0 are stored bit for bit"
    yield valid("dct-rank0-bits", about, File([whole, prefix]))
    long = _one(["identity", "dct"], (40, 700), (40, 6))
    yield valid("dct-of-each-row", "six coefficients of each of 40 rows", File([long]))


def _stored() -> Iterator[Vector]:
    one = Group([factor(3, 6)])
    svd = [Group([factor(2, 6), factor(2, 5, 2)]), _one(["stored"], (6, 5), (2, 2), factors=(0, 1))]
    yield valid("stored-svd", "a matrix as a core and two factors, as in a singular value decomposition", File(svd))
    tucker = [
        Group([factor(3, 8), factor(2, 6, 2)], coder="adaptive"),
        _one(["stored", "stored", "identity"], (8, 6, 3, 3), (3, 2, 3, 3), factors=(0, 1)),
    ]
    yield valid(
        "stored-tucker",
        "a convolution as a Tucker core and one factor each for output and input channels",
        File(tucker),
    )
    mixed = [Group([factor(2, 5)]), _one(["identity", "stored", "dct"], (4, 5, 6), (4, 2, 3), factors=(0,))]
    yield valid("stored-identity-dct", "a stored, an identity and a dct axis", File(mixed))
    used = [one, _one(["identity", "stored"], (4, 6), (4, 2), factors=(0,))]
    yield valid("stored-rows-unused", "a core uses two of a factor's three rows", File(used))
    single = [one, _one(["stored", "identity"], (6, 4), (1, 4), factors=(0,))]
    yield valid("stored-of-rank-1", "one row of a factor: each element is a product, rounded once", File(single))
    yield from _products()
    shared = [
        Group([factor(3, 6), factor(2, 4, 2)]),
        Group(
            [
                Tensor("a", (6, 4), weights("f32", 6), corners=[(3, 2)], factors=(0, 1)),
                Tensor("b", (4, 6), weights("f32", 4, 2), corners=[(2, 2)], factors=(1, 0)),
                Tensor("c", (6, 6), weights("f32", 4, 3), corners=[(2, 2)], factors=(0, 0)),
            ],
            "f32",
            ["stored"],
        ),
    ]
    yield valid("stored-shared", "factors that several axes use", File(shared))
    later = [
        Group([factor(2, 6)]),
        raw("x", "u8", (2,), (1, 2)),
        Group([factor(2, 5, 2)], coder="deflate"),
        _one(["stored"], (6, 5), (2, 2), factors=(0, 1)),
    ]
    yield valid("stored-in-two-groups", "factors are numbered through the groups of a file", File(later))
    half = Group([Tensor("", (2, 6), weights("f16", 12))], format="f16", coder="adaptive")
    steps = Group([Tensor("", (2, 5), weights("q", 10), step=-30, offsets={0: [0, 9]})], stepped=True, coder="adaptive")
    core = _one(["stored"], (6, 5), (2, 2), "q", factors=(0, 1), step=-12, offsets={1: [0, -3]})
    yield valid(
        "stored-formats",
        "factors in f16 and as multiples of steps, with a core of multiples of steps",
        File([half, steps, core]),
    )
    for dtype in ("f16", "bf16", "f64"):
        values = {"f16": f16, "bf16": bf16, "f64": f32}[dtype](1.5, -0.5, 2.0, 0.25)
        group = Group([Tensor("w", (6, 6), values, corners=[(2, 2)], factors=(0, 0))], dtype, ["stored"])
        group.format = "f32" if dtype == "f64" else ""
        yield valid(f"stored-to-{dtype}", f"elements of dtype {dtype}", File([one, group]))
    cancelling = [
        Group([Tensor("", (2, 4), f32(1000.0, 1000.0, 1000.0, 1000.0, -1000.0, -999.0, -1001.0, -1000.5))]),
        Group(
            [Tensor("w", (4, 3), f32(1.0, 0.5, 0.25, 1.0, 0.5, 0.25), corners=[(2, 3)], factors=(0,))],
            "f32",
            ["stored", "identity"],
        ),
    ]
    about = "terms that nearly cancel: the tolerance is relative to their magnitudes"
    yield valid("stored-cancelling", about, File(cancelling))
    empty = [one, _one(["identity", "stored"], (4, 6), (4, 0), factors=(0,))]
    yield valid("stored-no-entries", "a core without entries: all elements are +0", File(empty))
    scalar = [Group([Tensor("", (1, 1), f32(-3.0))]), _one(["stored"], (1, 1), (1, 1), factors=(0, 0))]
    yield valid("stored-of-one-element", "axes of length 1, whose basis is a number", File(scalar))


def _products() -> Iterator[Vector]:
    """Yield elements that are single products: they reveal the order of multiplications and the number of roundings."""
    factors = [Tensor("", (1, 1), f32(value)) for value in PRODUCT[1:]]
    core = Tensor("w", (1, 1, 1), f32(PRODUCT[0]), corners=[(1, 1, 1)], factors=(0, 1, 2))
    file = File([Group(factors), Group([core], "f64", ["stored"], "f32")])
    yield valid("stored-order-of-products", "three multiplications, from left to right", file)
    for dtype, values in ONCE.items():
        one, other = (f32(value) for value in values)
        core = Tensor("w", (1, 1), one, corners=[(1, 1)], factors=(0,))
        group = Group([core], dtype, ["stored", "identity"], "f32")
        about = f"a product so near a tie that rounding to binary32 first gives another {dtype}"
        yield valid(f"stored-rounded-once-to-{dtype}", about, File([Group([Tensor("", (1, 1), other)]), group]))


def _seeded() -> Iterator[Vector]:
    for name, seed in (("0", 0), ("1", 1), ("other", SEED), ("last", LAST_SEED), ("2e32", 2**32)):
        group = _one(["seeded"], (4, 5), (1,), view=(20,), seeds=(seed,))
        about = f"an entirely random tensor, seed {seed}: numbers of Philox times a scale, exact"
        yield valid(f"seeded-{name}", about, File([group]))
    long = Tensor("w", (3000,), f32(0.01), corners=[(1,)], seeds=(SEED,))
    yield valid("seeded-long", "3,000 pseudo-random numbers", File([Group([long], "f32", ["seeded"])]))
    for dtype in ("f16", "bf16", "f64"):
        tensor = Tensor("w", (200,), f32(0.1), corners=[(1,)], seeds=(SEED,))
        file = File([Group([tensor], dtype, ["seeded"], "f32")])
        yield valid(f"seeded-to-{dtype}", f"products that are rounded once to {dtype}", file)
    for count in (2, 5):
        group = _one(["seeded", "identity"], (7, 3), (count, 3), seeds=(SEED,))
        yield valid(f"seeded-of-{count}", f"a basis of {count} pseudo-random functions of length 7", File([group]))
    both = _one(["seeded"], (4, 6), (1, 1), seeds=(1, 2))
    yield valid(
        "seeded-on-two-axes", "a product of three numbers for each element, in the order of the formula", File([both])
    )
    zero = Group([Tensor("w", (6,), f32(-0.0), corners=[(1,)], seeds=(3,))], "f32", ["seeded"])
    yield valid("seeded-times-zero", "a scale of −0: zeros of both signs", File([zero]))
    group = Group(
        [
            Tensor("a", (5,), [7], corners=[(1,)], step=-50, seeds=(11,)),
            Tensor("b", (3, 2), [-2, 5], corners=[(2,)], view=(6,), step=-20, offsets={0: [0, 4]}, seeds=(12,)),
        ],
        "f32",
        ["seeded"],
        stepped=True,
        coder="adaptive",
    )
    group.tensors[0].offsets = {0: [1]}
    yield valid("seeded-steps", "scales that are multiples of steps with offsets", File([group]))


def _mixed() -> Iterator[Vector]:
    groups = [
        Group([factor(2, 4)]),
        _one(["identity", "dct", "stored", "seeded"], (3, 5, 4, 6), (3, 2, 2, 2), factors=(0,), seeds=(SEED,)),
    ]
    yield valid("all-four-bases", "identity, dct, stored and seeded", File(groups))
    groups = [Group([factor(2, 4)]), _one(["identity", "dct", "stored"], (6, 1, 4), (3, 1, 1), factors=(0,))]
    about = "a nested channel axis, a dct axis of length 1 and one row of a factor: a product, +0 beyond the corner"
    yield valid("product-beside-zeros", about, File(groups))
    row = Group([Tensor("", (1, 4), f32(-1.5, 2.0, -0.0, 0.25))])
    cut = _one(["identity", "stored", "seeded"], (5, 4, 3), (2, 1, 1), factors=(0,), seeds=(SEED,))
    about = "products with numbers of both signs: +0 beyond the corner of an identity axis, never −0"
    yield valid("product-of-negatives-beside-zeros", about, File([row, cut]))
    ranks = _one(["stored"] * 8, (2,) * 8, (1,) * 8, factors=(0,) * 8)
    yield valid("stored-rank8", "eight stored axes", File([Group([factor(1, 2)]), ranks]))
    spec = Group([Tensor("w", (4, 4), spectrum("f32", 4), view=(16,), corners=[(4,)], seeds=(5,))], "f32", ["seeded"])
    yield valid("seeded-view", "a seeded basis in a view", File([spec]))


def _overflow() -> Iterator[Vector]:
    """Yield products and sums beyond the largest number of the dtype."""
    large = Group([Tensor("", (1, 3), f32(1e30, -1e30, 2.0)), Tensor("", (2, 3), f32(*[1e30, -1e30, 2.0] * 2))])
    for dtype, fmt in (("f32", ""), ("bf16", "f32"), ("f16", "f32")):
        product = Group([Tensor("w", (3,), f32(1e30), corners=[(1,)], factors=(0,))], dtype, ["stored"], fmt)
        total = Group([Tensor("v", (3,), f32(1e30, 1e29), corners=[(2,)], factors=(1,))], dtype, ["stored"], fmt)
        about = f"products and sums of them that become infinities of {dtype}"
        yield valid(f"stored-overflow-to-{dtype}", about, File([large, product, total]))
    tensor = Tensor("w", (40,), f32(1e6), corners=[(1,)], seeds=(SEED,))
    file = File([Group([tensor], "f16", ["seeded"], "f32")])
    yield valid("seeded-overflow-to-f16", "products with a scale of a million, most of them beyond f16", file)


def _combined() -> Iterator[Vector]:
    """Yield fields that rarely occur together."""
    kept = Group([Tensor("w", (4, 5), weights("f32", 9), kept=(3, 9))])
    file = File([kept], tiers=2)
    yield valid("identity-kept-tiers", "elements in zigzag order in two tiers", file)
    yield valid("identity-kept-tiers-at-0", "the same, opened at tier 0", file, tier=0, of="identity-kept-tiers")
    zero = Tensor("w", (4, 1), f32(2.0, -0.0, -1.5))
    about = "a dct axis of length 1, and a core entry of −0: exact"
    yield valid(
        "product-of-minus-0", about, File([Group([replace(zero, corners=[(3, 1)])], "f32", ["identity", "dct"])])
    )
    about = "the same with kept"
    yield valid("product-kept", about, File([Group([replace(zero, kept=(3,))], "f32", ["identity", "dct"])]))
    one, core = Group([factor(2, 6)]), Tensor("w", (6, 5), weights("f32", 6), corners=[(2, 3)], factors=(0,))
    for dtype in ("f16", "bf16", "f64"):
        matrix = Tensor("v", (6, 5), weights("f32", 12), corners=[(3, 4)])
        groups = [
            one,
            Group([core], dtype, ["stored", "dct"], "f32"),
            Group([matrix], dtype, ["identity", "dct"], "f32"),
        ]
        yield valid(
            f"dct-beside-others-to-{dtype}", f"a dct axis beside a stored or identity axis, of {dtype}", File(groups)
        )
    for coder in ("zstd", "static"):
        group = Group([core], "f32", ["stored", "dct"])
        yield valid(
            f"stored-factors-{coder}", f"factors by coder {coder}", File([Group([factor(2, 6)], coder=coder), group])
        )
    seeded = Tensor("s", (6,), weights("f32", 4), corners=[(2,), (2,)], seeds=(3,))
    stored = replace(core, values=weights("f32", 18), corners=[(1, 3), (2, 3)])
    half = Tensor("h", (3,), weights("f16", 6))
    groups = [
        one,
        Group([stored], "f32", ["stored", "dct"], per_tier=True),
        Group([seeded], "f32", ["seeded"], per_tier=True),
        Group([half], "f32", format="f16", per_tier=True, coder="adaptive"),
    ]
    file, about = File(groups, tiers=2), "cores with stored and seeded axes, and a number format, again in every tier"
    yield valid("per-tier-bases", about, file)
    yield valid("per-tier-bases-at-0", f"{about}; opened at tier 0", file, tier=0, of="per-tier-bases")
