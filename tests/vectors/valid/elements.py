"""The elements of plain tensors: every dtype with its extremes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tests.vectors.entries import Vector, valid
from tests.vectors.frz import File, raw
from tests.vectors.numbers import BYTES

FLOATS = {
    # 0, -0, 1, least and largest subnormal, least and largest normal, both infinities, NaNs with payloads
    "f16": (0, 0x8000, 0x3C00, 1, 0x3FF, 0x400, 0x7BFF, 0x7C00, 0xFC00, 0x7E00, 0x7C01, 0xFE55),
    "bf16": (0, 0x8000, 0x3F80, 1, 0x7F, 0x80, 0x7F7F, 0x7F80, 0xFF80, 0x7FC0, 0x7F81, 0xFFD5),
    "f32": (
        *(0, 0x80000000, 0x3F800000, 1, 0x7FFFFF, 0x800000, 0x7F7FFFFF),
        *(0x7F800000, 0xFF800000, 0x7FC00000, 0x7F800001, 0xFFD55555),
    ),
    "f64": (
        *(0, 1 << 63, 0x3FF << 52, 1, (1 << 52) - 1, 1 << 52, (0x7FF << 52) - 1),
        *(0x7FF << 52, 0xFFF << 52, 0x7FF8 << 48, (0x7FF << 52) + 1, 0xFFFD555555555555),
    ),
}


def vectors() -> Iterator[Vector]:
    yield _vector("bool", "false and true", (0, 1, 1, 0))
    for size in (8, 16, 32, 64):
        half = 2 ** (size - 1)
        yield _vector(f"u{size}", "the extremes", (0, 1, 2 * half - 1))
        yield _vector(f"i{size}", "the extremes", (0, -1, half - 1, -half))
    about = "both zeros, subnormals, extremes, infinities, NaNs with payloads"
    for dtype, values in FLOATS.items():
        yield _vector(dtype, about, values)
    for dtype, part in (("c64", "f32"), ("c128", "f64")):
        size = 8 * BYTES[part]
        yield _vector(dtype, about, [re | im << size for re, im in zip(FLOATS[part], FLOATS[part][::-1], strict=True)])
    for dtype in ("f8_e4m3", "f8_e5m2", "f8_e8m0"):
        yield _vector(dtype, "all 256 bit patterns", range(256))


def _vector(dtype: str, about: str, values: Sequence[int]) -> Vector:
    file = File([raw("x", dtype, (len(values),), values)])
    return valid(f"raw-{dtype.replace('_', '-')}", f"dtype {dtype}: {about}", file)
