"""Read MessagePack from untrusted sources: check the whole document first, then read values of expected types.

Values that are not needed are never built, so memory depends on what a directory describes, not on how it is encoded.
"""

from __future__ import annotations

import re
from typing import Any, Final, TypeVar

import msgpack
import numpy as np
from numpy.typing import NDArray

from frformat.errors import FrzError
from frformat.format import limits
from frformat.wording import count

T = TypeVar("T")

RUN: Final = 256
"""Number of values that one match of a regular expression checks, or of integers that are read together."""

_UINT = rb"[\x00-\x7f]|\xcc.|\xcd..|\xce.{4}|\xcf.{8}"
_INT = _UINT + rb"|[\xe0-\xff]|\xd0.|\xd1..|\xd2.{4}|\xd3.{8}"
_TEXT = b"|".join(bytes([0xA0 | size]) + rb"[\x00-\x7f]{%d}" % size for size in range(32))
_LEAF = _INT + rb"|[\x80\x90\xc0\xc2\xc3]|\xca.{4}|\xcb.{8}|" + _TEXT
_SHORT = b"|".join(bytes([0x90 | size]) + rb"(?:%b){%d}" % (_UINT, size) for size in range(1, limits.RANK + 1))

LEAVES: Final = re.compile(rb"(?:%b){%d}" % (_LEAF, RUN), re.DOTALL)
LEAVES_AND_SHAPES: Final = re.compile(rb"(?:%b|%b){%d}" % (_LEAF, _SHORT, RUN), re.DOTALL)
INTS: Final = re.compile(rb"(?:%b){%d}" % (_INT, RUN), re.DOTALL)
SHAPES: Final = re.compile(rb"(?:\x90|%b){%d}" % (_SHORT, RUN), re.DOTALL)
PACKED_RUN: Final = b"\xdc" + RUN.to_bytes(2, "big")

_FIXED: Final = {0xC0: 1, 0xC2: 1, 0xC3: 1, 0xCA: 5, 0xCB: 9, 0xCC: 2, 0xCD: 3, 0xCE: 5, 0xCF: 9, 0xD0: 2, 0xD1: 3,
                 0xD2: 5, 0xD3: 9, 0xD4: 3, 0xD5: 4, 0xD6: 6, 0xD7: 10, 0xD8: 18}  # fmt: skip
SIZES: Final = tuple(1 if first < 0x80 or first >= 0xE0 else _FIXED.get(first, 0) for first in range(256))
"""Size of a value by its first byte; 0 if the first byte does not determine it."""

_WIDTHS: Final = {0xC4: 1, 0xC5: 2, 0xC6: 4, 0xC7: 1, 0xC8: 2, 0xC9: 4, 0xD9: 1, 0xDA: 2, 0xDB: 4, 0xDC: 2, 0xDD: 4,
                  0xDE: 2, 0xDF: 4}  # fmt: skip
"""Size of the count that follows the first byte of other values."""

NIL: Final = 0xC0


def kind(first: int) -> str:
    """Return the kind of value that begins with this byte."""
    if first <= 0x7F or first >= 0xE0 or 0xCC <= first <= 0xD3:
        return "integer"
    if first <= 0x8F or first in (0xDE, 0xDF):
        return "map"
    if first <= 0x9F or first in (0xDC, 0xDD):
        return "array"
    if first <= 0xBF or 0xD9 <= first <= 0xDB:
        return "string"
    if 0xC4 <= first <= 0xC6:
        return "bin"
    if 0xC7 <= first <= 0xC9 or 0xD4 <= first <= 0xD8:
        return "extension"
    return {0xC0: "nil", 0xC2: "boolean", 0xC3: "boolean", 0xCA: "float", 0xCB: "float"}.get(first, "reserved")


def check(data: bytes) -> None:
    """Check that ``data`` is one well-formed value: types, counts, UTF-8, depth, and nothing after it.

    Raises:
        FrzError: ``DIRECTORY``.
    """
    end = skip(data, 0)
    if end != len(data):
        raise malformed(f"it is followed by {count(len(data) - end, 'byte')}")


