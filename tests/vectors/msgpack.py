"""MessagePack byte by byte: the shortest encodings, other encodings of the same value, and malformed ones."""

from __future__ import annotations

import struct
from collections.abc import Iterable
from typing import Any


class Raw(bytes):
    """Bytes to insert unchanged in place of a value."""


class Map(list[tuple[Any, Any]]):
    """A map as a list of pairs, which can be in any order and contain duplicates."""

    def get(self, key: Any) -> Any:
        """Return the value of ``key``, which must exist."""
        return next(value for known, value in self if known == key)

    def set(self, key: Any, value: Any) -> None:
        """Set the value of ``key``; a new key is inserted in sorted order."""
        for i, (known, _) in enumerate(self):
            if known == key:
                self[i] = (key, value)
                return
        self.append((key, value))
        self.sort(key=lambda pair: pair[0])

    def drop(self, key: Any) -> None:
        """Remove ``key``."""
        self[:] = [pair for pair in self if pair[0] != key]


class Bin(bytes):
    """A value of type bin."""


def pack(value: Any) -> bytes:
    """Return ``value`` with each part in its shortest encoding."""
    if isinstance(value, Raw):
        return bytes(value)
    if value is None or isinstance(value, bool):
        return {None: b"\xc0", False: b"\xc2", True: b"\xc3"}[value]
    if isinstance(value, int):
        return _integer(value)
    if isinstance(value, float):
        return b"\xcb" + struct.pack(">d", value)
    if isinstance(value, str):
        return text(value.encode())
    if isinstance(value, Bin):
        return _sized(len(value), b"\xc4\xc5\xc6") + value
    if isinstance(value, Map):
        return _count(len(value), 0x80, b"\xde\xdf") + b"".join(pack(part) for pair in value for part in pair)
    return _count(len(value), 0x90, b"\xdc\xdd") + b"".join(map(pack, value))


def pack_widest(value: Any) -> bytes:
    """Return ``value`` with each part in its longest encoding: 64-bit integers, 32-bit counts."""
    if isinstance(value, int) and not isinstance(value, bool):
        return uint64(value) if value >= 0 else int64(value)
    if isinstance(value, str):
        return text32(value.encode())
    if isinstance(value, Map):
        return b"\xdf" + _u32(len(value)) + b"".join(pack_widest(part) for pair in value for part in pair)
    if isinstance(value, list | tuple):
        return b"\xdd" + _u32(len(value)) + b"".join(map(pack_widest, value))
    return pack(value)


def text(data: bytes) -> Raw:
    """Return a string of ``data``, which need not be UTF-8."""
    return Raw((bytes([0xA0 | len(data)]) if len(data) < 32 else _sized(len(data), b"\xd9\xda\xdb")) + data)


def text32(data: bytes) -> Raw:
    """Return a string with a 32-bit length."""
    return Raw(b"\xdb" + _u32(len(data)) + data)


def uint64(value: int) -> Raw:
    """Return an integer as uint 64."""
    return Raw(b"\xcf" + struct.pack(">Q", value))


def int64(value: int) -> Raw:
    """Return an integer as int 64, even if it is not negative."""
    return Raw(b"\xd3" + struct.pack(">q", value))


def integers(value: int) -> list[Raw]:
    """Return a non-negative integer below 128 in all its encodings."""
    formats = (
        (b"\xcc", "B"),
        (b"\xcd", "H"),
        (b"\xce", "I"),
        (b"\xcf", "Q"),
        (b"\xd0", "b"),
        (b"\xd1", "h"),
        (b"\xd2", "i"),
    )
    wide = [Raw(head + struct.pack(">" + code, value)) for head, code in (*formats, (b"\xd3", "q"))]
    return [Raw(bytes([value])), *wide]


def ext(kind: int, data: bytes, head: bytes | None = None) -> Raw:
    """Return an extension value; ``head`` overrides the bytes before the type."""
    fixed = {1: b"\xd4", 2: b"\xd5", 4: b"\xd6", 8: b"\xd7", 16: b"\xd8"}
    before = head if head is not None else fixed.get(len(data)) or _sized(len(data), b"\xc7\xc8\xc9")
    return Raw(before + struct.pack(">b", kind) + data)


def nested(depth: int, innermost: Any = 0) -> Any:
    """Return ``depth`` nested arrays."""
    return Raw(b"\x91" * depth + pack(innermost))


def every_type() -> list[Any]:
    """Return values of every MessagePack type, including all integer widths, their extremes and all extension sizes."""
    lengths: Iterable[int] = (1, 2, 4, 8, 16, 3, 300, 70000)
    numbers = (
        0,
        127,
        128,
        255,
        256,
        65535,
        65536,
        2**32 - 1,
        2**32,
        2**64 - 1,
        -1,
        -32,
        -33,
        -128,
        -129,
        -32768,
        -(2**63),
    )
    return [
        *(None, False, True, *numbers, *integers(5), 0.5, Raw(b"\xca" + struct.pack(">f", 0.5))),
        *("", "abc", "x" * 40, "x" * 300, Raw(b"\xda\x00\x01a"), Raw(b"\xdb\x00\x00\x00\x01a")),
        *(Bin(b""), Bin(b"\xff" * 300), Raw(b"\xc6\x00\x00\x00\x01\x00")),
        *([], [1, [2]], Raw(b"\xdc\x00\x01\x07"), Raw(b"\xdd\x00\x00\x00\x01\x07"), list(range(20))),
        *(Map(), Map([(1, 2)]), Raw(b"\xde\x00\x01\x07\x08"), Raw(b"\xdf\x00\x00\x00\x01\x07\x08")),
        *(ext(7, bytes(n)) for n in lengths),
    ]


def _integer(value: int) -> bytes:
    if -32 <= value < 128:
        return struct.pack(">b", value) if value < 0 else bytes([value])
    if value >= 0:
        widths, head = (8, 16, 32, 64), 0xCC
        index = next(i for i, bits in enumerate(widths) if value < 1 << bits)
    else:
        widths, head = (8, 16, 32, 64), 0xD0
        index = next(i for i, bits in enumerate(widths) if value >= -(1 << (bits - 1)))
    return bytes([head + index]) + value.to_bytes(widths[index] // 8, "big", signed=value < 0)


def _sized(count: int, heads: bytes) -> bytes:
    """Return the first byte and the count of a type whose smallest count has 8 bits."""
    index = 0 if count < 1 << 8 else 1 if count < 1 << 16 else 2
    return heads[index : index + 1] + count.to_bytes(1 << index, "big")


def _count(count: int, fixed: int, heads: bytes) -> bytes:
    """Return the first byte and the count of a type whose small counts are part of the first byte."""
    if count < 16:
        return bytes([fixed | count])
    index = 0 if count < 1 << 16 else 1
    return heads[index : index + 1] + count.to_bytes(2 << index, "big")


def _u32(value: int) -> bytes:
    return struct.pack(">I", value)
