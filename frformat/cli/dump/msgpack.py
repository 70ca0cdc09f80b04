"""Read MessagePack one item at a time, with the position of each, which ordinary decoders do not report."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Any, Final

FIXED: Final[dict[int, tuple[str, str]]] = {
    0xCA: ("float", ">f"), 0xCB: ("float", ">d"),
    0xCC: ("int", ">B"), 0xCD: ("int", ">H"), 0xCE: ("int", ">I"), 0xCF: ("int", ">Q"),
    0xD0: ("int", ">b"), 0xD1: ("int", ">h"), 0xD2: ("int", ">i"), 0xD3: ("int", ">q"),
}  # fmt: skip
"""Items that consist of a single number: kind and encoding."""

SIZED: Final[dict[int, tuple[str, int]]] = {
    0xC4: ("bin", 1), 0xC5: ("bin", 2), 0xC6: ("bin", 4),
    0xC7: ("ext", 1), 0xC8: ("ext", 2), 0xC9: ("ext", 4),
    0xD9: ("str", 1), 0xDA: ("str", 2), 0xDB: ("str", 4),
    0xDC: ("array", 2), 0xDD: ("array", 4), 0xDE: ("map", 2), 0xDF: ("map", 4),
}  # fmt: skip
"""Items that start with a length: kind and number of bytes of the length."""

SIMPLE: Final[dict[int, tuple[str, Any]]] = {0xC0: ("nil", None), 0xC2: ("bool", False), 0xC3: ("bool", True)}


class MalformedError(Exception):
    """Raised on bytes that are not MessagePack; the message says why."""


@dataclass(frozen=True)
class Item:
    """One item; for an array or map, only the part before its elements.

    Attributes:
        kind: ``int``, ``float``, ``bool``, ``nil``, ``str``, ``bin``, ``ext``, ``array`` or ``map``.
        value: its value; bytes for ``str``, ``bin`` and ``ext``; the number of elements or pairs for ``array`` and
            ``map``.
        end: the offset after it.
    """

    kind: str
    value: Any
    end: int

    @property
    def nested(self) -> bool:
        """Whether elements follow."""
        return self.kind in ("array", "map")


def read(data: bytes, start: int) -> Item:
    """Return the item at ``start``.

    Raises:
        MalformedError: there is no valid item.
    """
    first = _take(data, start, 1)[0]
    if first < 0x80 or first >= 0xE0:
        return Item("int", first if first < 0x80 else first - 0x100, start + 1)
    if first < 0xA0:
        return Item("map" if first < 0x90 else "array", first & 0x0F, start + 1)
    if first < 0xC0:
        return _text("str", data, start + 1, first & 0x1F)
    if first in SIMPLE:
        return Item(*SIMPLE[first], start + 1)
    if first in FIXED:
        kind, layout = FIXED[first]
        size = struct.calcsize(layout)
        return Item(kind, struct.unpack(layout, _take(data, start + 1, size))[0], start + 1 + size)
    if first in SIZED:
        kind, width = SIZED[first]
        size = int.from_bytes(_take(data, start + 1, width), "big")
        after = start + 1 + width
        if kind in ("array", "map"):
            return Item(kind, size, after)
        return _text(kind, data, after, size + (kind == "ext"))
    if 0xD4 <= first <= 0xD8:
        return _text("ext", data, start + 1, 1 + (1 << (first - 0xD4)))
    raise MalformedError("no item starts with 0xC1")


def _text(kind: str, data: bytes, start: int, size: int) -> Item:
    return Item(kind, _take(data, start, size), start + size)


def _take(data: bytes, start: int, size: int) -> bytes:
    if start + size > len(data):
        raise MalformedError(f"an item extends beyond the end; missing bytes: {start + size - len(data)}")
    return data[start : start + size]
