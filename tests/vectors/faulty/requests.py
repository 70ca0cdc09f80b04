"""Forbidden values, and requests that a valid file cannot satisfy."""

from __future__ import annotations

from collections.abc import Iterator

from tests.vectors import deflate, zstd
from tests.vectors.entries import Vector, faulty
from tests.vectors.faulty.base import DCT, RAW, TIERED, stream
from tests.vectors.frz import File, Group, Tensor, dct, raw, spectral
from tests.vectors.numbers import bf16, f16, f32

INFINITY, NAN = float("inf"), float("nan")


def vectors() -> Iterator[Vector]:
    yield from _booleans()
    yield from _not_finite()
    yield from _overflow()
    yield faulty("request-tier-1-of-1", "tier 1 of a file of one tier", RAW.bytes(), "TIER", tier=1)
    yield faulty("request-tier-2-of-2", "tier 2 of a file of two tiers", TIERED.bytes(), "TIER", tier=2)
    yield faulty("request-tier-cut-off", "tier 1 of a file that was cut after tier 0", TIERED.bytes(1), "TIER", tier=1)
    yield faulty("request-of-no-tensor", "a tensor that the file does not contain", RAW.bytes(), "NOT_FOUND", load="y")
    yield faulty("request-of-empty-file", "a tensor of a file without tensors", File().bytes(), "NOT_FOUND", load="x")
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


def _not_finite() -> Iterator[Vector]:
    for fmt, bits in (("f32", f32), ("f16", f16), ("bf16", bf16)):
        for name, value in (("infinity", INFINITY), ("minus-infinity", -INFINITY), ("nan", NAN)):
            coder = "adaptive" if name == "nan" else "none"
            file = File([dct("w", fmt, (3,), bits(1.0, value), coder)]).bytes()
            about = f"a coefficient in {fmt} that is {name.replace('-', ' ')}, by coder {coder}"
            yield faulty(f"value-{fmt}-{name}-{coder}", about, file, "VALUE", load="w")
    tiers = File([dct("w", "f32", (3,), f32(1.0, 2.0, INFINITY), kept=(2, 3))], tiers=2).bytes()
    yield faulty("value-in-tier-1", "an infinity in tier 1", tiers, "VALUE", load="w")
    group = Group([Tensor("x", (2,), f16(1.0, NAN))], "f32", format="f16")
    yield faulty(
        "value-in-format", "a NaN of a plain tensor in a number format", File([group]).bytes(), "VALUE", load="x"
    )
    group = Group([Tensor("x", (2,), f16(1.0, INFINITY))], "f16", format="f16")
    about = "an infinity of a plain tensor in a number format that equals its dtype"
    yield faulty("value-in-format-of-dtype", about, File([group]).bytes(), "VALUE", load="x")
    group = Group([Tensor("w", (2, 3), f32(1.0, 2.0, 3.0, 4.0, INFINITY, 6.0))], "f32", ["identity", "dct"])
    yield faulty("value-in-core", "an infinity in a core", File([group]).bytes(), "VALUE", load="w")
    tensors = [Tensor("w", (3,), f32(1.0, NAN), kept=(2,)), Tensor("v", (3,), f32(1.0, 2.0), kept=(2,))]
    about = "a NaN in one tensor of a group does not affect others"
    file = File([spectral(tensors, "f32")]).bytes()
    yield faulty("value-of-neighbor", about, file, "VALUE", load="w", sound=["v"])
    factors = Group([Tensor("", (2, 2), f32(1.0, 2.0, 3.0, NAN)), Tensor("", (1, 2), f32(1.0, 2.0))])
    cores = [
        Group([Tensor(name, (2,), f32(1.0), corners=[(1,)], factors=(number,))], "f32", ["stored"])
        for number, name in enumerate(("w", "v"))
    ]
    about = "a NaN in a row of a factor that the core does not use; another factor is intact"
    yield faulty("value-in-factor", about, File([factors, *cores]).bytes(), "VALUE", load="w", sound=["v"])
    nothing = [
        Group([Tensor(name, (2,), corners=[(0,)], factors=(number,))], "f32", ["stored"])
        for number, name in enumerate(("w", "v"))
    ]
    about = "a NaN in the factor of a core without entries"
    data = File([factors, *nothing]).bytes()
    yield faulty("value-in-factor-of-nothing", about, data, "VALUE", load="w", sound=["v"])
    anew = Group([Tensor("m", (2,), f16(1.0, NAN, 1.0, 2.0))], "f32", format="f16", per_tier=True)
    about = "a NaN in the tier that is open"
    yield faulty("value-per-tier", about, File([anew], tiers=2).bytes(), "VALUE", load="m", tier=0)


def _overflow() -> Iterator[Vector]:
    for q in (127, -9, -(2**31 - 1), 2**31 - 1):
        file = File([dct("w", "q", (3,), (1, q), step=2031)]).bytes()
        name = f"value-{'minus-' if q < 0 else ''}{abs(q)}-times-step"
        yield faulty(name, f"{q} times the largest step is beyond binary32", file, "VALUE", load="w")
    for name, offsets, values, about in (
        # Without the check of the code, all values are finite.
        ("above", {0: (0, 2032)}, (1, 2, 1, -1), "a step code of 2032"),
        ("below", {0: (-2017, 0)}, (1, 2, 3, 4), "a step code of −2017"),
        ("by-sum", {0: (0, 1500), 1: (0, 1500)}, (1, 2, 3, 0), "a step code of 3000 as a sum of two offsets"),
        ("of-zero", {0: (0, 5000)}, (1, 2, 0, 0), "a step code of 5000 where all integers are 0"),
    ):
        group = Group([Tensor("w", (2, 2), values, offsets=offsets)], stepped=True, coder="adaptive")
        yield faulty(f"step-{name}", f"{about}, with offsets", File([group]).bytes(), "VALUE", load="w")
    most = 2**31 - 1
    wraps = Tensor("w", (1, 2), (1, 2), offsets={0: (most,), 1: (most, most - 7)})
    file = File([Group([wraps], stepped=True, coder="adaptive")]).bytes()
    yield faulty("step-huge", "offsets whose sums are step codes only modulo 2^32", file, "VALUE", load="w")
    tensors = [
        Tensor("w", (2,), (1, 1), step=2000, offsets={0: (0, 40)}),
        Tensor("v", (2,), (1, 2), step=1900, offsets={0: (0, 40)}),
    ]
    file = File([Group(tensors, stepped=True, coder="adaptive")]).bytes()
    about = "a step code of 2040 in one tensor of a group does not affect others"
    yield faulty("step-of-neighbor", about, file, "VALUE", load="w", sound=["v"])
    tensor = Tensor("w", (2, 2), (1, 2, 0, 0), corners=[(1, 2), (2, 2)], offsets={0: (0, 4000)})
    file = File([Group([tensor], stepped=True, coder="adaptive")], tiers=2).bytes()
    yield faulty("step-in-tier-1", "a step code of 4000 in tier 1", file, "VALUE", load="w")