def skip(data: bytes, start: int) -> int:
    """Check the value at ``start`` without building it, and return the offset after it.

    The nesting depth is counted from this value.
    """
    at, left, size = start, 1, len(data)
    outer: list[int] = []  # for each enclosing container, the number of values still missing
    singly = 0  # values to examine one by one after a failed search for a run
    while True:
        if not left:
            if not outer:
                return at
            left = outer.pop()
            continue
        if singly:
            singly -= 1
        elif left >= RUN:
            found = (LEAVES_AND_SHAPES if len(outer) < limits.DEPTH else LEAVES).match(data, at)
            if found:
                at = found.end()
                left -= RUN
                continue
            singly = RUN
        left -= 1
        if at >= size:
            raise malformed("it ends too early")
        first = data[at]
        width = SIZES[first]
        if width:
            at += width
            if at > size:
                raise malformed("it ends within a value")
            continue
        count, at, nested = _header(data, at)
        if not nested:
            continue
        if len(outer) == limits.DEPTH:
            raise malformed(f"values are nested more than {limits.DEPTH} levels deep")
        outer.append(left)
        left = count


def _header(data: bytes, at: int) -> tuple[int, int, bool]:
    """Read the start of a container, or all of a value whose first byte does not determine its size.

    Returns:
        The number of values in a container (two for each pair of a map), the offset after the bytes read, and whether
        it is a container.
    """
    first = data[at]
    what = kind(first)
    if what == "reserved":
        raise malformed(f"type 0x{first:02X} does not exist in MessagePack")
    count, at = _count(data, at)
    if what in ("array", "map"):
        values = 2 * count if what == "map" else count
        if values > len(data) - at:
            raise malformed(
                f"an {what} of {count} entries, more than the remaining bytes can contain".replace("an map", "a map")
            )
        return values, at, True
    end = at + count + (what == "extension")
    if end > len(data):
        raise malformed(f"a value has {count} bytes, more than remain")
    if what == "string":
        try:
            data[at:end].decode()
        except UnicodeDecodeError as error:
            raise malformed("a string is not UTF-8") from error
    return 0, end, False


def _count(data: bytes, at: int) -> tuple[int, int]:
    """Return the count in the head of a value, and the offset after the head."""
    first = data[at]
    width = _WIDTHS.get(first)
    if width is None:
        return first & (0x1F if first >= 0xA0 else 0x0F), at + 1
    if at + 1 + width > len(data):
        raise malformed("it ends within a value")
    return int.from_bytes(data[at + 1 : at + 1 + width], "big"), at + 1 + width


