"""Numbers and their bytes (specification, sections 3 and 6), and numbers to fill vectors with."""

from __future__ import annotations

import math
import struct
from collections.abc import Sequence

DTYPES = (
    *("bool", "u8", "i8", "u16", "i16", "u32", "i32", "u64", "i64"),
    *("f16", "bf16", "f32", "f64", "c64", "c128", "f8_e4m3", "f8_e5m2", "f8_e8m0"),
)
CODERS = ("none", "deflate", "zstd", "adaptive", "static")
BASES = ("identity", "dct", "stored", "seeded")
BYTES = {
    **dict.fromkeys(("bool", "u8", "i8", "f8_e4m3", "f8_e5m2", "f8_e8m0"), 1),
    **dict.fromkeys(("u16", "i16", "f16", "bf16"), 2),
    **dict.fromkeys(("u32", "i32", "f32"), 4),
    **dict.fromkeys(("u64", "i64", "f64", "c64"), 8),
    "c128": 16,
}
FLOATS = ("f16", "bf16", "f32")
"""Number formats, which are also the floats that coders 3 and 4 accept."""

DIGITS = {"f16": (10, -14, 15), "bf16": (7, -126, 127), "f32": (23, -126, 127), "f64": (52, -1022, 1023)}
"""Number of fraction bits, and the smallest and largest exponents of normal numbers."""


def store(fmt: str, numbers: Sequence[int]) -> bytes:
    """Return integers, or the bits of floats, little-endian."""
    size = BYTES[fmt]
    return b"".join((n & ((1 << 8 * size) - 1)).to_bytes(size, "little") for n in numbers)


def difference(fmt: str, value: int, base: int) -> int:
    """Return the difference of least magnitude from ``base`` to ``value``; ``fmt`` is empty for multiples of steps."""
    bits = 8 * BYTES[fmt] if fmt else 32
    found = (_code(fmt, bits, value) - _code(fmt, bits, base)) % (1 << bits)
    assert found != 1 << 31, "no difference can be −2^31"
    return found - (1 << bits) if found >> (bits - 1) else found


def _code(fmt: str, bits: int, value: int) -> int:
    """Return the code of a value, with which differences are computed (section 6.2)."""
    code = value % (1 << bits)
    half = 1 << (bits - 1)
    return half + (half - 1 - code % half) if fmt in FLOATS and code >= half else code


def f32(*values: float) -> list[int]:
    """Return the bits of values in binary32."""
    return [struct.unpack("<I", struct.pack("<f", value))[0] for value in values]


def f16(*values: float) -> list[int]:
    """Return the bits of values in binary16."""
    return [struct.unpack("<H", struct.pack("<e", value))[0] for value in values]


def bf16(*values: float) -> list[int]:
    """Return the bits of values that are exact in bfloat16."""
    return [bits >> 16 for bits in f32(*values)]


def bits(fmt: str, *values: float) -> list[int]:
    """Return the bits of values that are exact in ``fmt``."""
    return {"f32": f32, "f16": f16, "bf16": bf16}[fmt](*values)


def number(fmt: str, pattern: int) -> float:
    """Return the value that the bits of a float represent."""
    if fmt == "f16":
        return float(struct.unpack("<e", pattern.to_bytes(2, "little"))[0])
    if fmt == "f64":
        return float(struct.unpack("<d", pattern.to_bytes(8, "little"))[0])
    shift = 16 if fmt == "bf16" else 0
    return float(struct.unpack("<f", (pattern << shift).to_bytes(4, "little"))[0])


def rounded(fmt: str, value: float) -> int:
    """Return the bits of the nearest number of a float type, ties to even; overflow results in infinity."""
    fraction, least, most = DIGITS[fmt]
    sign = int(struct.pack(">d", value)[0] >> 7)
    numerator, denominator = abs(value).as_integer_ratio()
    exponent = min(max(math.frexp(value)[1] - 1, least), most + 1) if value else least
    numerator <<= max(fraction - exponent, 0)
    denominator <<= max(exponent - fraction, 0)
    units, rest = divmod(numerator, denominator)
    units += 2 * rest + units % 2 > denominator  # ties to even
    # At the least exponent, fewer than 2^fraction units are a subnormal number. A carry increments the exponent.
    pattern = units + ((exponent - least) << fraction)
    infinity = (most - least + 2) << fraction
    return min(pattern, infinity) | sign << (8 * BYTES[fmt] - 1)


def step(code: int) -> float:
    """Return the step that a step code represents."""
    return (16 + code % 16) * 2.0 ** (code // 16 - 4)


def multiple(q: int, code: int) -> float:
    """Return q · step(code), rounded to binary32."""
    return number("f32", rounded("f32", q * step(code)))


def noise(count: int, most: int = 1000, seed: int = 1) -> list[int]:
    """Return integers within −most … most from a linear congruential generator."""
    state = seed * 2654435761 + 12345
    out = []
    for _ in range(count):
        state = (state * 6364136223846793005 + 1442695040888963407) % 2**64
        out.append((state >> 33) % (2 * most + 1) - most)
    return out


def spectrum(fmt: str, count: int, seed: int = 1) -> list[int]:
    """Return stored numbers of ``fmt`` that decrease in zigzag order, like those of a spectrum; for ``q``, integers."""
    if fmt == "q":
        return [n // (1 + i // 2) for i, n in enumerate(noise(count, 300, seed))]
    return bits(fmt, *(n / 64 / 2 ** (i // 4) for i, n in enumerate(noise(count, 255, seed))))


def weights(fmt: str, count: int, seed: int = 1) -> list[int]:
    """Return stored numbers of ``fmt`` like those of a layer; for ``q``, integers, many of them 0."""
    raw = noise(count, 1 << 20, seed)
    if fmt == "q":
        return [int(n / (1 << 17)) ** 3 // 16 for n in raw]
    return bits(fmt, *(int(n >> 13) / 512 for n in raw))
