"""MessagePack of unknown origin → values of the expected type, or the error that the specification wants."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgpack

from frformat import limits
from frformat.errors import FrzError


class Pairs(list[tuple[Any, Any]]):
    """A MessagePack map as its pairs in file order, so that order and duplicates can be seen."""


class Fields:
    """A map with integer keys in ascending order; keys that nobody asks for are ignored."""

    def __init__(self, value: object, what: str) -> None:
        if not isinstance(value, Pairs):
            raise malformed(f"{what} is not a map")
        previous = -1
        for key, _ in value:
            if type(key) is not int or key <= previous:
                raise malformed(f"keys of {what} are not unsigned integers in ascending order")
            previous = key
        self._fields = dict(value)
        self._what = what

    def has(self, key: int) -> bool:
        """Whether there is a field ``key``."""
        return key in self._fields

    def get(self, key: int, default: object) -> object:
        """Field ``key`` as it is, or ``default``."""
        return self._fields.get(key, default)

    def uint(self, key: int) -> int:
        """The unsigned integer under ``key``, which must be there."""
        return uint(self._required(key), f"field {key} of {self._what}", (1 << 64) - 1)

    def array(self, key: int, length: int | None = None) -> list[Any]:
        """The array under ``key``, which must be there, and of ``length`` entries if that is given."""
        what = f"field {key} of {self._what}"
        return array(self._required(key), what, length, exact=length is not None)

    def _required(self, key: int) -> object:
        if key not in self._fields:
            raise malformed(f"{self._what} lacks field {key}")
        return self._fields[key]


def array(value: object, what: str, most: int | None = None, *, exact: bool = False) -> list[Any]:
    """``value`` if it is an array of at most ``most`` entries (``LIMIT``), or of exactly so many (``DIRECTORY``)."""
    if not isinstance(value, list) or isinstance(value, Pairs):
        raise malformed(f"{what} is not an array")
    if exact and len(value) != most:
        raise malformed(f"{what} has {len(value)} entries, not {most}")
    if most is not None and len(value) > most:
        raise FrzError("LIMIT", f"{what} has {len(value)} entries, at most {most}")
    return value


def uint(value: object, what: str, most: int) -> int:
    """``value`` if it is an integer from 0 to ``most`` (else ``DIRECTORY``, ``LIMIT``)."""
    if type(value) is not int or value < 0:
        raise malformed(f"{what} is not an unsigned integer")
    if value > most:
        raise FrzError("LIMIT", f"{what} is {value}, at most {most}")
    return value


def identifier(value: int, known: tuple[str, ...], what: str) -> str:
    """The name that the id ``value`` has in ``known`` (else ``UNSUPPORTED``)."""
    if value >= len(known):
        raise FrzError("UNSUPPORTED", f"{what} {value} is not known to this version: upgrade")
    return known[value]


def parse(data: bytes) -> object:
    """The one MessagePack value that ``data`` holds (else ``DIRECTORY``)."""
    try:
        tree = msgpack.unpackb(
            data,
            object_pairs_hook=Pairs,
            strict_map_key=False,
            max_str_len=len(data),
            max_bin_len=len(data),
            max_array_len=len(data),
            max_map_len=len(data),
            max_ext_len=len(data),
        )
    except (ValueError, RecursionError, msgpack.UnpackException) as error:
        raise malformed(f"not MessagePack: {error or type(error).__name__}") from error
    level = [tree]
    for _ in range(limits.DEPTH):
        level = [child for node in level for child in _children(node)]
    if any(isinstance(node, list) for node in level):
        raise malformed(f"values nest more than {limits.DEPTH} deep")
    return tree


def _children(node: object) -> Iterable[object]:
    if isinstance(node, Pairs):
        return [part for pair in node for part in pair]
    return node if isinstance(node, list) else ()


def malformed(what: str) -> FrzError:
    """The error for a directory that is not of the schema."""
    return FrzError("DIRECTORY", f"the directory is malformed: {what}")
