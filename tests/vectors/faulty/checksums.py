"""Damage: bytes that do not match the CRC-32 after them. A damaged stream is never reported as a malformed one."""

from __future__ import annotations

import zlib
from collections.abc import Iterator

from tests.vectors import deflate, frz, zstd
from tests.vectors.entries import Vector, faulty
from tests.vectors.faulty.base import ANEW, DCT, NESTED, RAW, TIERED, TUCKER
from tests.vectors.frz import ENTROPY, File, Group, Tensor, dct, raw
from tests.vectors.msgpack import pack
from tests.vectors.numbers import f32, spectrum
from tests.vectors.valid.adaptive import of_no_bytes


def vectors() -> Iterator[Vector]:
    yield from _directory()
    yield from _segments()
    yield from _streams()


def _directory() -> Iterator[Vector]:
    data = RAW.bytes()
    head = len(RAW.head())
    yield faulty("crc-name", "a bit of a name in the directory is flipped", _flip(data, data.index(b"x")), "CHECKSUM")
    yield faulty("crc-directory-first-byte", "the directory's first byte is changed", _flip(data, 14, 0x20), "CHECKSUM")
    yield faulty("crc-directory", "the directory's checksum is wrong", _flip(data, head - 1, 0x80), "CHECKSUM")
    swapped = data[: head - 4] + data[head - 4 : head][::-1] + data[head:]
    yield faulty("crc-directory-big-endian", "the directory's checksum is big-endian", swapped, "CHECKSUM")
    deflated = File(RAW.groups, deflate=deflate.fixed).bytes()
    for name, start, about in (
        ("without-header", 14, "of the directory only"),
        ("without-magic", 4, "of all but the magic"),
    ):
        tree = pack(RAW.tree())
        body = frz.head(tree)[:-4]
        wrong = body + zlib.crc32(body[start:]).to_bytes(4, "little") + data[head:]
        yield faulty(f"crc-directory-{name}", f"the checksum is {about}", wrong, "CHECKSUM")
    yield faulty("crc-flag", "bit 0 of the flags of a deflated directory is cleared", _plain(deflated), "CHECKSUM")
    yield faulty("crc-length", "the length of a deflated directory is wrong", _flip(deflated, 10), "CHECKSUM")
    yield faulty("crc-deflated-directory", "a bit of a deflated directory is flipped", _flip(deflated, 30), "CHECKSUM")
    yield faulty(
        "crc-empty-file", "the checksum of a file without tensors is wrong", _flip(File().bytes(), -1), "CHECKSUM"
    )


def _plain(deflated: bytes) -> bytes:
    return deflated[:5] + b"\0" + deflated[6:10] + deflated[6:10] + deflated[14:]


def _segments() -> Iterator[Vector]:
    data = RAW.bytes()
    head = len(RAW.head())
    about = "of the segment is flipped"
    yield faulty("crc-segment-first-bit", f"the first bit {about}", _flip(data, head), "CHECKSUM", load="x")
    yield faulty("crc-segment-last-bit", f"the last bit {about}", _flip(data, -5, 0x80), "CHECKSUM", load="x")
    yield faulty("crc-segment", "the segment's checksum is wrong", _flip(data, -4), "CHECKSUM", load="x")
    yield faulty("crc-segment-is-0", "the segment's checksum is 0", data[:-4] + bytes(4), "CHECKSUM", load="x")
    yield faulty("crc-segment-dct", "a coefficient is changed", _flip(DCT.bytes(), -6, 0x80), "CHECKSUM", load="w")
    tiered = TIERED.bytes()
    yield faulty("crc-tier-1", "a bit of tier 1 is flipped", _flip(tiered, -6), "CHECKSUM", load="w")
    yield faulty("crc-tier-0", "a bit of tier 0 is flipped", _flip(tiered, len(TIERED.head())), "CHECKSUM", load="w")
    second = len(TIERED.head()) + len(TIERED.parts()[0][0])
    about = "a bit of the second group is flipped; the first is intact"
    yield faulty("crc-second-group", about, _flip(tiered, second), "CHECKSUM", load="x", sound=["w"])
    group = File([Group([Tensor("x", (2,), f32(1.0, 2.0)), Tensor("y", (1,), f32(3.0))]), raw("z", "u8", (), (1,))])
    about = "damage to one tensor of a group affects the whole group, but no other group"
    yield faulty("crc-of-neighbor", about, _flip(group.bytes(), len(group.head())), "CHECKSUM", load="y", sound=["z"])
    about = "damage to a factor affects the tensors that use it"
    two = File([*TUCKER.groups, raw("z", "u8", (), (1,))])
    yield faulty("crc-factor", about, _flip(two.bytes(), len(two.head())), "CHECKSUM", load="w", sound=["z"])
    anew = ANEW.bytes()
    about = "the segment of the tier that is open is damaged"
    yield faulty("crc-per-tier", about, _flip(anew, len(ANEW.head())), "CHECKSUM", load="m", tier=0)
    yield faulty(
        "crc-nested-tier-0",
        "a tier that a larger corner builds on is damaged",
        _flip(NESTED.bytes(), len(NESTED.head())),
        "CHECKSUM",
        load="w",
        sound=["x"],
    )
    about = "the checksum of a segment of 0 bytes is not 0"
    yield faulty("crc-of-no-bytes", about, _flip(of_no_bytes().bytes(), -1), "CHECKSUM", load="w")
    two = File([raw("x", "u8", (2,), (1, 2)), raw("y", "u8", (2,), (3, 4))])
    x, y = two.parts()[0]
    crossed = two.head() + x[:2] + y[2:] + y[:2] + x[2:]
    yield faulty("crc-exchanged", "the checksums of two segments are swapped", crossed, "CHECKSUM", load="x")


def _streams() -> Iterator[Vector]:
    text = list(range(40)) * 4
    coders = {"deflate": deflate.fixed, "zstd": zstd.raw}
    for coder, by in coders.items():
        stream = by(bytes(text))
        file = File([Group([Tensor("x", (160,), text)], "u8", coder=coder, streams=[stream])])
        at = len(file.head())
        for place, offset in (("start", at), ("middle", at + len(stream) // 2), ("end", at + len(stream) - 1)):
            name, about = f"crc-{coder}-{place}", f"damage at the {place} of a {coder} stream"
            yield faulty(name, about, _flip(file.bytes(), offset, 0x15), "CHECKSUM", load="x")
    for coder in ENTROPY:
        for fmt in ("f16", "q"):
            data = File([dct("w", fmt, (5, 5), spectrum(fmt, 12), coder)]).bytes()
            about = f"damage in a stream of {fmt} by coder {coder}"
            yield faulty(f"crc-{coder}-{fmt}", about, _flip(data, -7, 0x10), "CHECKSUM", load="w")
    nan = File([dct("w", "f32", (2,), f32(1.0))]).bytes()
    yield faulty(
        "crc-and-value", "damage that would turn a coefficient into a NaN", _flip(nan, -5, 0x40), "CHECKSUM", load="w"
    )


def _flip(data: bytes, at: int, bits: int = 1) -> bytes:
    out = bytearray(data)
    out[at] ^= bits
    return bytes(out)
