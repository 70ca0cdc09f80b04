"""Shapes, views, how much is kept, and how large the transform is."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace

from tests.vectors.entries import Vector, valid
from tests.vectors.frz import ENTROPY, File, Group, Tensor, dct, raw, spectral
from tests.vectors.numbers import f32, spectrum

BY_RANK = ((), (7,), (4, 5), (3, 4, 2), (2, 3, 2, 3), (2, 3, 2, 2, 2), (2, 2, 3, 2, 2, 2), (2,) * 7, (2,) * 8)
AXIS = 2**31 - 1


def vectors() -> Iterator[Vector]:
    for rank, shape in enumerate(BY_RANK):
        count = math.prod(shape)
        some = max(1, count // 3)
        yield valid(f"dct-rank{rank}-some-kept", f"rank {rank}, {some} of {count} coefficients", _dct(shape, some))
        if rank != 1:
            yield valid(f"dct-rank{rank}-all-kept", f"rank {rank}, all coefficients", _dct(shape, count))
    yield valid("dct-rank0-none-kept", "rank 0 without its coefficient: the weight is +0", _dct((), 0))
    yield valid("dct-none-kept", "no coefficients, so no segment: all weights are +0", _dct((3, 4), 0))
    yield valid("dct-one-kept", "one coefficient: all weights are equal", _dct((3, 4, 5), 1))
    yield valid("dct-axes-of-1", "axes of length 1 at both ends and between", _dct((1, 3, 1, 1, 4, 1), 7))
    yield valid("dct-all-axes-of-1", "one element of rank 3", _dct((1, 1, 1), 1))
    yield valid("dct-axis-of-0", "no elements, so no coefficients and no segment", _dct((3, 0, 4), 0))
    yield valid("raw-rank0", "a scalar", File([raw("x", "f32", (), f32(1.5))]))
    yield valid("raw-rank8", "rank 8, the largest rank", File([raw("x", "u8", (1, 2, 1, 2, 1, 2, 1, 2), range(16))]))
    yield valid("raw-axis-of-0", "no elements, so no segment", File([raw("x", "f32", (4, 0), ())]))
    yield valid("raw-axis-of-0-after-longest", "a 0 after the longest axis", File([raw("x", "f32", (AXIS, 0), ())]))
    yield valid(
        "axis-of-0-beside-huge",
        "a 0 next to axes whose product exceeds every limit, so there are no elements; listed only",
        File([raw("x", "f64", (AXIS, AXIS, AXIS, 0), ()), dct("w", "f32", (0, AXIS, AXIS, AXIS), ())]),
        rebuild=False,
    )
    yield from _views()
    yield from _large()


def _views() -> Iterator[Vector]:
    yield valid("view", "a matrix whose spectrum is taken in rank 4", _dct((6, 12), 9, view=(6, 3, 2, 2)))
    yield valid("view-of-lower-rank", "rank 3 whose spectrum is that of a line", _dct((2, 3, 4), 5, view=(24,)))
    yield valid("view-with-other-axes", "axes that do not nest in those of the shape", _dct((4, 9), 8, view=(6, 6)))
    yield valid("view-with-axes-of-1", "a view that adds axes of length 1", _dct((5,), 3, view=(1, 5, 1)))
    yield valid("view-equal-to-shape", "a view equal to the shape", _dct((3, 5), 4, view=(3, 5)))
    single = [Tensor("a", (1, 1), f32(2.0), view=(), kept=(1,)), Tensor("b", (), f32(3.0), view=(1,) * 8, kept=(1,))]
    yield valid("view-of-one-element", "views of rank 0 and 8 of a single element", File([spectral(single, "f32")]))
    yield from _ranks()
    yield valid("view-of-no-elements", "a view of a shape with an axis of 0", _dct((0,), 0, view=(3, 0)))
    both = [
        Tensor("a", (4, 4), spectrum("f32", 5), view=(2, 8), kept=(5,)),
        Tensor("b", (4, 4), spectrum("f32", 5), kept=(5,)),
    ]
    about = "one tensor of a group has a view; the other has nil"
    yield valid("view-beside-nil", about, File([spectral(both, "f32")]))
    plain = Group([Tensor("x", (2, 6), range(12), view=(3, 4))], "u8")
    yield valid("view-of-a-plain-tensor", "a view that changes nothing", File([plain]))


def _ranks() -> Iterator[Vector]:
    """Yield tensors of rank 0 whose view has axes, and the other way round, without kept."""
    for coder in ("none", *ENTROPY):
        a, b = Tensor("a", (1, 1), f32(2.0), view=()), Tensor("b", (), f32(-3.0), view=(1, 1, 1))
        about = f"one element: a view of rank 0 of a shape of rank 2, and one of rank 3 of rank 0, by coder {coder}"
        yield valid(f"view-of-other-rank-{coder}", about, File([Group([a, b], coder=coder)]))
    bits = Group([Tensor("a", (1, 1), [0x7FC00001], view=())], "f32", ["dct"])
    about = "a view of rank 0 has no dct axis, so a NaN is stored bit for bit"
    yield valid("view-of-rank-0-bits", about, File([bits]))
    tensors = [
        Tensor("a", (1, 1), f32(2.0), view=(), corners=[(), ()]),
        Tensor("b", (), f32(-3.0), view=(1, 1), corners=[(0, 1), (1, 1)]),
        Tensor("c", (), f32(4.0), view=(1,), corners=[(1,), (1,)]),
    ]
    file, about = File([Group(tensors)], tiers=2), "the same with corners: a view of rank 0 is in tier 0"
    yield valid("view-of-other-rank-corners", about, file)
    yield valid(
        "view-of-other-rank-corners-at-0", f"{about}; opened there", file, tier=0, of="view-of-other-rank-corners"
    )
    anew = Group([replace(t, values=f32(1.0, 2.0), corners=None) for t in tensors], per_tier=True)
    file, about = File([anew], tiers=2), "the same, stored again in every tier"
    yield valid("view-of-other-rank-per-tier", about, file)
    yield valid("view-of-other-rank-per-tier-at-0", about, file, tier=0, of="view-of-other-rank-per-tier")


def _large() -> Iterator[Vector]:
    yield valid("dct-long-axis", "an axis of 70,000, longer than 2^16", _dct((70000,), 5))
    yield valid("dct-prime-axes", "axes of 1009 and 13", _dct((1009, 13), 24))
    yield valid("dct-convolution", "33 of the 18,432 coefficients of a 3×3 convolution", _dct((64, 32, 3, 3), 33))
    yield valid("dct-tall", "a matrix of 3 columns, of which all are in the box", _dct((2000, 3), 12))
    yield valid("dct-wide", "a matrix of 3 rows, of which all are in the box", _dct((3, 2000), 12))
    yield valid("dct-box-of-256-from-9", "rank 8: 9 coefficients whose box has 256 entries", _dct((3,) * 8, 9))
    yield valid(
        "dct-box-is-all", "rank 8: 45 of 6,561 coefficients whose box is the whole spectrum", _dct((3,) * 8, 45)
    )
    yield valid("dct-order-past-an-axis", "a prefix that runs past the end of the short axes", _dct((2, 9, 3), 40))
    yield valid(
        "limit-axis",
        "the longest possible axis, listed only",
        File([dct("w", "f32", (AXIS,), f32(1.0, 2.0))]),
        rebuild=False,
    )
    nothing = Group([Tensor("w", (AXIS, 0), (), corners=[(AXIS, 0)])])
    yield valid("limit-corner", "the largest possible corner, beside an axis of length 0", File([nothing]))
    seeded = Group(
        [Tensor("w", (1 << 15,), [0] * (1 << 14), corners=[(1 << 14,)], seeds=(1,))], "f32", ["seeded"], coder="deflate"
    )
    file = File([seeded, Group([Tensor("v", (1 << 14, 0), seeds=(1,))], "f32", ["seeded", "identity"])])
    yield valid(
        "limit-of-seeded",
        "the largest possible core on a seeded axis, as a corner and as a view, listed only",
        file,
        rebuild=False,
    )
    yield valid(
        "limit-elements",
        "2^48 elements, the largest possible number, listed only",
        File([dct("w", "f32", (1 << 24, 1 << 24), f32(1.0, 2.0))]),
        rebuild=False,
    )


def _dct(shape: tuple[int, ...], k: int, view: tuple[int, ...] | None = None) -> File:
    return File([dct("w", "f32", shape, spectrum("f32", k), view=view)])
