"""The coefficients of dct tensors: every number format with its extremes, steps, dtypes of the weights."""

from __future__ import annotations

from collections.abc import Iterator

from tests.vectors.entries import Vector, valid
from tests.vectors.frz import File, Group, Tensor, dct
from tests.vectors.numbers import CODERS, FORMATS, INTEGERS, bf16, f16, f32, spectrum

LEAST_STEP, LARGEST_STEP = -2016, 2031


def vectors() -> Iterator[Vector]:
    for fmt in FORMATS:
        for coder in CODERS:
            step = {"step": -40} if fmt in INTEGERS else {}
            file = File([dct("w", fmt, (6, 5), spectrum(fmt, 17), coder, **step)])
            yield valid(f"dct-{fmt}-{coder}", f"coefficients in {fmt} by coder {coder}", file)
    yield from _dtypes()
    yield from _extremes()
    yield from _steps()


def _dtypes() -> Iterator[Vector]:
    for dtype in ("f16", "bf16", "f64"):
        file = File([Group([Tensor("w", (5, 7), spectrum("f32", 12))], dtype, "f32")])
        yield valid(f"dct-to-{dtype}", f"weights of dtype {dtype}", file)
    file = File([Group([Tensor("w", (2, 2), f32(1e5, 0.0, -2e4))], "f16", "f32")])
    yield valid("dct-to-f16-rounded", "weights near the end of f16, where its units are 32", file)
    overflow = File([Group([Tensor("w", (2,), f32(1e5, 0.0)), Tensor("v", (2,), f32(-3e38))], "f16", "f32")])
    yield valid("dct-to-f16-overflow", "weights beyond f16 round to infinities", overflow)
    small = File([Group([Tensor("w", (4,), f32(3e-7, -2e-7, 1e-7))], "f16", "f32")])
    yield valid("dct-to-f16-subnormal", "weights of a few times the least f16", small)


def _extremes() -> Iterator[Vector]:
    largest, least = 2.0**127, 2.0**-149
    yield valid(
        "dct-f32-subnormal",
        "coefficients that are subnormal in binary32, -0 among them",
        File([dct("w", "f32", (4, 4), f32(-0.0, 2e-39, -5e-39, 1e-40, 2e-40))]),
    )
    yield valid(
        "dct-f32-deep-subnormal",
        "coefficients of a few times the least number: weights to an absolute 2^−126",
        File([dct("w", "f32", (6,), f32(40 * least, -25 * least, 7 * least))]),
    )
    yield valid(
        "dct-f32-least",
        "the least number of binary32 on a tensor of one element",
        File([dct("w", "f32", (1,), f32(least)), dct("z", "f32", (1, 1), f32(-0.0))]),
    )
    yield valid(
        "dct-f32-large",
        "coefficients near the largest of binary32 whose weights are in range",
        File([dct("w", "f32", (8, 8), f32(largest, -largest, 0.5 * largest))]),
    )
    extremes = f16(65504.0, -65504.0, -0.0, 2.0**-24, -(2.0**-14), 1.0)
    for coder in ("none", "range", "range-ctx"):
        file = File([dct("w", "f16", (3, 4), extremes, coder)])
        yield valid(
            f"dct-f16-extremes-{coder}", f"the largest and least of f16, subnormals, -0, by coder {coder}", file
        )
    bf = bf16(2.0**126, -0.0, 2.0**-133, -(2.0**-126), 1.0)
    for coder in ("none", "range"):
        file = File([dct("w", "bf16", (3, 4), bf, coder)])
        yield valid(f"dct-bf16-extremes-{coder}", f"large and subnormal numbers of bf16, -0, by coder {coder}", file)
    for fmt, size in (("i8", 8), ("i16", 16), ("i32", 32)):
        least_int, most = -(2 ** (size - 1)), 2 ** (size - 1) - 1
        numbers = (most, least_int, 0, 1, -1, most - 1, least_int + 1, 2 ** (size - 2), -(2 ** (size - 2)))
        for coder in ("none", "range", "range-ctx"):
            file = File([dct("w", fmt, (3, 4), numbers, coder, step=-16 * size)])
            yield valid(f"dct-{fmt}-extremes-{coder}", f"the extremes of {fmt} by coder {coder}", file)


def _steps() -> Iterator[Vector]:
    sixteen = [Tensor(f"s{code}", (1,), (1,), step=code) for code in range(-17, 17)]
    yield valid(
        "steps-of-two-octaves", "step codes −17 to 16, which need ⌊s / 16⌋ of negative s", File([_group(sixteen)])
    )
    ends = [Tensor("least", (1,), (1,), step=LEAST_STEP), Tensor("largest", (1,), (-2,), step=LARGEST_STEP)]
    yield valid("steps-at-their-limits", "the least and the largest step", File([_group(ends)]))
    ties = [
        Tensor("down", (1,), (2**24 + 1,)),
        Tensor("up", (1,), (2**24 + 3,)),
        Tensor("long", (1,), (2**31 - 1,), step=15),
        Tensor("minus", (1,), (-(2**31),), step=-1),
    ]
    yield valid("steps-rounded-once", "q · step rounded to binary32, ties to even", File([_group(ties, "i32")]))


def _group(tensors: list[Tensor], fmt: str = "i8") -> Group:
    return Group(tensors, "f32", fmt)
