"""The coefficients of spectra: every number format with its extremes, and dtypes of the weights."""

from __future__ import annotations

from collections.abc import Iterator

from tests.vectors.entries import Vector, valid
from tests.vectors.frz import File, Group, Tensor, dct, spectral
from tests.vectors.numbers import FLOATS, bf16, f16, f32, spectrum


def vectors() -> Iterator[Vector]:
    for fmt in FLOATS:
        for coder in ("none", "deflate", "zstd", "adaptive", "static"):
            file = File([dct("w", fmt, (6, 5), spectrum(fmt, 17), coder)])
            yield valid(f"dct-{fmt}-{coder}", f"coefficients in {fmt} by coder {coder}", file)
    file = File([dct("w", "q", (6, 5), spectrum("q", 17), step=-40)])
    yield valid("dct-steps", "coefficients that are multiples of a step", file)
    yield from _dtypes()
    yield from _extremes()
    yield from _narrower()


def _dtypes() -> Iterator[Vector]:
    for dtype in ("f16", "bf16", "f64"):
        file = File([dct("w", "f32", (5, 7), spectrum("f32", 12), dtype=dtype)])
        yield valid(f"dct-to-{dtype}", f"weights of dtype {dtype}", file)
        if dtype != "f64":
            file = File([dct("w", dtype, (5, 7), spectrum(dtype, 12), dtype=dtype)])
            yield valid(f"dct-{dtype}-of-dtype", f"dtype {dtype}, with coefficients of the same type", file)
    file = File([dct("w", "f32", (2, 2), f32(1e5, 0.0, -2e4), dtype="f16")])
    yield valid("dct-to-f16-rounded", "weights near the largest of f16, where adjacent numbers differ by 32", file)
    tensors = [Tensor("w", (2,), f32(1e5, 0.0), kept=(2,)), Tensor("v", (2,), f32(-3e38), kept=(1,))]
    overflow = File([spectral(tensors, "f32", dtype="f16")])
    yield valid("dct-to-f16-overflow", "weights beyond f16 round to infinities", overflow)
    file = File([dct("w", "f32", (2,), f32(3e38, 3e38)), dct("v", "f32", (2,), f32(-3e38, 1e38))])
    yield valid("dct-f32-overflow", "weights beyond binary32 become infinities", file)
    file = File(
        [
            dct("w", "f32", (2,), f32(3e38, 3e38), dtype="bf16"),
            dct("v", "bf16", (2,), bf16(-1.875 * 2.0**127, -1.875 * 2.0**127), dtype="bf16"),
        ]
    )
    yield valid("dct-to-bf16-overflow", "weights beyond bf16 become infinities", file)
    small = File([dct("w", "f32", (4,), f32(3e-7, -2e-7, 1e-7), dtype="f16")])
    yield valid("dct-to-f16-subnormal", "weights of a few times the smallest f16 number", small)


def _extremes() -> Iterator[Vector]:
    largest, least = 2.0**127, 2.0**-149
    yield valid(
        "dct-f32-subnormal",
        "coefficients that are subnormal in binary32, -0 among them",
        File([dct("w", "f32", (4, 4), f32(-0.0, 2e-39, -5e-39, 1e-40, 2e-40))]),
    )
    yield valid(
        "dct-f32-deep-subnormal",
        "coefficients of a few times the smallest number: weights are accurate to an absolute 2^−126",
        File([dct("w", "f32", (6,), f32(40 * least, -25 * least, 7 * least))]),
    )
    yield valid(
        "dct-f32-least",
        "the smallest number of binary32 in a tensor of one element",
        File([dct("w", "f32", (1,), f32(least)), dct("z", "f32", (1, 1), f32(-0.0))]),
    )
    yield valid(
        "dct-f32-large",
        "coefficients near the largest of binary32 whose weights are in range",
        File([dct("w", "f32", (8, 8), f32(largest, -largest, 0.5 * largest))]),
    )
    extremes = f16(65504.0, -65504.0, -0.0, 2.0**-24, -(2.0**-14), 1.0)
    bf = bf16(2.0**126, -0.0, 2.0**-133, -(2.0**-126), 1.0)
    for coder in ("none", "adaptive", "static"):
        about = f"the largest and least of f16, subnormals, -0, by coder {coder}"
        yield valid(f"dct-f16-extremes-{coder}", about, File([dct("w", "f16", (3, 4), extremes, coder)]))
        about = f"large and subnormal numbers of bf16, -0, by coder {coder}"
        yield valid(f"dct-bf16-extremes-{coder}", about, File([dct("w", "bf16", (3, 4), bf, coder)]))


def _narrower() -> Iterator[Vector]:
    """Yield plain tensors in a number format: exact, whatever the dtype."""
    for dtype, fmt in (
        ("f32", "f16"),
        ("f32", "bf16"),
        ("f64", "f32"),
        ("f64", "bf16"),
        ("f16", "f32"),
        ("bf16", "f16"),
    ):
        extremes = {"f16": f16(65504.0, -(2.0**-24)), "bf16": bf16(2.0**126, -(2.0**-133)), "f32": f32(3e38, 1e-45)}[
            fmt
        ]
        values = [*extremes, *spectrum(fmt, 6), 1 << (15 if fmt != "f32" else 31)]
        for coder in ("none", "adaptive", "static") if (dtype, fmt) in (("f32", "f16"), ("f64", "f32")) else ("none",):
            group = Group([Tensor("x", (3, 3), values)], dtype, format=fmt, coder=coder)
            about = f"a plain tensor of {dtype} whose elements are in {fmt}, by coder {coder}: exact, rounded once"
            yield valid(f"plain-{dtype}-in-{fmt}" + (f"-{coder}" if coder != "none" else ""), about, File([group]))
    halfway = f32(1 + 2**-11, 1 + 3 * 2**-11, 1 + 2**-11 + 2**-23, 65519.0, 65520.0, 2.0**-25, 3 * 2.0**-26)
    group = Group([Tensor("x", (7,), halfway)], "f16", format="f32")
    yield valid(
        "plain-f16-from-f32-ties", "elements that are rounded to f16: ties to even, and extremes", File([group])
    )
    halfway = f32(1 + 2**-8, 1 + 3 * 2**-8, 1 + 2**-8 + 2**-23, 3.3961775e38, 2.0**-134, 3 * 2.0**-134)
    group = Group([Tensor("x", (6,), halfway)], "bf16", format="f32")
    yield valid(
        "plain-bf16-from-f32-ties", "elements that are rounded to bf16: ties to even, and extremes", File([group])
    )
