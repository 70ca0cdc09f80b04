"""Tensors that every tier stores again, such as the running statistics of a normalization layer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tests.vectors.entries import Vector, valid
from tests.vectors.frz import ENTROPY, File, Group, Tensor, dct, raw, spectral
from tests.vectors.numbers import BYTES, CODERS, f32, spectrum, weights

WEIGHT = dct("w", "f16", (4, 4), spectrum("f16", 9), "adaptive", kept=(2, 5, 9))


def vectors() -> Iterator[Vector]:
    for coder in CODERS:
        about = f"statistics of a layer for each of three tiers, by coder {coder}"
        yield from _each_tier(f"per-tier-{coder}", about, statistics(coder, "f32"))
    for coder in ENTROPY:
        about = f"the same as multiples of steps, by coder {coder}"
        yield from _each_tier(f"per-tier-{coder}-steps", about, statistics(coder, "q"))
    for tier in (0, 1):
        about = f"a file of three tiers, cut after tier {tier}"
        yield valid(f"per-tier-cut-after-{tier}", about, statistics("adaptive", "f32"), present=tier + 1)
    about = "cut after tier 1, opened at tier 0"
    yield valid("per-tier-cut-opened-at-0", about, statistics("adaptive", "f32"), tier=0, present=2)
    only = File([Group([Tensor("m", (2,), f32(1.0, 2.0, 3.0, 4.0, 5.0, 6.0))], per_tier=True)], tiers=3)
    for tier in (0, 1):
        about = f"tier {tier} is damaged, and tier {tier + 1} is opened, which does not use it"
        yield valid(f"per-tier-damaged-{tier}", about, only, tier=tier + 1, damaged=tier)
    tied = [raw("a", "f32", (2,), f32(5.0, 6.0)), Group([Tensor("b", (2,), f32(1.0, 2.0, 3.0, 4.0))], per_tier=True)]
    aliases = [("c", "b"), ("d", "a")]
    yield from _each_tier(
        "per-tier-aliases", "at each tier, an alias equals its target", File(tied, aliases=aliases, tiers=2)
    )
    alone = File([Group([Tensor("m", (2,), (1, 2))], "u8", per_tier=True)])
    yield valid("per-tier-of-one-tier", "a file of one tier", alone)
    nothing = [Group([Tensor("m", (0, 3))], per_tier=True), WEIGHT]
    yield from _each_tier("per-tier-empty", "a tensor without elements has no segments", File(nothing, tiers=3))
    yield from _each_tier("per-tier-dtypes", "elements of every size", _dtypes())
    tensor = Tensor("m", (3, 2), weights("f32", 12), view=(2, 3))
    computed = File([Group([tensor], "f32", ["identity", "dct"], per_tier=True)], tiers=2)
    yield from _each_tier("per-tier-computed", "a core with a dct axis in a view", computed)
    scalar = File([Group([Tensor("n", (), (7, 8, 9))], "i64", per_tier=True)], tiers=3)
    yield from _each_tier("per-tier-scalar", "a scalar", scalar)
    tensor = Tensor("m", (3,), weights("q", 6), step=-16, offsets={0: [0, 1, 2, 30, 31, 32]})
    offsets = File([Group([tensor], stepped=True, per_tier=True, coder="adaptive")], tiers=2)
    yield from _each_tier("per-tier-offsets", "separate step offsets for each tier", offsets)
    yield from _corners()


def _corners() -> Iterator[Vector]:
    """Yield tensors that every tier stores again up to its own corner, such as the biases of nested channels."""
    about = "biases of nested channels, separate for each of three tiers, by coder"
    for coder in CODERS:
        yield from _each_tier(f"per-tier-corners-{coder}", f"{about} {coder}", biases(coder, "f32"))
    for coder in ENTROPY:
        file = biases(coder, "q")
        yield from _each_tier(f"per-tier-corners-{coder}-steps", f"{about} {coder}, multiples of steps", file)
    for tier in (0, 1):
        about = "the same file cut after a tier"
        yield valid(f"per-tier-corners-cut-after-{tier}", about, biases("none", "f32"), present=tier + 1)
        about = f"tier {tier} is damaged, and tier {tier + 1} is opened, which does not use it"
        only = File([Group([_own("m", [(1,), (2,), (3,)], f32(*range(6)))], per_tier=True)], tiers=3)
        yield valid(f"per-tier-corners-damaged-{tier}", about, only, tier=tier + 1, damaged=tier)
    ranks = [
        _own("a", [(0, 2, 1), (2, 2, 2), (2, 3, 4)], weights("f32", 32)),
        Tensor("s", (), f32(7.0, 8.0, 9.0), corners=[(), (), ()]),
        Tensor("b", (3, 5), weights("f32", 15, 2), corners=[(1, 2), (1, 3), (2, 5)]),
        Tensor("c", (2, 2), weights("f32", 12, 3), corners=[(2, 2)] * 3),
    ]
    about = (
        "tensors of several ranks; one is empty at first, one is never complete, two have the same corner in each tier"
    )
    yield from _each_tier("per-tier-corners-of-a-group", about, File([Group(ranks, per_tier=True)], tiers=3))
    nothing = Group([_own("m", [(0,), (0,), (2,)], f32(1.0, 2.0))], per_tier=True)
    yield from _each_tier("per-tier-corners-from-0", "two tiers without values", File([nothing, WEIGHT], tiers=3))
    integers = Group([_own("n", [(1,), (3,)], (1, 2, 3, 4))], "u8", per_tier=True)
    yield from _each_tier("per-tier-corners-u8", "integers", File([integers], tiers=2))
    tensor = Tensor("m", (3, 4), weights("f32", 9), view=(2, 6), corners=[(1, 3), (2, 3)])
    computed = File([Group([tensor], "f32", ["identity", "dct"], per_tier=True)], tiers=2)
    yield from _each_tier("per-tier-corners-computed", "a corner with a dct axis in a view", computed)
    offsets = {0: [3, 0, -5, 9], 1: [2, -2, 4, 1, 0]}
    tensor = _own("m", [(1, 2), (3, 3)], weights("q", 11), step=-16, offsets=offsets)
    stepped = File([Group([tensor], stepped=True, per_tier=True, coder="adaptive")], tiers=2)
    yield from _each_tier("per-tier-corners-offsets", "separate step offsets for each tier's corner", stepped)
    anew = Group([Tensor("", (2, 4), weights("f32", 12), corners=[(1, 4), (2, 4)])], per_tier=True)
    core = Tensor("w", (4, 3), weights("f32", 6), corners=[(1, 3), (2, 3)], factors=(0,))
    file = File([anew, Group([core], "f32", ["stored", "identity"])], tiers=2)
    yield from _each_tier("per-tier-corners-factor", "a factor whose rows every tier stores again", file)


def biases(coder: str, fmt: str) -> File:
    """Return the biases of two layers in a group, next to a weight with nested channels."""
    first, second = [(2,), (3,), (5,)], [(1,), (4,), (4,)]
    stepped = fmt == "q"
    steps = ({"step": -20}, {"step": -24}) if stepped else ({}, {})
    tensors = [
        _own("c.bias", first, weights(fmt, 10, 2), **steps[0]),
        _own("d.bias", second, weights(fmt, 9, 3), **steps[1]),
    ]
    weight = Tensor("c.weight", (5, 2), weights("f32", 10), corners=[(2, 2), (3, 2), (5, 2)])
    return File([Group(tensors, stepped=stepped, per_tier=True, coder=coder), Group([weight])], tiers=3)


def _own(name: str, corners: Sequence[Sequence[int]], values: Sequence[int], **more: object) -> Tensor:
    """Return a tensor whose shape is its last corner."""
    return Tensor(name, corners[-1], values, corners=corners, **more)  # type: ignore[arg-type]


def statistics(coder: str, fmt: str) -> File:
    """Return two statistics in a group, next to a spectrum and a plain tensor."""
    if fmt == "q":
        tensors = [
            Tensor("n.var", (3,), weights("q", 9, 2), step=-20),
            Tensor("n.mean", (3,), weights("q", 9, 3), step=-24),
        ]
        shared = Group(tensors, stepped=True, per_tier=True, coder=coder)
    else:
        tensors = [
            Tensor("n.var", (3,), spectrum("f32", 9, 2)),
            Tensor("n.mean", (3,), spectrum("f32", 9, 3)),
        ]
        shared = Group(tensors, per_tier=True, coder=coder)
    plain = raw("n.bias", "f32", (2,), spectrum("f32", 2, 4))
    count = Group([Tensor("n.count", (), (7, 8, 9))], "i64", per_tier=True)
    q = spectral([Tensor("v", (3, 3), spectrum("q", 5), kept=(1, 5, 5), step=-8)], "q")
    return File([shared, WEIGHT, plain, count, q], tiers=3)


def _each_tier(name: str, about: str, file: File) -> Iterator[Vector]:
    for tier in range(file.tiers - 1):
        yield valid(f"{name}-at-{tier}", f"{about}; opened at tier {tier}", file, tier=tier, of=name)
    yield valid(name, f"{about}; opened at the last tier", file)


def _dtypes() -> File:
    groups = []
    for dtype in ("bool", "i8", "bf16", "u32", "c64", "c128"):
        values = [n % 2 if dtype == "bool" else 256 ** (BYTES[dtype] - 1) * n for n in range(1, 10)]
        groups.append(Group([Tensor(dtype, (3,), values)], dtype, per_tier=True))
    return File(groups, tiers=3)
