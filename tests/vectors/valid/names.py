"""Names: Unicode, length, front coding."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from tests.vectors import msgpack
from tests.vectors.entries import Vector, valid
from tests.vectors.frz import GROUPS, NAMES, File, Group, Tensor
from tests.vectors.msgpack import Map

UNICODE = (
    ("latin", ("größe", "naïve", "größer"), "letters of two bytes; one name is a prefix of another"),
    ("cjk", ("層.重み", "層.偏り", "层"), "characters of three bytes whose encodings share their first bytes"),
    (
        "emoji",
        ("🙂", "🙃", "👩‍🔬.weight", "🏳️‍🌈"),
        "characters of four bytes that differ in the last, joiners, selectors",
    ),
    (
        "combining",
        ("e\u0301", "\u00e9", "e"),
        "the same letter composed and decomposed: two names, because nothing is normalized",
    ),
    ("right-to-left", ("שכבה.משקל", "طبقة", "\u202egnirts\u202c"), "Hebrew, Arabic, direction overrides"),
    (
        "odd-characters",
        ("\ufeffbom", "\u0080\u009f", "\u2028", "\uffff", "\U0010ffff", "\ufffd"),
        "allowed, if unusual",
    ),
    ("that-look-like-paths", ("../../etc/passwd", "C:\\x", "/", "..", "a/b", " ", "'\"<&>%s{}"), "names are not paths"),
    ("case", ("Weight", "weight", "WEIGHT"), "names that differ in case only"),
)


def vectors() -> Iterator[Vector]:
    for name, names, about in UNICODE:
        yield valid(f"names-{name}", about, _file(names))
    longest = "é" * 512
    yield valid("names-of-1024-bytes", "the longest names allowed, 1024 bytes each", _file([longest, "x" * 1024]))
    yield valid("names-in-any-order", "names need not be sorted", _file(["b", "a", "c.b", "c.a", "", "c"][:4]))
    yield from _front_coding()
    targets = [("別名", "層"), ("alias of λ", "λ")]
    yield valid(
        "names-of-aliases", "aliases and targets outside ASCII", File(_file(["層", "λ"]).groups, aliases=targets)
    )


def _front_coding() -> Iterator[Vector]:
    names = ["layer.weight", "layer.weights", "layer", "layer.bias", "other"]
    whole = [part for name in names for part in (0, name)]
    yield valid("names-nothing-shared", "front coding that never repeats a byte", _coded(names, whole))
    less = [0, names[0], 3, "er.weights", 5, "", 1, "ayer.bias", 0, "other"]
    yield valid(
        "names-less-shared",
        "front coding that repeats less than it could, or repeats everything and adds nothing",
        _coded(names, less),
    )
    one = ["żó", "żół", "żółć"]
    yield valid(
        "names-bytes-not-characters", "prefixes count bytes, not characters", _coded(one, [0, one[0], 4, "ł", 6, "ć"])
    )


def _file(names: Sequence[str]) -> File:
    return File([Group([Tensor(name, (), (i,)) for i, name in enumerate(names)], "u8")])


def _coded(names: Sequence[str], coded: list[Any]) -> File:
    def pack(tree: Map) -> bytes:
        tree.get(GROUPS)[0].set(NAMES, coded)
        return msgpack.pack(tree)

    return File(_file(names).groups, pack=pack)
