"""Tensors that every tier stores again, such as the running statistics of a normalization layer."""

from __future__ import annotations

from collections.abc import Iterator

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
