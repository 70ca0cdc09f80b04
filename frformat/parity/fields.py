"""Read members of untrusted JSON objects, checking types and reporting the position of every error."""

from __future__ import annotations

import json
import math
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final, NoReturn

from frformat.errors import ReportError

DOCUMENT_BYTES: Final = 256 << 20
DEPTH: Final = 16
TEXT: Final = 1024
RANK: Final = 8
ELEMENTS: Final = 1 << 28
INTEGER: Final = (1 << 53) - 1

CHECKSUM: Final = re.compile("[0-9a-f]{8}")


class Fields:
    """A JSON object of the document.

    Methods take the name of a member and return its value, or None if it is absent or null and not ``required``. They
    raise :class:`ReportError`.

    Args:
        value: the value, which should be an object.
        where: its position in the document, for errors.
    """

    def __init__(self, value: Any, where: str) -> None:
        self.where = where
        if not isinstance(value, dict):
            self.refuse("", "is not an object")
        self._members: dict[str, Any] = value

    def refuse(self, name: str, fault: str) -> NoReturn:
        """Raise an error with its position."""
        raise ReportError(f"{'.'.join(part for part in (self.where, name) if part) or 'the document'} {fault}")

    def value(self, name: str, required: bool = False) -> Any:
        """Return a member of any type."""
        found = self._members.get(name)
        if found is None and required:
            self.refuse(name, "is missing")
        return found

    def text(self, name: str, required: bool = False, limit: int = TEXT) -> str | None:
        """Return a string."""
        found = self.value(name, required)
        if found is not None and not (isinstance(found, str) and len(found) <= limit):
            self.refuse(name, f"is not a string of at most {limit:,} characters")
        return found

    def checksum(self, name: str) -> str:
        """Return eight hexadecimal digits."""
        found = self.text(name, required=True)
        if found is None or not CHECKSUM.fullmatch(found):
            self.refuse(name, "is not a CRC-32 of eight lowercase hexadecimal digits")
        return found

    def integer(self, name: str, required: bool = False) -> int | None:
        """Return a nonnegative integer."""
        found: int | None = self.value(name, required)
        if found is not None and not _is_count(found):
            self.refuse(name, "is not a whole number, 0 or greater")
        return found

    def number(self, name: str, required: bool = False) -> float | None:
        """Return a finite number."""
        found = self.value(name, required)
        if found is not None and not _is_number(found):
            self.refuse(name, "is not a number")
        return None if found is None else float(found)

    def numbers(self, name: str) -> list[float]:
        """Return an array of numbers; empty if absent."""
        found = self.array(name)
        if not all(map(_is_number, found)):
            self.refuse(name, "contains something that is not a number")
        return [float(number) for number in found]

    def array(self, name: str, required: bool = False, limit: int | None = None) -> list[Any]:
        """Return an array; empty if absent."""
        found = self.value(name, required)
        if found is not None and not isinstance(found, list):
            self.refuse(name, "is not an array")
        if limit is not None and found is not None and len(found) > limit:
            self.refuse(name, f"has more than {limit:,} entries")
        return found or []

    def shape(self, name: str) -> tuple[int, ...]:
        """Return the shape of a tensor within the limits."""
        found = self.array(name, required=True, limit=RANK)
        if not all(map(_is_count, found)) or math.prod(found) > ELEMENTS:
            self.refuse(name, f"is not a shape of at most {ELEMENTS:,} elements")
        return tuple(found)

    def object(self, name: str, required: bool = False) -> Fields | None:
        """Return an object."""
        found = self.value(name, required)
        return None if found is None else Fields(found, f"{self.where}.{name}" if self.where else name)

    def flat(self) -> dict[str, str | float]:
        """Return all members that are short strings or numbers."""
        return {
            key: value
            for key, value in self._members.items()
            if (_is_number(value) or (isinstance(value, str) and len(value) <= TEXT)) and len(key) <= TEXT
        }

    def identify(self, format: str, version: int, what: str) -> None:
        """Check the members ``format`` and ``version``, which identify the document."""
        if self.value("format") != format:
            self.refuse("format", f"is not {format!r}: this is not a {what}")
        if self.value("version") != version:
            self.refuse("version", f"is not {version}; upgrade frformat to read this report")

    def about(self, *parts: str) -> dict[str, str | float]:
        """Return the members of several objects, under names such as ``device.model``."""
        found: dict[str, str | float] = {}
        for part in parts:
            if members := self.object(part):
                found |= {f"{part}.{key}": value for key, value in members.flat().items()}
        return found


@contextmanager
def reading(path: str) -> Iterator[Fields]:
    """Yield the document in a file, and add the file's name to any ``ReportError`` from parsing it or from the block.

    Raises:
        ReportError: it is too large, nested too deeply, or not JSON.
        OSError: it cannot be read.
    """
    try:
        yield _parsed(path)
    except ReportError as error:
        raise ReportError(f"{path}: {error}") from error


def _parsed(path: str) -> Fields:
    if os.path.getsize(path) > DOCUMENT_BYTES:
        raise ReportError(f"it is larger than {DOCUMENT_BYTES >> 20} MiB")
    with open(path, "rb") as file:
        data = file.read(DOCUMENT_BYTES + 1)
    try:
        document = json.loads(data.decode("utf-8"), object_pairs_hook=_object, parse_constant=_constant)
    except (ValueError, RecursionError) as error:
        raise ReportError(f"it is not a JSON document: {error}") from error
    if _deeper(document, DEPTH):
        raise ReportError(f"it is nested more than {DEPTH} levels deep")
    return Fields(document, "")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    out = dict(pairs)
    if len(out) < len(pairs):
        raise ValueError("an object has two members with the same name")
    return out


def _constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _deeper(value: Any, depth: int) -> bool:
    if not isinstance(value, dict | list):
        return False
    items = value.values() if isinstance(value, dict) else value
    return depth == 0 or any(_deeper(item, depth - 1) for item in items)


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= INTEGER


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e300
