"""The primitive fields of a template's map."""

from __future__ import annotations

import math
import struct
from collections.abc import Iterable, Sequence
from typing import Final, TypeVar

T = TypeVar("T")
BITS: Final = 63
"""Numbers are less than 2 to this power."""
REAL: Final = struct.Struct("<d")


class Writer:
    """Writes fields to :attr:`data`."""

    def __init__(self) -> None:
        self.data = bytearray()

    def number(self, value: int) -> None:
        """Write a nonnegative number with seven bits per byte, least significant first."""
        assert 0 <= value < 1 << BITS
        while value > 0x7F:
            self.data.append(value & 0x7F | 0x80)
            value >>= 7
        self.data.append(value)

    def signed(self, value: int) -> None:
        """Write a number of either sign as twice its absolute value, minus one if it is negative."""
        self.number(2 * value if value >= 0 else -2 * value - 1)

    def numbers(self, values: Iterable[int]) -> None:
        """Write the length of a list of numbers, and then the numbers."""
        values = list(values)
        for value in (len(values), *values):
            self.number(value)

    def real(self, value: float) -> None:
        """Write a 64-bit float."""
        self.data += REAL.pack(value)

    def text(self, value: str) -> None:
        """Write the size of a string in UTF-8, and then its bytes."""
        encoded = value.encode()
        self.number(len(encoded))
        self.data += encoded


class Reader:
    """Reads the fields of ``data``. Every method raises ``ValueError`` if the data is malformed."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def number(self, largest: int = (1 << BITS) - 1) -> int:
        """Read a number from 0 to ``largest``."""
        value = shift = 0
        while True:
            byte = self._take(1)[0]
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                break
            shift += 7
            if shift >= BITS:
                raise ValueError("a number in its map is too long")
        if value > largest:
            raise ValueError(f"a number in its map is {value} and must be at most {largest}")
        return value

    def signed(self, largest: int) -> int:
        """Read a number from ``-largest`` to ``largest``."""
        value = self.number(2 * largest)
        return -(value + 1 >> 1) if value & 1 else value >> 1

    def item(self, items: Sequence[T], first: int = 0) -> T:
        """Read the number of an item, counted from ``first``, and return the item."""
        number = self.number() - first
        if not 0 <= number < len(items):
            raise ValueError(f"a number in its map refers to item {number} of {len(items)}")
        return items[number]

    def real(self) -> float:
        """Read a finite, nonnegative 64-bit float."""
        value: float = REAL.unpack(self._take(REAL.size))[0]
        if not (math.isfinite(value) and value >= 0):
            raise ValueError(f"its map contains {value}")
        return value

    def text(self) -> str:
        """Read text."""
        return self._take(self.number()).decode()

    def finish(self) -> None:
        """Check that no data is left."""
        if self._at != len(self._data):
            raise ValueError(f"its map has {len(self._data) - self._at} bytes too many")

    def _take(self, size: int) -> bytes:
        if size > len(self._data) - self._at:
            raise ValueError("its map ends too early")
        self._at += size
        return self._data[self._at - size : self._at]
