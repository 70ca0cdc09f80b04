"""Explain the inflated directory field by field, even where it is malformed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from frformat.cli.dump import msgpack
from frformat.cli.dump.meanings import Meanings, Path
from frformat.format import limits

WALKED: Final = 1 << 18
"""Number of directory bytes to explain; the rest becomes one field."""

SHOWN: Final = 12
"""Number of array elements to show."""


@dataclass(frozen=True)
class Field:
    """Some bytes of the inflated directory.

    Attributes:
        offset: offset of the first byte.
        size: number of bytes.
        depth: nesting depth.
        meaning: an explanation of the bytes.
    """

    offset: int
    size: int
    depth: int
    meaning: str


def walk(data: bytes) -> Iterator[Field]:
    """Yield all of ``data`` in order, without gaps or overlaps; if explaining has to stop, the last field says why."""
    walker = _Walker(data)
    try:
        yield from walker.value(0, 0, ())
        rest = "bytes after the directory's map"
    except msgpack.MalformedError as error:
        rest = f"not MessagePack: {error}"
    except _StopError as error:
        rest = str(error)
    if walker.done < len(data):
        yield Field(walker.done, len(data) - walker.done, 0, rest)


class _StopError(Exception):
    """Raised if explaining stops before the end of the data; the message says why."""


class _Walker:
    """Walks through one directory. ``done`` is the offset up to which fields have been yielded."""

    def __init__(self, data: bytes) -> None:
        self.done = 0
        self._data = data
        self._meanings = Meanings()

    def value(self, start: int, depth: int, path: Path) -> Iterator[Field]:
        """Yield the fields of the value at ``start``; the first also covers the bytes since ``done``, such as a key."""
        item = self._read(start)
        if len(path) >= limits.DEPTH and item.nested:
            raise _StopError(f"values are nested more than {limits.DEPTH} levels deep")
        if item.kind == "map":
            yield self._field(item.end, depth, self._meanings.of_map(path, item.value))
            yield from self._pairs(item.value, depth + 1, path)
        elif item.kind == "array":
            yield from self._array(item, depth, path)
        else:
            yield self._field(item.end, depth, self._meanings.of_value(path, item.value))

    def _pairs(self, count: int, depth: int, path: Path) -> Iterator[Field]:
        for _ in range(count):
            key = self._read(self.done)
            if key.nested:
                raise _StopError("a key is neither a number nor text")
            yield from self.value(key.end, depth, (*path, key.value))

    def _array(self, array: msgpack.Item, depth: int, path: Path) -> Iterator[Field]:
        """Yield one field for an array of plain values; for any other array, the start and then its elements."""
        if self._meanings.is_names(path):
            yield self._field(array.end, depth, self._meanings.of_array(path, array.value))
            yield from self._names(array.value, depth + 1, path)
            return
        values: list[Any] = []
        end = array.end
        for _ in range(array.value):
            item = self._read(end)
            if item.nested:
                yield self._field(array.end, depth, self._meanings.of_array(path, array.value))
                for index in range(array.value):
                    yield from self.value(self.done, depth + 1, (*path, index))
                return
            values += [item.value] if len(values) < SHOWN else []
            end = item.end
        yield self._field(end, depth, self._meanings.of_list(path, values, array.value))

    def _names(self, count: int, depth: int, path: Path) -> Iterator[Field]:
        """Yield front-coded names: one field for each pair of a number and a string."""
        for _ in range(count // 2):
            shared = self._read(self.done)
            rest = self._read(shared.end)
            if shared.kind != "int" or rest.kind != "str":
                raise _StopError("a name must be a number and a string")
            yield self._field(rest.end, depth, self._meanings.of_name(path, shared.value, rest.value))
        if count % 2:
            raise _StopError("a name lacks its string")

    def _read(self, start: int) -> msgpack.Item:
        if start >= WALKED:
            raise _StopError(f"the rest of the {len(self._data):,} bytes cannot be explained")
        return msgpack.read(self._data, start)

    def _field(self, end: int, depth: int, meaning: str) -> Field:
        field = Field(self.done, end - self.done, depth, meaning)
        self.done = end
        return field
