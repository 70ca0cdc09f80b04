"""Exact values coded by coders 3 and 4: integers and mantissas (specification, section 9.2)."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace

from tests.vectors import adaptive, blocks, static
from tests.vectors.blocks import Block, Split
from tests.vectors.entries import Vector, valid
from tests.vectors.frz import ENTROPY, File, Group, Tensor, raw
from tests.vectors.numbers import FLOATS, bits, noise, spectrum, weights
from tests.vectors.static import Plan

SPECIAL = {
    "f32": [0x7F800000, 0xFF800000, 0x7FC00001, 0xFFFFFFFF, 0x80000000, 0, 1, 0x807FFFFF, 0x7F7FFFFF, 0x3F800000],
    "f16": [0x7C00, 0xFC00, 0x7E01, 0xFFFF, 0x8000, 0, 1, 0x83FF, 0x7BFF, 0x3C00],
    "bf16": [0x7F80, 0xFF80, 0x7FC1, 0xFFFF, 0x8000, 0, 1, 0x807F, 0x7F7F, 0x3F80],
}
"""Infinities, NaNs, zeros, subnormal numbers, the largest number, and 1."""


def vectors() -> Iterator[Vector]:
    for coder in ENTROPY:
        yield from _each(coder)
    yield from _freedom()
    yield from _planned()


def _each(coder: str) -> Iterator[Vector]:
    for fmt in FLOATS:
        for name, about, values in (
            ("plain", "numbers like those of a layer", weights(fmt, 60)),
            ("spectrum", "numbers that shrink, with all bits of their mantissas", spectrum(fmt, 40)),
            ("special", "infinities, NaNs, zeros of both signs, subnormal numbers", SPECIAL[fmt]),
            ("zeros", "+0 only: no mantissas", [0] * 20),
            ("ones", "1 and −1: mantissas of no bits", bits(fmt, *[1.0, -1.0, -1.0] * 9)),
            ("any", "any bits", [n % (2**32 if fmt == "f32" else 2**16) for n in noise(77, 2**31 - 1, 7)]),
        ):
            file = File([raw("x", fmt, (len(values),), values, coder)])
            yield valid(f"{coder}-{fmt}-{name}", f"{about}, elements of {fmt} by coder {coder}", file)
    shape = (5, 4, 3, 3)
    file = File([raw("x", "f32", shape, weights("f32", 180), coder)])
    yield valid(f"{coder}-f32-kernels", f"kernels of a convolution by coder {coder}", file)
    tensors = [Tensor("a", (3, 5), weights("f16", 15)), Tensor("b", (0,), ()), Tensor("c", (), [0xBC00])]
    tensors.append(Tensor("d", (2, 2, 2), weights("f16", 8, 2)))
    about = f"the mantissas of all tensors of a group follow the integers of all, by coder {coder}"
    yield valid(f"{coder}-f16-of-a-group", about, File([Group(tensors, "f16", coder=coder)]))


def _freedom() -> Iterator[Vector]:
    values = [0x3F80, 0xBF00, 0x4040, 0, 0x3E80]
    given = [Block(False, (5,), values)]
    for name, about, reference, digits, least in (
        ("reference-larger", "a reference that no value has", 250, 7, 1),
        ("reference-largest", "the largest possible reference", 255, 7, 1),
        ("digits-more", "more bits of mantissas than are needed", None, 7, 1),
        ("size-long", "the size of the integers in seven bytes", None, None, 7),
    ):
        parts = blocks.split("bf16", given, reference, digits)
        yield valid(f"floats-{name}", about, coded("bf16", values, parts, least))
    halves = bits("f16", 1.0, -0.5, 3.0, 0.0, 2.0**-24, -65504.0)
    for coder in ENTROPY:
        for reference in (40, 255):
            parts = blocks.split("f16", [Block(False, (6,), halves)], reference)
            encode = static.encode if coder == "static" else adaptive.Models(False, 4).encode
            data = parts.segment(encode(parts.blocks))
            group = Group([Tensor("x", (6,), halves)], "f16", coder=coder, streams=[data])
            about = f"a reference beyond the exponents of f16, {reference}, by coder {coder}"
            yield valid(f"floats-f16-reference-{reference}-{coder}", about, File([group]))
    digits_of = {"f32": (1, 7, 8, 9, 15, 16, 17, 22), "f16": (1, 7, 8, 9), "bf16": (1, 3, 6)}
    for fmt, counts in digits_of.items():
        m = blocks.MANTISSA_BITS[fmt]
        for digits in counts:
            numbers = [
                (100 if fmt != "f16" else 15) << m | (2 * n + 1) % 2**digits << (m - digits) for n in range(-9, 10)
            ]
            parts = blocks.split(fmt, [Block(False, (19,), numbers)])
            assert parts.digits == digits
            about = f"mantissas of which {digits} bits are stored"
            yield valid(f"floats-{fmt}-digits-{digits}", about, coded(fmt, numbers, parts))
    two = [0x3C00, 0x3C00]
    parts = blocks.split("f16", [Block(False, (2,), two)])
    zero = parts._replace(blocks=[Block(False, (2,), [1, parts.reference + 1])])
    about = "a +0 that has an integer other than 0, and a mantissa of no bits"
    yield valid("floats-zero-with-exponent", about, coded("f16", [0x3C00, 0], zero))
    parts = blocks.split("f16", [Block(False, (6,), weights("f16", 6))])
    data = parts.segment(static.encode(parts.blocks))
    group = Group([Tensor("x", (6,), weights("f16", 6))], "f16", coder="static", streams=[data])
    yield valid("floats-static-segment", "a segment by coder static, put together from its parts", File([group]))


def _planned() -> Iterator[Vector]:
    """Yield blocks of coder static with lanes, neighbors and classes."""
    rows, channels, positions = [0, 1, 2] * 40, [0, 2, -1], [1, 0, 0, 1]
    classes = Plan(8, 0, 0, 2, rows, channels, positions)
    both = replace(classes, neighbor=2, reach=1)
    for fmt in FLOATS:
        for name, about, plan, shape in (
            ("lanes", "lanes of 256 values", Plan(8), (600,)),
            ("neighbor-1", "tables by the value before", Plan(9, 1, 2), (60, 5, 2, 2)),
            ("neighbor-2", "tables by the value one channel before", Plan(8, 2, 1), (60, 3, 2, 2)),
            ("neighbor-3", "tables by the value one row before", Plan(10, 3, 4), (270, 2, 2, 2)),
            ("classes", "classes of rows, channels and positions", classes, (120, 3, 2, 2)),
            ("classes-neighbor", "classes and a neighbor", both, (120, 3, 2, 2)),
        ):
            values = [0 if i % 7 == 3 else u for i, u in enumerate(weights(fmt, math.prod(shape), 3))]
            parts = blocks.split(fmt, [Block(False, shape, values)])
            data = parts.segment(static.code(plan, shape, parts.blocks[0].values).bytes())
            group = Group([Tensor("x", shape, values)], fmt, coder="static", streams=[data])
            yield valid(f"static-{fmt}-{name}", f"elements of {fmt} in a block with {about}", File([group]))


def coded(fmt: str, values: Sequence[int], parts: Split, least: int = 1) -> File:
    """Return a file with one plain tensor ``x``, coded by ``adaptive``."""
    data = parts.segment(adaptive.Models(False, 4).encode(parts.blocks), least)
    return File([Group([Tensor("x", (len(values),), values)], fmt, coder="adaptive", streams=[data])])
