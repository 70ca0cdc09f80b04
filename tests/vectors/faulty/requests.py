"""Values that must not be, and requests that a right file cannot meet."""

from __future__ import annotations

from collections.abc import Iterator

from tests.vectors import deflate, zstd
from tests.vectors.entries import Vector, faulty
from tests.vectors.faulty.base import DCT, RAW, TIERED, stream
from tests.vectors.frz import File, Group, Tensor, dct, raw
from tests.vectors.numbers import bf16, f16, f32

INFINITY, NAN = float("inf"), float("nan")


def vectors() -> Iterator[Vector]:
    yield from _booleans()
    yield from _not_finite()
    yield from _overflow()
    yield from _rows()
    yield faulty("request-tier-1-of-1", "tier 1 of a file of one tier", RAW.bytes(), "TIER", tier=1)
    yield faulty("request-tier-2-of-2", "tier 2 of a file of two tiers", TIERED.bytes(), "TIER", tier=2)
    yield faulty("request-tier-cut-off", "tier 1 of a file that was cut after tier 0", TIERED.bytes(1), "TIER", tier=1)
    yield faulty("request-of-no-tensor", "a tensor that the file does not hold", RAW.bytes(), "NOT_FOUND", load="y")
    yield faulty("request-of-empty-file", "a tensor of a file without any", File().bytes(), "NOT_FOUND", load="x")
    about = "a tensor's name in another case"
    yield faulty("request-in-other-case", about, DCT.bytes(), "NOT_FOUND", load="W")


def _booleans() -> Iterator[Vector]:
    for number in (2, 128, 255):
        file = File([raw("x", "bool", (4,), (0, 1, number, 1))]).bytes()
        yield faulty(f"bool-{number}", f"a bool of {number}", file, "VALUE", load="x")
    deflated = stream("deflate", 3, deflate.fixed(b"\1\0\2"), "bool")
    yield faulty("bool-2-deflate", "a bool of 2 in a deflate stream", deflated, "VALUE", load="x")
    coded = stream("zstd", 3, zstd.raw(b"\1\0\2"), "bool")
    yield faulty("bool-2-zstd", "a bool of 2 in a zstd stream", coded, "VALUE", load="x")
    group = Group([Tensor("x", (2,), (0, 1)), Tensor("y", (2,), (1, 3))], "bool")
    yield faulty(
        "bool-3-of-second", "a bool of 3 in the second tensor of a group", File([group]).bytes(), "VALUE", load="y"
    )


def _rows() -> Iterator[Vector]:
    """What a tier has in the place of a tensor is as good as the rows that it is one of."""
    file = File([raw("x", "bool", (2,), (0, 1)), raw("x@tiers", "bool", (2, 2), (0, 1, 1, 2))], tiers=3)
    about = "a bool of 2 in the rows of a tensor, in that of another tier"
    yield faulty("rows-bool", about, file.bytes(), "VALUE", load="x", tier=0)
    data = bytearray(File([raw("x", "u8", (1,), (1,)), raw("x@tiers", "u8", (1, 1), (2,))], tiers=2).bytes())
    data[-5] ^= 1
    yield faulty("rows-crc", "a damaged segment of the rows of a tensor", bytes(data), "CHECKSUM", load="x", tier=0)


def _not_finite() -> Iterator[Vector]:
    for fmt, bits in (("f32", f32), ("f16", f16), ("bf16", bf16)):
        for name, value in (("infinity", INFINITY), ("minus-infinity", -INFINITY), ("nan", NAN)):
            for coder in ("none", "range") if name != "minus-infinity" else ("range-ctx",):
                file = File([dct("w", fmt, (3,), bits(1.0, value), coder)]).bytes()
                about = f"a coefficient in {fmt} that is {name.replace('-', ' ')}, by coder {coder}"
                yield faulty(f"value-{fmt}-{name}-{coder}", about, file, "VALUE", load="w")
    no_bytes = File([Group([Tensor("w", (3,), (0, 0, 0))], "f32", "f16", "range", streams=[b""])]).bytes()
    yield faulty("value-of-no-bytes", "a range stream of no bytes, which decodes to NaNs", no_bytes, "VALUE", load="w")
    tiers = File([dct("w", "f32", (3,), f32(1.0, 2.0, INFINITY), kept=(2, 3))], tiers=2).bytes()
    yield faulty("value-in-tier-1", "an infinity in tier 1", tiers, "VALUE", load="w")


def _overflow() -> Iterator[Vector]:
    for fmt, q in (("i8", 127), ("i16", -9), ("i32", -(2**31)), ("i32", 2**31 - 1)):
        file = File([dct("w", fmt, (3,), (1, q), step=2031)]).bytes()
        name = f"value-{fmt}-{'minus-' if q < 0 else ''}{abs(q)}-times-step"
        yield faulty(name, f"{q} times the largest step is beyond binary32", file, "VALUE", load="w")
