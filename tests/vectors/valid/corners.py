"""Corners: nested channels, and tiers that are larger corners."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from tests.vectors.entries import Vector, valid
from tests.vectors.frz import ENTROPY, File, Group, Tensor, raw
from tests.vectors.numbers import CODERS, f32, noise, weights
from tests.vectors.valid.bases import factor


def nested(name: str, corners: Sequence[Sequence[int]], fmt: str = "f32", seed: int = 1, **more: object) -> Tensor:
    """Return a tensor whose shape is its last corner."""
    values = weights(fmt, math.prod(corners[-1]), seed)
    return Tensor(name, corners[-1], values, corners=corners, **more)  # type: ignore[arg-type]


def vectors() -> Iterator[Vector]:
    file = File([Group([Tensor("w", (4, 6), weights("f32", 6), corners=[(2, 3)])])])
    yield valid("corner", "the first channels on both axes, +0 beyond them: exact", file)
    for dtype in ("u8", "bool", "i64", "f8_e8m0", "c128"):
        values = [n % 2 if dtype == "bool" else n for n in range(1, 7)]
        file = File([Group([Tensor("w", (4, 6), values, corners=[(2, 3)])], dtype)])
        yield valid(f"corner-{dtype.replace('_', '-')}", f"the same of dtype {dtype}", file)
    file = File([Group([Tensor("w", (4, 6), (), corners=[(0, 3)]), Tensor("v", (2,), f32(1.0), corners=[(1,)])])])
    yield valid("corner-of-nothing", "a corner without entries next to one that has one", file)
    yield from _tiers()
    yield from _offsets()
    yield from _factors()


def _each(name: str, about: str, file: File) -> Iterator[Vector]:
    yield valid(name, about, file)
    for tier in range(file.tiers - 1):
        yield valid(f"{name}-at-{tier}", f"{about}; opened at tier {tier}", file, tier=tier, of=name)


def _tiers() -> Iterator[Vector]:
    channels = [(2, 1, 3, 3), (4, 3, 3, 3), (6, 4, 3, 3)]
    about = "nested channels of a convolution in three tiers, slabs on two axes, by coder"
    for coder in CODERS:
        group = Group([nested("w", channels)], coder=coder)
        yield from _each(f"corners-{coder}", f"{about} {coder}", File([group], tiers=3))
    for coder in ENTROPY:
        group = Group([nested("w", channels, "q", step=-40)], stepped=True, coder=coder)
        yield from _each(f"corners-{coder}-steps", f"{about} {coder}, multiples of a step", File([group], tiers=3))
    about = "the same file cut after a tier"
    file = File([Group([nested("w", channels)])], tiers=3)
    for tier in (0, 1):
        yield valid(f"corners-cut-after-{tier}", about, file, present=tier + 1)
    growing = [(0, 0, 0), (1, 2, 1), (1, 2, 3), (3, 2, 3), (3, 4, 4)]
    about = "corners that grow on no, one, two or three axes; tier 0 is empty"
    yield from _each("corners-of-five-tiers", about, File([Group([nested("w", growing)])], tiers=5))
    partly = [(3, 0), (3, 2)]
    yield from _each(
        "corners-from-0", "an axis that has no entries at first", File([Group([nested("w", partly)])], tiers=2)
    )
    same = [(2, 3), (2, 3), (2, 4)]
    yield from _each("corners-same", "a tier that adds nothing", File([Group([nested("w", same)])], tiers=3))
    ranks = [
        Tensor("a", (4,), weights("f32", 4), corners=[(1,), (4,)]),
        Tensor("s", (), f32(7.0), corners=[(), ()]),
        nested("b", [(1, 2, 1), (2, 2, 2)], seed=2),
        Tensor("c", (2, 2), weights("f32", 4, 3), corners=[(2, 2), (2, 2)]),
    ]
    yield from _each(
        "corners-of-a-group", "tensors of several ranks, a scalar among them", File([Group(ranks)], tiers=2)
    )
    whole = [Group([nested("w", channels[:2])]), raw("x", "u8", (3,), (1, 2, 3))]
    yield from _each(
        "corners-beside-whole", "a group with tiers next to one that is entirely in tier 0", File(whole, tiers=2)
    )
    kernel = Tensor("w", (4, 3, 3, 3), weights("f32", 48), corners=[(2, 2, 2, 1), (4, 3, 2, 2)])
    file = File([Group([kernel], "f32", ["identity", "identity", "dct"])], tiers=2)
    yield from _each("corners-kernel-dct", "channels and frequencies of a kernel grow together", file)
    dct = Tensor("w", (9, 8), weights("q", 20), corners=[(2, 2), (4, 5)], step=-30)
    file = File([Group([dct], "f32", ["dct"], stepped=True, coder="adaptive")], tiers=2)
    yield from _each("corners-dct", "a corner of a DCT grows", file)
    view = Tensor("w", (4, 6), weights("f32", 12), view=(2, 12), corners=[(1, 3), (2, 6)])
    yield from _each("corners-view", "corners of a view", File([Group([view])], tiers=2))


def _offsets() -> Iterator[Vector]:
    tensor = Tensor(
        "w",
        (4, 3, 2),
        weights("q", 24),
        corners=[(2, 1, 2), (2, 3, 2), (4, 3, 2)],
        step=-40,
        offsets={0: [0, 5, -5, 9], 1: [2, 0, -2]},
    )
    file = File([Group([tensor], stepped=True, coder="adaptive")], tiers=3)
    yield from _each("corners-offsets", "the offsets of new indices come before the entries of each tier", file)
    tensor = Tensor("w", (3, 2), weights("q", 6), corners=[(3, 0), (3, 2)], offsets={0: [1, 2, 3], 1: [0, 4]})
    file = File([Group([tensor], stepped=True, coder="adaptive")], tiers=2)
    yield from _each("corners-offsets-only", "a tier that has offsets and no entries", file)
    beyond = Tensor("w", (2, 2), (), corners=[(2, 0)], offsets={0: [5000, -5000]}, step=0)
    file = File([Group([beyond], stepped=True, coder="adaptive")])
    yield valid("corners-offsets-of-nothing", "offsets that no entry uses may have any value", file)
    runs = noise(40, 3)
    tensors = [
        Tensor("a", (20, 2), runs, corners=[(5, 2), (20, 2)], offsets={0: noise(20, 300, 2)}),
        Tensor("b", (9,), noise(9, 2), corners=[(4,), (9,)], offsets={0: noise(9, 300, 3)}),
    ]
    for tensor in tensors:
        tensor.step = -16
    file = File([Group(tensors, stepped=True, coder="adaptive")], tiers=2)
    about = "offsets and entries each have a model; both carry over to the next tier"
    yield from _each("adaptive-offsets-and-values", about, file)
    file = File([Group(tensors, stepped=True, coder="static")], tiers=2)
    yield from _each("static-offsets-and-values", "offsets and entries are separate blocks", file)


def _factors() -> Iterator[Vector]:
    factors = [
        factor(4, 6, corners=[(2, 6), (3, 6), (4, 6)]),
        factor(3, 5, 2, corners=[(1, 5), (1, 5), (3, 5)]),
    ]
    core = Tensor("w", (6, 5, 3), weights("f32", 36), corners=[(2, 1, 3), (3, 1, 3), (4, 3, 3)], factors=(0, 1))
    file = File([Group(factors), Group([core], "f32", ["stored", "stored", "identity"])], tiers=3)
    yield from _each("tucker-tiers", "ranks of a Tucker decomposition grow, core and factors", file)
    whole = Tensor("w", (6, 5, 3), weights("f32", 36), corners=[(2, 1, 3), (3, 1, 3), (4, 3, 3)], factors=(0, 1))
    file = File(
        [Group([factor(4, 6), factor(3, 5, 2)]), Group([whole], "f32", ["stored", "stored", "identity"])], tiers=3
    )
    yield from _each("tucker-whole-factors", "the core grows; the factors are complete in tier 0", file)
    steps = [
        Tensor("", (3, 6), weights("q", 18), corners=[(1, 6), (3, 6)], step=-30, offsets={0: [0, -8, -16]}),
    ]
    core = Tensor("w", (6, 4), weights("q", 12, 2), corners=[(1, 4), (3, 4)], factors=(0,), step=-20)
    file = File(
        [
            Group(steps, stepped=True, coder="adaptive"),
            Group([core], "f32", ["stored", "identity"], stepped=True, coder="adaptive"),
        ],
        tiers=2,
    )
    yield from _each("tucker-tiers-steps", "the same with steps, and offsets for each row of a factor", file)
    anew = Group([Tensor("", (2, 4), weights("f32", 16))], per_tier=True)
    core = Tensor("w", (4, 3), weights("f32", 6), corners=[(1, 3), (2, 3)], factors=(0,))
    file = File([anew, Group([core], "f32", ["stored", "identity"])], tiers=2)
    yield from _each("factor-per-tier", "a factor that every tier stores again", file)
