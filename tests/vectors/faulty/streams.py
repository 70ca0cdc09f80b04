"""Compressed streams that are malformed, too short, too long, or followed by more data. Their checksums are correct."""

from __future__ import annotations

import zlib
from collections.abc import Iterator

from tests.vectors import deflate, msgpack, zstd
from tests.vectors.appendix import DICTIONARY
from tests.vectors.entries import Vector, faulty
from tests.vectors.faulty.base import RAW, stream, with_directory

TEXT = bytes(100 + i % 5 for i in range(60))


def _malformed(data: bytes, dictionary: bytes = b"") -> dict[str, tuple[bytes, str]]:
    """Return byte strings, by name, that are not exactly one deflate stream of ``data``."""
    good = deflate.fixed(data, dictionary)
    stored = deflate.stored(data)
    far = deflate.blocks([[*data[:6], (len(data) - 6, len(dictionary) + 7)]], dynamic=False)
    no_end = deflate.blocks([deflate.tokens(data)], dynamic=False, final=False)
    return {
        "block-type-3": (b"\x07", "a block of the reserved type 3"),
        "stored-length": (stored[:3] + stored[1:3] + data, "a stored block whose length and its complement disagree"),
        "stored-cut": (stored[:-5], "a stored block that ends early"),
        "distance-too-far": (far, "a match that begins before the first byte"),
        "symbol-286": (_bits((0b011, 3), (0b01100011, 8)), "a length symbol that is not used"),
        "code-overfull": (
            _bits((0b101, 3), (0, 14), (0o1111, 12), (0, 20)),
            "an oversubscribed code",
        ),
        "cut": (good[:-3], "ends early"),
        "without-end": (no_end, "ends without a last block"),
        "of-no-bytes": (b"", "has no bytes"),
        "zlib": (_zlib(data), "has a zlib wrapper"),
        "gzip": (_gzip(data), "has a gzip wrapper"),
        "trailing-byte": (good + b"\0", "is followed by a zero byte"),
        "twice": (good + good, "is followed by itself"),
    }


def _zlib(data: bytes) -> bytes:
    return b"\x78\x01" + deflate.stored(data) + zlib.adler32(data).to_bytes(4, "big")


def _gzip(data: bytes) -> bytes:
    sums = zlib.crc32(data).to_bytes(4, "little") + len(data).to_bytes(4, "little")
    return b"\x1f\x8b\x08" + bytes(6) + b"\xff" + deflate.stored(data) + sums


def _bits(*parts: tuple[int, int]) -> bytes:
    bits = deflate.Bits()
    for value, count in parts:
        bits.put(value, count)
    return bits.bytes()


def vectors() -> Iterator[Vector]:
    yield from _deflate_segments()
    yield from _deflated_directories()
    yield from _zstd()


def _deflate_segments() -> Iterator[Vector]:
    for name, (data, about) in _malformed(TEXT).items():
        file = stream("deflate", len(TEXT), data)
        yield faulty(f"deflate-{name}", f"a segment's deflate stream: {about}", file, "STREAM", load="x")
    for name, text in (("one-less", TEXT[:-1]), ("one-more", TEXT + b"e"), ("nothing", b"")):
        file = stream("deflate", len(TEXT), deflate.fixed(text))
        yield faulty(
            f"deflate-{name}", f"a stream of {len(text)} bytes for {len(TEXT)} values", file, "STREAM", load="x"
        )
    named = DICTIONARY[:60]
    file = stream("deflate", 60, deflate.fixed(named, DICTIONARY))
    yield faulty(
        "deflate-with-dictionary", "a segment that refers to the directory's dictionary", file, "STREAM", load="x"
    )