class Cursor:
    """A position in a document that has passed :func:`check`. Each method reads the next value and advances.

    All methods raise :class:`~frformat.errors.FrzError`: ``DIRECTORY`` for a value of the wrong type, ``LIMIT`` for a
    number that is too large.

    Attributes:
        offset: where the next value starts.
    """

    def __init__(self, data: bytes, start: int = 0) -> None:
        self._data = data
        self.offset = start

    def array(self, what: str, most: int | None = None, *, exact: int | None = None) -> int:
        """Read an array's header and return its length: at most ``most``, or exactly ``exact``."""
        count = self._container("array", what)
        if exact is not None and count != exact:
            raise malformed(f"{what} has {count} entries, not {exact}")
        if most is not None and count > most:
            raise FrzError("LIMIT", f"{what} has {count} entries; the limit is {most}")
        return count

    def map(self, what: str) -> int:
        """Read a map's header and return its number of pairs."""
        return self._container("map", what)

    def integer(self, what: str) -> int:
        """Read an integer of any sign."""
        first = self._data[self.offset]
        if first <= 0x7F:
            self.offset += 1
            return first
        if kind(first) != "integer":
            raise _other(first, "integer", what)
        start, self.offset = self.offset + 1, self.offset + SIZES[first]
        if first >= 0xE0:
            return first - 0x100
        return int.from_bytes(self._data[start : self.offset], "big", signed=first >= 0xD0)

    def uint(self, what: str, most: int | None = None) -> int:
        """Read an integer from 0 to ``most``."""
        value = self.integer(what)
        if value < 0:
            raise malformed(f"{what} is negative")
        if most is not None and value > most:
            raise FrzError("LIMIT", f"{what} is {value}; the limit is {most}")
        return value

    def integers(self, count: int, what: str, most: int | None = None, *, signed: bool = False) -> NDArray[Any]:
        """Read ``count`` integers, from 0 to ``most`` or of any sign, into an array of the narrowest type."""
        parts = []
        while count >= RUN and (found := INTS.match(self._data, self.offset)):
            values = msgpack.unpackb(PACKED_RUN + self._data[self.offset : found.end()])
            parts.append(_narrow(values, what, most, signed))
            self.offset = found.end()
            count -= RUN
        if count:
            parts.append(_narrow([self.integer(what) for _ in range(count)], what, most, signed))
        return np.concatenate(parts) if parts else np.empty(0, np.uint8)

    def short_arrays(self, most: int) -> list[list[int]]:
        """Read up to ``most`` arrays of nonnegative integers, none of them longer than the largest rank.

        Returns:
            The arrays. There can be fewer than ``most``. If there are none, read the next one with :meth:`array`.
        """
        found = SHAPES.match(self._data, self.offset) if most >= RUN else None
        if found is None:
            return []
        self.offset = found.end()
        arrays: list[list[int]] = msgpack.unpackb(PACKED_RUN + found[0])
        return arrays

    def identifier(self, known: tuple[str, ...], what: str) -> str:
        """Read an id and return its name in ``known``, or raise ``UNSUPPORTED``."""
        value = self.uint(what)
        if value >= len(known) or not known[value]:
            raise FrzError("UNSUPPORTED", f"{what} {value} is not supported by this version: upgrade")
        return known[value]

    def text(self, what: str) -> bytes:
        """Read a string and return its UTF-8 bytes."""
        first = self._data[self.offset]
        if kind(first) != "string":
            raise _other(first, "string", what)
        count, start = _count(self._data, self.offset)
        self.offset = start + count
        return self._data[start : self.offset]

    def binary(self, what: str, size: int) -> bytes:
        """Read exactly ``size`` bytes of binary data."""
        count = self._container("bin", what)
        if count != size:
            raise malformed(f"{what} has {count} bytes, not {size}")
        start, self.offset = self.offset, self.offset + count
        return self._data[start : self.offset]

    def nil(self) -> bool:
        """Return whether the next value is nil, and read it if so."""
        found = self._data[self.offset] == NIL
        self.offset += found
        return found

    def skip(self) -> None:
        """Skip any value."""
        self.offset = skip(self._data, self.offset)

    def _container(self, wanted: str, what: str) -> int:
        first = self._data[self.offset]
        if kind(first) != wanted:
            raise _other(first, wanted, what)
        count, self.offset = _count(self._data, self.offset)
        return count


class Fields:
    """Reads the keys of a map in ascending order. After :meth:`next`, read or skip the value."""

    def __init__(self, cursor: Cursor, what: str) -> None:
        self._cursor = cursor
        self._left = cursor.map(what)
        self._what = what
        self._previous = -1

    def next(self) -> int | None:
        """Return the next key, or None after the last one."""
        if self._left == 0:
            return None
        self._left -= 1
        key = self._cursor.uint(f"a key of {self._what}")
        if key <= self._previous:
            raise malformed(f"keys of {self._what} are not in ascending order")
        self._previous = key
        return key


def required(value: T | None, field: str, what: str) -> T:
    """Return ``value``, or raise if it is None because its field was missing."""
    if value is None:
        raise malformed(f"{what} lacks {field}")
    return value


def malformed(what: str) -> FrzError:
    """Return the error for a directory that violates the schema."""
    return FrzError("DIRECTORY", f"the directory is malformed: {what}")


def _other(first: int, wanted: str, what: str) -> FrzError:
    return malformed(f"{what} is of type {kind(first)}, not {wanted}")


def _narrow(values: list[int], what: str, most: int | None, signed: bool) -> NDArray[Any]:
    """Check some integers, and return them in the narrowest type that can represent them."""
    low, high = min(values), max(values)
    if low < 0 and not signed:
        raise malformed(f"{what} is negative")
    if most is not None and high > most:
        raise FrzError("LIMIT", f"{what} is {high}; the limit is {most}")
    if signed:
        return np.array(values, np.int64 if low >= -(1 << 63) and high < 1 << 63 else object)
    return np.array(values, np.min_scalar_type(high))
