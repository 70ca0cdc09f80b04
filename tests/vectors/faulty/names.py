"""Names of tensors and aliases."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tests.vectors import frz
from tests.vectors.entries import Vector, faulty
from tests.vectors.faulty.base import NAMED, in_group, put, refused
from tests.vectors.faulty.contradictions import LARGE
from tests.vectors.frz import ALIASES, GROUPS, NAMES, File, Group, Tensor

CONTROLS = {"nul": "\0", "newline": "\n", "escape": "\x1b", "unit-separator": "\x1f", "delete": "\x7f"}


def vectors() -> Iterator[Vector]:
    for name, text, about in (
        ("empty", "", "an empty name"),
        ("of-1025-bytes", "x" * 1025, "a name of 1025 bytes"),
        ("of-1026-bytes-in-513-characters", "é" * 513, "a name of 1026 bytes in 513 characters"),
        *((f"with-{name}", f"a{c}b", f"a name with U+{ord(c):04X}") for name, c in CONTROLS.items()),
    ):
        # The tensor of group 0 keeps its name, which an alias refers to.
        yield refused(f"name-{name}", about, NAMED, put(GROUPS, 1, NAMES, [0, text]), "NAME")
    for name, coded, about in (
        ("prefix-of-nothing", [1, "x"], "the first name repeats one byte of the empty string"),
        *((f"prefix-of-{_ascii(text)}", [n, "x"], f"the first name repeats {text} bytes") for n, text in LARGE),
    ):
        yield refused(f"name-{name}", about, NAMED, in_group(NAMES, coded), "NAME")
    yield from _front_coded()
    yield from _duplicates()
    yield from _aliases()


def _ascii(text: str) -> str:
    return text.replace("^", "e").replace(" − ", "-minus-")


def _front_coded() -> Iterator[Vector]:
    for name, coded, about in (
        ("prefix-too-long", [0, "ab", 3, "c"], "a name repeats 3 bytes of a name that has 2"),
        (
            "prefix-of-name-before-last",
            [0, "abcd", 1, "", 3, "x"],
            "a name repeats more bytes than the previous name has",
        ),
        ("second-empty", [0, "ab", 0, ""], "the second name has no bytes"),
        ("cut-within-a-character", [0, "aé", 2, "x"], "a name repeats the first half of a character"),
        ("ends-within-a-character", [0, "aé", 2, ""], "a name ends with the first half of a character"),
        ("grows-to-1025-bytes", [0, "x" * 1024, 1024, "x"], "a name that one more byte makes too long"),
        ("same-as-before", [0, "ab", 2, ""], "the second name repeats all of the first and adds nothing"),
        ("same-spelt-out", [0, "ab", 0, "ab"], "two tensors of a group have the same name"),
    ):
        tensors = [Tensor(f"t{i}", (), (i,)) for i in range(len(coded) // 2)]
        yield refused(f"name-{name}", about, File([Group(tensors, "u8")]), in_group(NAMES, coded), "NAME")


def _duplicates() -> Iterator[Vector]:
    other = put(GROUPS, 1, NAMES, [0, "x"])
    yield refused("name-in-two-groups", "tensors of two groups have the same name", NAMED, other, "NAME")
    three = [Tensor(name, (), (1,)) for name in ("a", "b", "a")]
    yield faulty(
        "name-first-and-last",
        "the first and last of three names are the same",
        File([Group(three, "u8")]).bytes(),
        "NAME",
    )


def _aliases() -> Iterator[Vector]:
    cases: dict[str, tuple[list[Any], str]] = {
        "missing": ([["a", "z"]], "the target is not in the file"),
        "of-alias": ([["a", "x"], ["b", "a"]], "the target is an alias"),
        "of-later-alias": ([["b", "a"], ["a", "x"]], "the target is an alias that comes later"),
        "of-itself": ([["a", "a"]], "the target is the alias itself"),
        "of-each-other": ([["a", "b"], ["b", "a"]], "two aliases are each other's targets"),
        "named-as-tensor": ([["y", "x"]], "an alias has the name of a tensor"),
        "named-as-target": ([["x", "x"]], "an alias has the name of its target"),
        "twice": ([["a", "x"], ["a", "y"]], "two aliases have the same name"),
        "empty": ([["", "x"]], "an alias has no name"),
        "too-long": ([["a" * 1025, "x"]], "an alias of 1025 bytes"),
        "with-control": ([["a\tb", "x"]], "an alias with a tab"),
        "target-empty": ([["a", ""]], "the target has no name"),
        "target-in-other-case": ([["a", "X"]], "the target differs from a tensor's name in case"),
        "target-normalized": ([["a", "e\u0301"]], "the target is a tensor's name in another normal form"),
    }
    for name, (aliases, about) in cases.items():
        file = File([*NAMED.groups, frz.raw("\u00e9", "u8", (), (1,))], None, [("a", "x")])
        yield refused(f"alias-{name}", about, file, put(ALIASES, aliases), "NAME")
