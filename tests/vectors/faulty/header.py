"""The fourteen bytes of the header, and what follows the last segment."""

from __future__ import annotations

from collections.abc import Iterator

from tests.vectors import deflate, msgpack
from tests.vectors.entries import Vector, faulty
from tests.vectors.faulty.base import DCT, RAW, TIERED, with_directory
from tests.vectors.frz import MAGIC, File, head

DIRECTORY = msgpack.pack(RAW.tree())
MIB64 = 1 << 26


def vectors() -> Iterator[Vector]:
    for i in range(4):
        magic = MAGIC[:i] + bytes([MAGIC[i] ^ 0x20]) + MAGIC[i + 1 :]
        yield faulty(
            f"magic-byte-{i}", f"byte {i} of the magic is wrong", with_directory(RAW, DIRECTORY, magic=magic), "MAGIC"
        )
    yield faulty("magic-of-a-zip", "a zip archive, as PyTorch saves", b"PK\x03\x04" + bytes(40), "MAGIC")
    yield faulty("magic-text", "a text file", b"no tensors here\n", "MAGIC")
    yield faulty("magic-short", "two bytes that differ from the start of the magic", b"PK", "MAGIC")
    for version in (0, 2, 255):
        data = with_directory(RAW, DIRECTORY, version=version)
        yield faulty(f"version-{version}", f"version {version}", data, "VERSION")
    yield faulty("version-2-short", "version 2 in a file of six bytes", MAGIC + b"\x02\x00", "VERSION")
    for bit in range(1, 8):
        data = with_directory(RAW, DIRECTORY, flags=1 << bit)
        yield faulty(f"flags-bit-{bit}", f"reserved bit {bit} of the flags is set", data, "HEADER")
    both = with_directory(RAW, DIRECTORY, deflated=deflate.fixed(DIRECTORY), flags=3)
    yield faulty("flags-bit-1-and-deflated", "a reserved bit set together with the defined one", both, "HEADER")
    yield from _lengths()
    yield from _trailing()


def _lengths() -> Iterator[Vector]:
    size = len(DIRECTORY)
    for name, length in (("more", size + 1), ("less", size - 1), ("none", 0)):
        about = f"a plain directory of {size} bytes that is {length} bytes long when inflated"
        yield faulty(f"length-{name}-than-stored", about, with_directory(RAW, DIRECTORY, length=length), "HEADER")
    for name, stored in (("64mib-plus-1", MIB64 + 1), ("2gib", 1 << 31), ("4gib", (1 << 32) - 1)):
        deflated = with_directory(RAW, DIRECTORY, deflated=deflate.fixed(DIRECTORY), stored=stored)
        yield faulty(f"limit-stored-{name}", f"a directory of {stored:,} bytes as stored", deflated, "LIMIT")
        deflated = with_directory(RAW, DIRECTORY, deflated=deflate.fixed(DIRECTORY), length=stored)
        yield faulty(f"limit-length-{name}", f"a directory of {stored:,} bytes when inflated", deflated, "LIMIT")
    data = with_directory(RAW, DIRECTORY, stored=MIB64, length=MIB64)
    yield faulty("stored-64mib", "a directory of the maximum size, in a file of a few bytes", data, "TRUNCATED")
    less = with_directory(RAW, DIRECTORY[:-1], length=len(DIRECTORY) - 1)
    yield faulty(
        "stored-one-less", "lengths and checksum cover all of the directory except its last byte", less, "DIRECTORY"
    )


def _trailing() -> Iterator[Vector]:
    about = "after the last segment"
    yield faulty("trailing-byte", f"a zero byte {about}", RAW.bytes() + b"\0", "TRAILING")
    yield faulty("trailing-newline", f"a newline {about}", DCT.bytes() + b"\n", "TRAILING")
    yield faulty("trailing-file", f"a second file {about}", RAW.bytes() + RAW.bytes(), "TRAILING")
    yield faulty("trailing-after-tiers", f"four bytes {about} of the last tier", TIERED.bytes() + bytes(4), "TRAILING")
    yield faulty(
        "trailing-after-empty",
        "a byte after the directory of a file without tensors",
        File().bytes() + b"\0",
        "TRAILING",
    )
    twice = head(DIRECTORY) + RAW.bytes()[len(head(DIRECTORY)) :] * 2
    yield faulty("trailing-segment", f"the segment repeated {about}", twice, "TRAILING")
