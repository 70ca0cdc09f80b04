"""Whole files: the worked example, no tensors, several groups, aliases, metadata."""

from __future__ import annotations

from collections.abc import Iterator

from tests.vectors import deflate
from tests.vectors.appendix import DICTIONARY
from tests.vectors.entries import Vector, valid
from tests.vectors.frz import File, Group, Tensor, dct, raw, spectral
from tests.vectors.numbers import f16, f32, spectrum

EXAMPLE = File(
    [
        spectral([Tensor("conv1.weight", (2, 2, 3, 3), [20, -3, 0, 1, 1], kept=(3, 5), step=-48)], "q"),
        Group([Tensor("bn1.running_mean", (2,), f16(0.5, -1.5, 0.25, -1.0))], "f16", per_tier=True),
    ],
    metadata={"license": "MIT"},
    tiers=2,
    deflate=lambda data: deflate.fixed(data, DICTIONARY),
)
"""The file of section 17."""

HUGE = File(
    [
        dct("huge", "f32", (1 << 20, 1 << 20), f32(3.0, -1.0, 0.5)),
        dct("small", "f32", (2, 3), f32(1.0, 2.0)),
    ]
)


def vectors() -> Iterator[Vector]:
    about = "the file that section 17 of the specification explains byte by byte"
    yield valid("example", about, EXAMPLE)
    yield valid("example-at-0", f"{about}, opened at tier 0", EXAMPLE, tier=0, of="example")
    yield valid("empty", "no groups at all", File())
    yield valid("empty-with-metadata", "no groups, but metadata", File(metadata={"note": "nothing here"}))
    several = [
        raw("bias", "f32", (3,), f32(0.5, -1.0, 2.0)),
        dct("a.weight", "f16", (4, 4), spectrum("f16", 7), "adaptive"),
        raw("count", "i64", (), [-5]),
        spectral(
            [
                Tensor("b.weight", (2, 8), spectrum("q", 5), kept=(5,), step=-32),
                Tensor("c.weight", (9,), (1, 2, 3), kept=(3,)),
            ],
            "q",
            dtype="f16",
        ),
    ]
    yield valid("several-groups", "plain tensors and spectra in turn, each with its own segment", File(several))
    shared = [Tensor("x", (2, 2), f32(1.0, 2.0, 3.0, 4.0)), Tensor("none", (0,)), Tensor("y", (3,), f32(5.0, 6.0, 7.0))]
    yield valid("raw-group-of-three", "one segment of several plain tensors, one of them empty", File([Group(shared)]))
    mixed = [
        Tensor("p", (4, 4), spectrum("q", 6), kept=(6,), step=-64),
        Tensor("q", (5,), kept=(0,)),
        Tensor("r", (3, 2, 2), spectrum("q", 4, 2), kept=(4,), step=3),
    ]
    yield valid(
        "dct-group-of-three",
        "one segment of several spectra with their own steps, one without coefficients",
        File([spectral(mixed, "q")]),
    )
    tied = [raw("embed", "f32", (2,), f32(1.0, -1.0)), dct("w", "f32", (3,), f32(1.0, 0.5))]
    yield valid(
        "aliases",
        "three aliases of a plain tensor and a spectrum, two of them of the same",
        File(tied, aliases=[("head", "embed"), ("a", "w"), ("z", "w")]),
    )
    yield valid(
        "optional-fields-empty",
        "metadata, aliases and features are present and empty, tiers is 1",
        File([raw("a", "u8", (1,), [7])], {}, [], features=[], pack=_with_one_tier),
    )
    text = {
        "accuracy": "0.981",
        "empty": "",
        "lines": "first\nsecond\ttab\x00nul\x7f",
        "long": "x" * 1000,
        "żółć": "日本語 🎉 e\u0301 שלום",
        "\uffff": "U+FFFF comes before U+10000 by its bytes, not by its UTF-16 units",
        "\U00010000": "",
    }
    yield valid("metadata", "text of every kind; the order of keys is that of their UTF-8 bytes", File(metadata=text))
    yield valid(
        "terabytes-listed",
        "a tensor of 4 TiB next to a small one: it is listed and its coefficients are read, but not rebuilt",
        HUGE,
        rebuild=False,
    )


def _with_one_tier(tree: object) -> bytes:
    from tests.vectors import msgpack
    from tests.vectors.frz import TIERS

    assert isinstance(tree, msgpack.Map)
    tree.set(TIERS, 1)
    return msgpack.pack(tree)
