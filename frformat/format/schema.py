"""MessagePack of unknown origin, read value by value, so that nothing is built that is not of the expected type."""

from __future__ import annotations

import re
from typing import Any, Final, TypeVar

import msgpack

from frformat.errors import FrzError
from frformat.format import limits

T = TypeVar("T")

NIL: Final = 0xC0
FLAT: Final = re.compile(rb"[\x00-\x80\x90\xc0\xc2\xc3\xe0-\xff]+")
"""A run of values of one byte each: small integers, nil, booleans, and maps and arrays of nothing."""


def _kind(first: int) -> str:
    """What the first byte of a value announces."""
    if first <= 0x7F or first >= 0xE0 or 0xCC <= first <= 0xD3:
        return "integer"
    if first <= 0x8F or first in (0xDE, 0xDF):
        return "map"
    if first <= 0x9F or first in (0xDC, 0xDD):
        return "array"
    if first <= 0xBF or 0xD9 <= first <= 0xDB:
        return "string"
    if 0xC7 <= first <= 0xC9 or 0xD4 <= first <= 0xD8:
        return "extension"
    return "nil" if first == NIL else "value"


class Cursor:
    """A place in a MessagePack document; each method reads the next value and moves behind it.

    All raise :class:`~frformat.errors.FrzError`: ``DIRECTORY`` for what is malformed or of another type, ``LIMIT`` for
    a number that is too large.
    """

    def __init__(self, data: bytes, start: int = 0) -> None:
        self._data = data
        self._start = start
        self._depth = 0
        self._unpacker: Any = msgpack.Unpacker(
            strict_map_key=False, max_buffer_size=len(data) + 1, max_str_len=len(data), max_bin_len=len(data),
            max_ext_len=len(data), max_array_len=len(data), max_map_len=len(data),
        )  # fmt: skip
        self._unpacker.feed(memoryview(data)[start:])

    @property
    def offset(self) -> int:
        """Where the next value starts."""
        return self._start + int(self._unpacker.tell())

    def end(self) -> None:
        """There must be nothing more."""
        if self.offset != len(self._data):
            raise malformed(f"{len(self._data) - self.offset} bytes follow it")

    def fields(self, what: str) -> _Fields:
        """The keys of a map, in ascending order, to be followed by their values."""
        return _Fields(self, self._header("map", what), what)

    def array(self, what: str, most: int | None = None, *, exact: int | None = None) -> int:
        """How many values an array has, which follow: at most ``most``, or exactly ``exact``."""
        count = self._header("array", what)
        if exact is not None and count != exact:
            raise malformed(f"{what} has {count} entries, not {exact}")
        if most is not None and count > most:
            raise FrzError("LIMIT", f"{what} has {count} entries, at most {most}")
        return count

    def map(self, what: str) -> int:
        """How many pairs a map has, which follow."""
        return self._header("map", what)

    def integer(self, what: str) -> int:
        """An integer of any sign."""
        self._expect("integer", what)
        return int(self._unpack())

    def uint(self, what: str, most: int | None = None) -> int:
        """An integer from 0 to ``most``."""
        value = self.integer(what)
        if value < 0:
            raise malformed(f"{what} is negative")
        if most is not None and value > most:
            raise FrzError("LIMIT", f"{what} is {value}, at most {most}")
        return value

    def identifier(self, known: tuple[str, ...], what: str) -> str:
        """The name that an id has in ``known``, else ``UNSUPPORTED``."""
        value = self.uint(what)
        if value >= len(known):
            raise FrzError("UNSUPPORTED", f"{what} {value} is not known to this version: upgrade")
        return known[value]

    def text(self, what: str) -> str:
        """A string."""
        self._expect("string", what)
        return str(self._unpack())

    def nil(self) -> bool:
        """Whether the next value is nil; read only if it is."""
        if self._first() != NIL:
            return False
        self._unpack()
        return True

    def skip(self, depth: int) -> None:
        """Check a value of any kind that lies ``depth`` containers deep, without building it."""
        left = [1]
        while left:
            if left[-1] == 0:
                left.pop()
                continue
            deep = depth + len(left)  # of a container that comes next
            flat = FLAT.match(self._data, self.offset, self.offset + left[-1]) if deep <= limits.DEPTH else None
            if flat:
                self._unpacker.read_bytes(len(flat[0]))
                left[-1] -= len(flat[0])
                continue
            left[-1] -= 1
            kind = _kind(self._first())
            if kind in ("map", "array"):
                if deep > limits.DEPTH:
                    raise malformed(f"values nest more than {limits.DEPTH} deep")
                count = self._header(kind, "an ignored value")
                left.append(2 * count if kind == "map" else count)
            elif kind == "extension":  # an unknown one; the library would look into timestamps
                self._guarded(self._unpacker.skip)
            else:
                self._unpack()

    def _header(self, kind: str, what: str) -> int:
        self._expect(kind, what)
        read = self._unpacker.read_map_header if kind == "map" else self._unpacker.read_array_header
        count = int(self._guarded(read))
        if count * (2 if kind == "map" else 1) > len(self._data) - self.offset:
            raise malformed(f"{what} has {count} entries, more than the bytes left can hold")
        return count

    def _expect(self, kind: str, what: str) -> None:
        found = _kind(self._first())
        if found != kind:
            raise malformed(f"{what} is of type {found}, not {kind}")

    def _first(self) -> int:
        if self.offset >= len(self._data):
            raise malformed("it ends too early")
        return self._data[self.offset]

    def _unpack(self) -> Any:
        return self._guarded(self._unpacker.unpack)

    def _guarded(self, read: Any) -> Any:
        try:
            return read()
        except (ValueError, msgpack.UnpackException) as error:
            raise malformed(f"not MessagePack at its byte {self.offset}: {error or type(error).__name__}") from error


class _Fields:
    """The keys of a map; :meth:`next` must be followed by reading or skipping the value."""

    def __init__(self, cursor: Cursor, count: int, what: str) -> None:
        self._cursor = cursor
        self._left = count
        self._what = what
        self._previous = -1

    def next(self) -> int | None:
        """The next key, None after the last."""
        if self._left == 0:
            return None
        self._left -= 1
        key = self._cursor.uint(f"a key of {self._what}")
        if key <= self._previous:
            raise malformed(f"keys of {self._what} are not in ascending order")
        self._previous = key
        return key


def required(value: T | None, field: str, what: str) -> T:
    """``value``, which is None if its field was missing."""
    if value is None:
        raise malformed(f"{what} lacks {field}")
    return value


def malformed(what: str) -> FrzError:
    """The error for a directory that is not of the schema."""
    return FrzError("DIRECTORY", f"the directory is malformed: {what}")
