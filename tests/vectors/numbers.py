"""Numbers and their bytes (specification, sections 3 and 7), and numbers to fill vectors with."""

from __future__ import annotations

import struct
from collections.abc import Sequence

DTYPES = (
    *("bool", "u8", "i8", "u16", "i16", "u32", "i32", "u64", "i64"),
    *("f16", "bf16", "f32", "f64", "c64", "c128", "f8_e4m3", "f8_e5m2"),
)
FORMATS = ("f32", "f16", "bf16", "i8", "i16", "i32")
CODERS = ("none", "deflate", "zstd", "range", "range-ctx")
BYTES = {
    **dict.fromkeys(("bool", "u8", "i8", "f8_e4m3", "f8_e5m2"), 1),
    **dict.fromkeys(("u16", "i16", "f16", "bf16"), 2),
    **dict.fromkeys(("u32", "i32", "f32"), 4),
    **dict.fromkeys(("u64", "i64", "f64", "c64"), 8),
    "c128": 16,
}
INTEGERS = ("i8", "i16", "i32")


def store(fmt: str, numbers: Sequence[int]) -> bytes:
    """Integers, or the bits of floats, little-endian."""
    size = BYTES[fmt]
    return b"".join((n & ((1 << 8 * size) - 1)).to_bytes(size, "little") for n in numbers)


def f32(*values: float) -> list[int]:
    """The bits of values in binary32."""
    return [struct.unpack("<I", struct.pack("<f", value))[0] for value in values]


def f16(*values: float) -> list[int]:
    """The bits of values in binary16."""
    return [struct.unpack("<H", struct.pack("<e", value))[0] for value in values]


def bf16(*values: float) -> list[int]:
    """The bits of values that are exact in bfloat16."""
    return [bits >> 16 for bits in f32(*values)]


def bits(fmt: str, *values: float) -> list[int]:
    """The stored numbers of values that are exact in ``fmt``."""
    return [int(v) for v in values] if fmt in INTEGERS else {"f32": f32, "f16": f16, "bf16": bf16}[fmt](*values)


def step(code: int) -> float:
    """The step that a step code stands for."""
    return (16 + code % 16) * 2.0 ** (code // 16 - 4)


def canonical(fmt: str, numbers: Sequence[int], code: int = 0) -> list[float]:
    """The canonical coefficients that stored numbers stand for, which are exact in binary32."""
    if fmt in INTEGERS:
        return [_to_binary32(n * step(code)) for n in numbers]
    if fmt == "f16":
        return [struct.unpack("<e", n.to_bytes(2, "little"))[0] for n in numbers]
    shift = 16 if fmt == "bf16" else 0
    return [struct.unpack("<f", (n << shift).to_bytes(4, "little"))[0] for n in numbers]


def _to_binary32(value: float) -> float:
    return struct.unpack("<f", struct.pack("<f", value))[0]  # type: ignore[no-any-return]


def noise(count: int, most: int = 1000, seed: int = 1) -> list[int]:
    """Integers within −most … most from a linear congruential generator."""
    state = seed * 2654435761 + 12345
    out = []
    for _ in range(count):
        state = (state * 6364136223846793005 + 1442695040888963407) % 2**64
        out.append((state >> 33) % (2 * most + 1) - most)
    return out


def spectrum(fmt: str, count: int, seed: int = 1) -> list[int]:
    """Stored numbers of ``fmt`` that shrink along the order as a spectrum's do."""
    most = {"i8": 100, "i16": 20000, "i32": 10**9}.get(fmt, 255)
    raw = noise(count, most, seed)
    if fmt in INTEGERS:
        return [n // (1 + i // 2) for i, n in enumerate(raw)]
    return bits(fmt, *(n / 64 / 2 ** (i // 4) for i, n in enumerate(raw)))
