"""Zstandard frames (RFC 8878) of raw and run-length blocks, put together by hand, and one that a library compressed."""

from __future__ import annotations

import base64

MAGIC = b"\x28\xb5\x2f\xfd"
RAW, RLE, RESERVED = 0, 1, 3
SKIPPABLE = b"\x50\x2a\x4d\x18"
WINDOW_8_MIB = 13 << 3
WINDOW_9_MIB = 13 << 3 | 1
WINDOW_16_MIB = 14 << 3
COMPRESSED = (
    "KLUv/QRo/QIAgkQPFMDr+43XwrmrEJNtW0oREq6qqgAH/2quZgAfSbiMvSGsAozN8FM0vE9h1IcsasPiqouercR3jamO8DnWDxEgsBeLAQpdITMac"
    "BiIVrsA5sM22xRz622KgWJUbCP/L6xD"
)
"""``bytes(TEXT)`` of the coder vectors in base64, after compression by libzstd 1.5.7 at level 19 with a checksum and
without the content size. The result is stored here because other versions compress differently."""


def frame(
    *parts: bytes,
    content: int | None = None,
    width: int = 8,
    window: int = 0,
    single: bool = False,
    dictionary: int = 0,
    id_width: int | None = None,
    reserved: bool = False,
) -> bytes:
    """Return a frame of finished blocks.

    Args:
        *parts: the blocks.
        content: the frame's content size; None omits it.
        width: in how many bytes it is written: 1, 2, 4 or 8; 1 only in a single segment.
        window: the window descriptor; 0 means 1 KiB.
        single: omit the window descriptor; the window is then as large as the content.
        dictionary: a dictionary's id.
        id_width: in how many bytes it is written: 0, 1, 2 or 4; None means 4 if it is not 0.
        reserved: set the header's reserved bit.
    """
    id_width = (4 if dictionary else 0) if id_width is None else id_width
    size_code = (1, 2, 4, 8).index(width) if content is not None else 0
    descriptor = size_code << 6 | single << 5 | reserved << 3 | (0, 1, 2, 4).index(id_width)
    out = MAGIC + bytes([descriptor])
    out += b"" if single else bytes([window])
    out += dictionary.to_bytes(id_width, "little")
    if content is not None:
        out += (content - (256 if width == 2 else 0)).to_bytes(width, "little")
    return out + b"".join(parts)


def block(data: bytes, *, last: bool = True, kind: int = RAW, size: int | None = None) -> bytes:
    """Return a block; ``size`` is how often the byte of a run-length block is repeated."""
    return (last | kind << 1 | (len(data) if size is None else size) << 3).to_bytes(3, "little") + data


def raw(data: bytes) -> bytes:
    """Return ``data`` in a frame of raw blocks that fit its window of 1 KiB, without content size."""
    parts = [data[i : i + 1024] for i in range(0, len(data), 1024)] or [b""]
    return frame(*(block(part, last=i == len(parts) - 1) for i, part in enumerate(parts)))


def run(byte: int, count: int, *, content: int | None = None, single: bool = False) -> bytes:
    """Return one byte ``count`` times, in run-length blocks of at most 128 KiB."""
    most = 128 << 10
    sizes = [most] * ((count - 1) // most) + [(count - 1) % most + 1]
    parts = [block(bytes([byte]), last=i == len(sizes) - 1, kind=RLE, size=n) for i, n in enumerate(sizes)]
    return frame(*parts, content=content, window=WINDOW_8_MIB, single=single)


def skippable(data: bytes) -> bytes:
    """Return a skippable frame."""
    return SKIPPABLE + len(data).to_bytes(4, "little") + data


def checked() -> bytes:
    """Return the frame that a library compressed, with its checksum."""
    return base64.b64decode(COMPRESSED)