def _deflated_directories() -> Iterator[Vector]:
    tree = msgpack.pack(RAW.tree())
    good = deflate.fixed(tree, DICTIONARY)
    for name, (data, about) in _malformed(tree, DICTIONARY).items():
        file = with_directory(RAW, tree, deflated=data)
        yield faulty(f"dir-deflate-{name}", f"the directory's deflate stream: {about}", file, "STREAM")
    for name, length in (("one-less", len(tree) - 1), ("one-more", len(tree) + 1), ("nothing", 0), ("64mib", 1 << 26)):
        file = with_directory(RAW, tree, deflated=good, length=length)
        about = f"a deflated directory of {len(tree)} bytes whose declared length is {length}"
        yield faulty(f"dir-length-{name}", about, file, "STREAM")


def _zstd() -> Iterator[Vector]:
    size = len(TEXT)
    good = zstd.raw(TEXT)
    block = zstd.block(TEXT)
    checked = zstd.checked()
    cases: dict[str, tuple[bytes, str]] = {
        "magic": (b"\x29" + good[1:], "another magic number"),
        "of-no-bytes": (b"", "no bytes"),
        "cut-in-header": (good[:5], "ends in the frame's header"),
        "cut-in-block": (good[:-1], "ends in a block"),
        "without-last-block": (zstd.frame(zstd.block(TEXT, last=False)), "no block is marked as the last one"),
        "block-type-3": (zstd.frame(zstd.block(TEXT, kind=zstd.RESERVED)), "a block of the reserved type 3"),
        "block-too-large": (zstd.frame(zstd.block(b"e", kind=zstd.RLE, size=2000)), "a block larger than its window"),
        "reserved-bit": (zstd.frame(block, reserved=True), "the reserved bit of the frame's header is set"),
        "dictionary": (zstd.frame(block, dictionary=7), "a frame that needs a dictionary"),
        "dictionary-in-1-byte": (zstd.frame(block, dictionary=7, id_width=1), "the same, with an id of one byte"),
        "dictionary-in-2-bytes": (zstd.frame(block, dictionary=256, id_width=2), "the same, with an id of two bytes"),
        "window-9mib": (zstd.frame(block, window=zstd.WINDOW_9_MIB), "a window of 9 MiB"),
        "window-16mib": (zstd.frame(block, window=zstd.WINDOW_16_MIB), "a window of 16 MiB"),
        "window-16mib-sized": (
            zstd.frame(block, window=zstd.WINDOW_16_MIB, content=size),
            "a window of 16 MiB in a frame that gives its content size",
        ),
        "window-2gib": (zstd.frame(block, window=0xA8), "a window of 2 GiB"),
        "trailing-byte": (good + b"\0", "followed by a zero byte"),
        "two-frames": (zstd.raw(TEXT[:20]) + zstd.raw(TEXT[20:]), "two frames"),
        "empty-frame-behind": (good + zstd.frame(zstd.block(b"")), "an empty frame after it"),
        "skippable-before": (zstd.skippable(b"hi") + good, "a skippable frame before it"),
        "skippable-behind": (good + zstd.skippable(b"hi"), "a skippable frame after it"),
        "skippable-only": (zstd.skippable(TEXT), "a skippable frame alone"),
        "one-less": (zstd.raw(TEXT[:-1]), "one byte too few"),
        "one-more": (zstd.raw(TEXT + b"e"), "one byte too many"),
        "nothing": (zstd.frame(zstd.block(b"")), "an empty frame"),
        "content-size-less": (zstd.frame(block, content=size - 1), "a content size that is one less"),
        "content-size-more": (zstd.frame(block, content=size + 1), "a content size that is one more"),
    }
    for name, (data, about) in cases.items():
        yield faulty(f"zstd-{name}", f"a zstd stream: {about}", stream("zstd", size, data), "STREAM", load="x")
    large = 9 << 20
    content = zstd.run(0, large, content=large, single=True)
    about = "a frame of 9 MiB whose window is its content"
    yield faulty("zstd-window-of-content-9mib", about, stream("zstd", large, content), "STREAM", load="x")
    damaged = checked[:-1] + bytes([checked[-1] ^ 1])
    about = "a zstd stream whose own checksum does not match"
    yield faulty("zstd-checksum", about, stream("zstd", 256, damaged), "STREAM", load="x")
