"""Directories: every encoding of the same values, ignored keys, and every way to deflate."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from tests.vectors import deflate, msgpack
from tests.vectors.appendix import DICTIONARY
from tests.vectors.entries import Vector, valid
from tests.vectors.frz import GROUPS, SIZES, STEPS, File, Group, Tensor, raw, spectral
from tests.vectors.msgpack import Bin, Map, Raw, ext
from tests.vectors.numbers import spectrum
from tests.vectors.valid.tiers import three

U64 = 2**64 - 1


def vectors() -> Iterator[Vector]:
    yield from _encodings()
    yield from _ignored()
    yield from _deflated()


def _full(**more: Any) -> File:
    """Return a file with every possible field."""
    spectra = [
        Tensor("conv1.weight", (4, 6), spectrum("q", 8), (8, 3), (5, 8), step=-32),
        Tensor("conv2.weight", (4,), (9, -1), kept=(1, 2), step=16),
    ]
    shape, view = (4, 6), (2, 12)
    fc = Tensor("fc.weight", shape, spectrum("f16", 8), view, corners=[(1, 3), (2, 4)], factors=(0,), seeds=(2**63,))
    mean = Tensor("bn.mean", (3,), spectrum("q", 6), offsets={0: [1, 2, 3, -1, -2, -3]})
    groups = [
        Group([Tensor("", (2, 2), spectrum("f32", 4))]),
        spectral(spectra, "q"),
        raw("fc.bias", "f32", (2,), spectrum("f32", 2)),
        Group([fc], "f32", ["stored", "seeded"], "f16"),
        Group([mean], stepped=True, per_tier=True, coder="adaptive"),
    ]
    return File(groups, {"license": "MIT", "source": "made up"}, [("tied", "fc.bias")], 2, [], **more)


def _encodings() -> Iterator[Vector]:
    about = "every integer in 64 bits, every string, array and map with a 32-bit count"
    yield valid("msgpack-widest", about, _full(pack=msgpack.pack_widest))
    for i, one in enumerate(msgpack.integers(1)):
        kind = ("fixint", "uint8", "uint16", "uint32", "uint64", "int8", "int16", "int32", "int64")[i]
        file = File([Group([Tensor("x", (), (3,))], "u8")], pack=_with(SIZES, [one]))
        yield valid(f"msgpack-{kind}", f"a field given as {kind}", file)

    for name, head in (("int8", b"\xd0"), ("int16", b"\xd1"), ("int32", b"\xd2"), ("int64", b"\xd3")):
        step = Raw(head + (-5).to_bytes(int(name[3:]) // 8, "big", signed=True))
        group = Group([Tensor("x", (2,), (3, -1), step=-5)], stepped=True, coder="adaptive")
        file = File([group], pack=_with(STEPS, [step]))
        yield valid(f"msgpack-negative-{name}", f"a negative field given as {name}", file)


def _with(field: int, value: list[Raw]) -> Callable[[Map], bytes]:
    def pack(tree: Map) -> bytes:
        tree.get(GROUPS)[0].set(field, value)
        return msgpack.pack(tree)

    return pack


def _ignored() -> Iterator[Vector]:
    every = msgpack.every_type()
    yield valid(
        "ignored-keys", "keys of later versions in both kinds of maps", _ignoring([(6, 1), (U64, 2)], [(16, 3)])
    )
    about = "values of every type under an ignored key of the directory map"
    yield valid("ignored-values", about, _ignoring([(6, every)]))
    yield valid("ignored-values-in-group", "the same under an ignored key of a group", _ignoring([], [(16, every)]))
    keys: list[Any] = [None, True, -1, 0.5, "b", "a", "a", Bin(b"x"), [1], Map([(1, 2)]), 3, 3, 1, ext(1, b"x")]
    about = "an ignored map with keys of every type, unsorted and repeated"
    yield valid("ignored-map-keys", about, _ignoring([(9, Map((key, None) for key in keys))]))
    stamps = [ext(-1, bytes(4)), ext(-1, b"\xff" * 8), ext(-1, b"\xff" * 12), ext(-1, b"odd"), ext(-1, b"x" * 16)]
    about = "timestamps under an ignored key, including impossible ones: extensions are not examined"
    yield valid("ignored-timestamps", about, _ignoring([(9, stamps)]))
    yield valid("ignored-depth-16", "arrays nested as deeply as allowed", _ignoring([(9, msgpack.nested(15))]))
    about = "the same in a group, whose map is at depth 3"
    yield valid("ignored-depth-16-in-group", about, _ignoring([], [(99, msgpack.nested(13))]))
    many = Raw(b"\xdd" + (1 << 20).to_bytes(4, "big") + b"\x90" * (1 << 20))
    about = "a million empty arrays under an ignored key, in a file of a kilobyte"
    yield valid("ignored-million-arrays", about, _ignoring([(9, many)], deflate=deflate.dynamic))
    maps = Map()
    for _ in range(14):
        maps = Map([(0, maps)])
    yield valid("ignored-depth-16-of-maps", "maps nested as deeply as allowed", _ignoring([(9, maps)]))
    scalars = [None, True, 0.5, -7, "ab", "x" * 40, Bin(b"x"), ext(1, b"x"), Raw(b"\xca" + bytes(4))]
    about = "values of every type in arrays nested as deeply as allowed"
    yield valid("ignored-depth-16-of-values", about, _ignoring([(9, msgpack.nested(14, scalars))]))
    numbers = ("7ff8000000000000", "fff8000000000001", "7ff0000000000001", "7ff0000000000000", "8000000000000000")
    odd = [Raw(b"\xcb" + bytes.fromhex(number)) for number in numbers]
    odd += [Raw(b"\xca" + bytes.fromhex(number)) for number in ("7fc00000", "ffc00001", "7f800001", "ff800000")]
    about = "NaNs, infinities and −0 under an ignored key"
    yield valid("ignored-nans", about, _ignoring([(9, odd)]))


def _ignoring(top: list[tuple[Any, Any]], group: list[tuple[Any, Any]] | None = None, **more: Any) -> File:
    return File([Group([Tensor("x", (), (3,))], "u8", extra=group or ())], extra=top, **more)


def _deflated() -> Iterator[Vector]:
    def by_blocks(data: bytes) -> bytes:
        found = deflate.tokens(data, DICTIONARY)
        return deflate.blocks([found[:5], [], found[5:]], dynamic=False)

    ways = {
        "stored": ("one stored block, larger than the directory itself", deflate.stored),
        "fixed": ("a block of the fixed code with matches in the dictionary", lambda d: deflate.fixed(d, DICTIONARY)),
        "dynamic": (
            "a block with a dynamic code and matches in the dictionary",
            lambda d: deflate.dynamic(d, DICTIONARY),
        ),
        "alone": ("a stream that does not use the dictionary", deflate.fixed),
        "blocks": ("three blocks, one of them empty", by_blocks),
        "runs": ("a block with a dynamic code whose lengths are run-length coded", _runs),
        "mixed": ("a stored block before one of the fixed code", _mixed),
    }
    for name, (about, way) in ways.items():
        yield valid(f"dir-deflate-{name}", about, _full(deflate=way))
    start = DICTIONARY[:16].decode()
    file = File([raw(start, "u8", (), (1,))], deflate=_from_the_start)
    yield valid("dir-deflate-whole-dictionary", "a match that begins at the dictionary's first byte", file)
    far = "sixteen letters."
    group = Group([Tensor("fc.bias", (), (1,))], "u8", extra=[(16, far + "x" * 32747)])
    text = {"b": far, "k" * 65: "long keys", "k" * 300: ""}
    file = File([group], text, deflate=lambda data: deflate.fixed(data, DICTIONARY))
    assert (16, 32768) in deflate.tokens(file.directory(), DICTIONARY)
    about = "a directory larger than the window, with the longest distance possible; keys of 65 and 300 bytes"
    yield valid("dir-deflate-long", about, file)
    about = "three tiers, cut after the first, with a deflated directory"
    yield valid(
        "dir-deflate-tiers-cut", about, File(three("adaptive", "f16").groups, tiers=3, deflate=deflate.fixed), present=1
    )


def _runs(data: bytes) -> bytes:
    return deflate.blocks([deflate.tokens(data, DICTIONARY)], dynamic=True, runs=True)


def _mixed(data: bytes) -> bytes:
    first = data[:20]
    found = deflate.tokens(data[20:], DICTIONARY + first)
    head = b"\x00" + len(first).to_bytes(2, "little") + (len(first) ^ 0xFFFF).to_bytes(2, "little") + first
    return head + deflate.blocks([found], dynamic=False)


def _from_the_start(data: bytes) -> bytes:
    """Return a stream of ``data`` in which a match covers the first 16 bytes of the dictionary."""
    at = data.index(DICTIONARY[:16])
    tokens: list[deflate.Token] = [*data[:at], (16, len(DICTIONARY) + at), *data[at + 16 :]]
    return deflate.blocks([tokens], dynamic=False)
