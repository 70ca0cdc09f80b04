"""Multiples of steps: step codes, rounding, and step offsets."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence

from tests.vectors.entries import Vector, valid
from tests.vectors.frz import ENTROPY, File, Group, Tensor, spectral
from tests.vectors.numbers import weights

LEAST_STEP, LARGEST_STEP = -2016, 2031
LARGEST = 2**31 - 1


def vectors() -> Iterator[Vector]:
    sixteen = [Tensor(f"s{code}", (1,), (1,), kept=(1,), step=code) for code in range(-17, 17)]
    yield valid(
        "steps-of-two-octaves",
        "step codes −17 to 16, which need ⌊s / 16⌋ of negative s",
        File([spectral(sixteen, "q")]),
    )
    ends = [
        Tensor("least", (1,), (1,), kept=(1,), step=LEAST_STEP),
        Tensor("largest", (1,), (-2,), kept=(1,), step=LARGEST_STEP),
    ]
    yield valid("steps-at-their-limits", "the least and the largest step", File([spectral(ends, "q")]))
    ties = [
        Tensor("down", (1,), (2**24 + 1,), kept=(1,)),
        Tensor("up", (1,), (2**24 + 3,), kept=(1,)),
        Tensor("long", (1,), (LARGEST,), kept=(1,), step=15),
        Tensor("minus", (1,), (-LARGEST,), kept=(1,), step=-1),
    ]
    yield valid("steps-rounded-once", "q · step rounded to binary32, ties to even", File([spectral(ties, "q")]))
    yield valid("steps-product-rounded-once", "products that two roundings would change", _once())
    yield valid(
        "steps-extremes",
        "the largest integers, their neighbors, and every number of bits",
        _plain((7, 9), [LARGEST, -LARGEST, LARGEST - 1, *(s * 2**b for b in range(30) for s in (1, -1))], -960),
    )
    for dtype in ("f16", "bf16", "f64"):
        file = _plain((4, 5), weights("q", 20), -40, dtype=dtype)
        yield valid(f"steps-to-{dtype}", f"a plain tensor of dtype {dtype} that is multiples of a step: exact", file)
    matrix = Tensor("w", (6, 5), weights("q", 12), corners=[(3, 4)], step=-40)
    file = File([Group([matrix], "f64", ["identity", "dct"], stepped=True, coder="adaptive")])
    yield valid("steps-to-f64-with-dct", "a core of multiples of a step with a dct axis, of dtype f64", file)
    yield from _offsets()


def _once() -> File:
    """Return a file of products q · step: q is not a binary32 number, or the binary32 product is a tie in the dtype."""
    odd = 2**24 + 1
    products = [Tensor("f32", (4,), (odd, -odd, odd + 4, 2**30 + 65), step=1)]
    wider = [Tensor("f64", (3,), (odd, -odd, LARGEST), step=1)]
    halfway = [Tensor("bf16", (2,), (2**30 + 2**22 + 1, -(2**30 + 2**22 + 1)))]
    narrow = [Tensor("f16", (2,), (2**30 + 2**19 + 1, -(2**30 + 2**19 + 1)), step=-256)]
    return File(
        [
            Group(tensors, dtype, stepped=True, coder="adaptive")
            for dtype, tensors in (("f32", products), ("f64", wider), ("bf16", halfway), ("f16", narrow))
        ]
    )


def _offsets() -> Iterator[Vector]:
    rows = {0: [0, -5, 31, 2]}
    columns = {1: [3, 0, -17, 1, 8]}
    kernel = {2: [0, 1, 2], 3: [-1, 0, -40]}
    yield valid("offsets-of-rows", "a step for each row", _plain((4, 5), weights("q", 20), -40, rows))
    yield valid("offsets-of-columns", "a step for each column", _plain((4, 5), weights("q", 20), -40, columns))
    both = _plain((4, 5), weights("q", 20), -40, {**rows, **columns})
    yield valid("offsets-of-both", "a step for each row and each column, which add up", both)
    three = _plain((4, 2, 3, 3), weights("q", 72), -64, {**rows, **kernel})
    yield valid("offsets-of-three-axes", "steps for output channels and kernel positions of a convolution", three)
    ends = _plain((2, 2), [1, 2, -3, 1], 7, {0: [LARGEST_STEP - 1007, LEAST_STEP - 7], 1: [0, 1000]})
    yield valid("offsets-at-the-limits", "sums that are the least and the largest step code", ends)
    cancel = _plain((2, 2), [5, 6, 7, 8], 0, {0: [LARGEST, LARGEST - 7], 1: [-LARGEST, -LARGEST + 3]})
    unused = Tensor("x", (4,), [5, -6, 7, 0], step=-32, offsets={1: [], 7: []})
    about = "bits of offsets for axes that do not exist: there are no offsets, but their model has a scale"
    yield valid("offsets-without-meaning", about, File([Group([unused], stepped=True, coder="adaptive")]))
    yield valid("offsets-that-cancel", "offsets far beyond all step codes, whose sums are small", cancel)
    tensors = [
        Tensor("a", (3, 2), weights("q", 6), step=-32, offsets={0: [1, 2, 3], 1: [0, -4]}),
        Tensor("b", (4,), weights("q", 4, 2), step=-16, offsets={0: [5, 5, 5, 5]}),
        Tensor("c", (), [9], step=3),
        Tensor("d", (0, 3), (), offsets={1: [1, 2, 3]}),
        Tensor("e", (2, 2), weights("q", 4, 3), view=(4, 1), offsets={0: [0, 8, 16, 24], 1: [-8]}),
    ]
    group = Group(tensors, "f32", stepped=True, coder="adaptive")
    about = "a group with offsets of axes 0 and 1: tensors of every rank have offsets on their existing axes"
    yield valid("offsets-of-a-group", about, File([group]))
    tensors = [
        Tensor("a", (6,), weights("q", 6), step=-32, view=(2, 3), offsets={0: [1, 2], 1: [0, -4, 7]}),
        Tensor("b", (2, 3), weights("q", 6, 2), step=-16, view=(6,), offsets={0: [5, 4, 3, 2, 1, 0]}),
        Tensor("c", (2, 2), weights("q", 4, 3), step=-8, view=(1, 2, 2), offsets={0: [9], 1: [0, 8], 2: [1, -1]}),
        Tensor("d", (1, 1), [-5], view=(), step=2),
        Tensor("e", (), [5], view=(1, 1), offsets={0: [16], 1: [-3]}, step=-1),
    ]
    for coder in ENTROPY:
        about = f"axes are those of the view, whose rank is not that of the shape, by coder {coder}"
        yield valid(f"offsets-in-views-{coder}", about, File([Group(tensors, stepped=True, coder=coder)]))
    held = {axis: [axis] * n for axis, n in enumerate((2, 1, 3, 1, 1, 1, 2, 2))}
    held[7] = [0, 20]
    tensors = [
        Tensor("x", (2, 1, 3, 1, 1, 1, 2, 2), weights("q", 24), step=-50, offsets=held),
        Tensor("y", (3,), weights("q", 3, 2), step=-20, offsets={0: [2, 0, 1]}),
    ]
    about = "offsets 255: step offsets on all of eight axes"
    yield valid("offsets-255", about, File([Group(tensors, stepped=True, coder="adaptive")]))
    kernel_dct = Tensor("w", (3, 2, 3, 3), weights("q", 54), step=-48, offsets={0: [0, 6, -6], 2: [0, 8, 16]})
    group = Group([kernel_dct], "f32", ["identity", "identity", "dct"], stepped=True, coder="adaptive")
    yield valid("offsets-with-dct", "step offsets of the entries of a core, not of the elements", File([group]))


def _plain(
    shape: Sequence[int],
    values: Sequence[int],
    step: int,
    offsets: Mapping[int, Sequence[int]] | None = None,
    dtype: str = "f32",
) -> File:
    assert len(values) == math.prod(shape)
    tensor = Tensor("w", shape, values, step=step, offsets=offsets or {})
    return File([Group([tensor], dtype, stepped=True, coder="adaptive")])
