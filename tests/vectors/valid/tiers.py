"""Capacity tiers of zigzag prefixes: whole files, files cut after a tier, and requested tiers."""

from __future__ import annotations

from collections.abc import Iterator

from tests.vectors.entries import Vector, valid
from tests.vectors.frz import ENTROPY, File, Tensor, dct, raw, spectral
from tests.vectors.numbers import CODERS, spectrum


def vectors() -> Iterator[Vector]:
    for coder, fmt in ((coder, fmt) for coder in CODERS for fmt in ("f16", "q") if fmt != "q" or coder in ENTROPY):
        file = three(coder, fmt)
        name = f"tiers-{coder}" + ("-steps" if fmt == "q" else "")
        what = f"three tiers of {'integers' if fmt == 'q' else 'floats'} by coder {coder}"
        yield valid(name, what, file)
        for tier in (0, 1):
            yield valid(f"{name}-at-{tier}", f"{what}, opened at tier {tier}", file, tier=tier, of=name)
            yield valid(f"{name}-cut-after-{tier}", f"the same file cut after tier {tier}", file, present=tier + 1)
    file = three("adaptive", "q")
    yield valid("tiers-cut-opened-at-0", "a file cut after tier 1, opened at tier 0", file, tier=0, present=2)
    about = "tier 1 is damaged, and tier 0 is opened: damage in unused segments is not reported"
    yield valid("tiers-damaged-later", about, file, tier=0, damaged=1)
    about = "tier 2 is damaged, and tier 1 is opened"
    yield valid("tiers-damaged-last", about, three("none", "f16"), tier=1, damaged=2)
    yield from _nothing_new()
    yield from _mixed()
    many = File([dct("w", "q", (300,), spectrum("q", 256), kept=range(1, 257), step=-32)], tiers=256)
    yield valid("tiers-256", "the largest possible number of tiers, with one value in each", many)
    yield valid("tiers-256-at-100", "the same, opened at tier 100", many, tier=100, of="tiers-256")


def three(coder: str, fmt: str) -> File:
    """Return two spectra; tier 1 extends one of them, and tier 2 extends both."""
    tensors = [
        Tensor("a", (5, 6), spectrum(fmt, 24), kept=(6, 14, 24), step=-24),
        Tensor("b", (4, 4), spectrum(fmt, 9, 5), kept=(3, 3, 9), step=-16),
    ]
    return File([spectral(tensors, fmt, coder)], tiers=3)


def _nothing_new() -> Iterator[Vector]:
    values = spectrum("f16", 8)
    shape = (4, 4)
    for name, about, kept in (
        ("first", "tier 0 holds nothing", (0, 4, 8)),
        ("middle", "tier 1 adds nothing", (4, 4, 8)),
        ("last", "tier 2 adds nothing: the file that ends after tier 1 is complete", (4, 8, 8)),
        ("all-but-first", "tiers 1 and 2 add nothing", (8, 8, 8)),
        ("any", "no tier holds anything", (0, 0, 0)),
    ):
        used = values[: kept[-1]]
        file = File([dct("w", "f16", shape, used, "adaptive", kept=kept)], tiers=3)
        yield valid(f"tiers-nothing-in-{name}", about, file)
        if name == "middle":
            yield valid("tiers-cut-where-two-end", "cut where tiers 0 and 1 end: both are present", file, present=2)
        if name == "first":
            yield valid(
                "tiers-cut-before-all", "cut after an empty tier 0: the file ends with its directory", file, present=1
            )
    scalar = File([dct("w", "f32", (), (0x40000000,), kept=(0, 1))], tiers=2)
    yield valid("tiers-of-a-scalar", "rank 0 whose entry is in tier 1", scalar)
    yield valid("tiers-of-a-scalar-at-0", "the same, opened at tier 0: +0", scalar, tier=0, of="tiers-of-a-scalar")


def _mixed() -> Iterator[Vector]:
    file = File(
        [
            dct("a.weight", "f16", (4, 4), spectrum("f16", 10), "adaptive", kept=(4, 10)),
            raw("a.bias", "f32", (3,), spectrum("f32", 3)),
            dct("b.weight", "f32", (3, 3), spectrum("f32", 4), kept=(4, 4)),
            raw("b.count", "i64", (), (7,)),
        ],
        tiers=2,
    )
    yield valid("tiers-with-raw", "plain tensors are in tier 0; a group has no segment in tier 1", file)
    yield valid("tiers-with-raw-cut-after-0", "the same file cut after tier 0 keeps all plain tensors", file, present=1)
    only = File([raw("x", "u8", (2,), (1, 2))], tiers=4)
    yield valid("tiers-of-raw-only", "four tiers of a file that has plain tensors only: all are present", only)
    carried = [0] * 40 + [1, -1] * 20
    about = "what a model learns in one tier carries over to the next; terms and neighbors do not"
    yield valid("tiers-models-steps", about, File([dct("w", "q", (80,), carried, kept=(40, 60, 80))], tiers=3))
    floats = [0x3C00] * 30 + [0x4200, 0xBC00] * 15
    group = dct("w", "f16", (60,), floats, "adaptive", kept=(30, 45, 60))
    yield valid("tiers-models-floats", "the same with floats", File([group], tiers=3))
    late = [
        Tensor("a", (9,), carried[36:43], kept=(0, 3, 7)),
        Tensor("b", (9,), (5, 5, 5), kept=(0, 3, 3)),
    ]
    yield valid(
        "tiers-models-start-late",
        "a model is in its initial state at the first segment, which is in tier 1, and has its scale there",
        File([spectral(late, "q")], tiers=3),
    )
