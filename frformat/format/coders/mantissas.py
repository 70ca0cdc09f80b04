"""Store mantissas of floats as planes of whole bytes, followed by the remaining bits, packed (specification, 9.2)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray

from frformat.format.coders.base import Array, Readable
from frformat.format.coders.integers import malformed

GROUP: Final = 8
"""The remaining bits of this many mantissas always fill whole bytes."""


def packed(parts: Iterable[NDArray[np.uint8]], bits: int) -> Iterator[bytes]:
    """Pack numbers of ``bits`` bits without gaps, padded to a whole byte."""
    left = np.zeros(0, np.uint8)
    for part in parts:
        numbers = np.concatenate([left, part])
        whole = len(numbers) // GROUP * GROUP
        left = numbers[whole:]
        yield _pack(numbers[:whole], bits)
    yield _pack(left, bits)


def _pack(numbers: NDArray[np.uint8], bits: int) -> bytes:
    words = np.append(numbers, np.zeros(-len(numbers) % GROUP, np.uint8)).view("<u8")
    # Close the gaps between single numbers, then between pairs, and then between the halves of each word.
    for size in (8, 16, 32):
        low = np.uint64(sum((1 << size) - 1 << place for place in range(0, 64, 2 * size)))
        words = words & low | (words & ~low) >> np.uint64(size // 8 * (8 - bits))
    stored: bytes = words.astype("<u8").view(np.uint8).reshape(-1, 8)[:, :bits].tobytes()
    return stored[: -(-len(numbers) * bits // 8)]


class Bytes:
    """The whole bytes of mantissas."""

    def __init__(self, stored: Readable) -> None:
        self._stored = stored

    def take(self, count: int) -> Array:
        """Return the next bytes."""
        data = self._stored.read(count)
        if len(data) < count:
            raise malformed("it ends before its mantissas do")
        return np.frombuffer(data, np.uint8)


class Packed:
    """The remaining bits of mantissas, packed without gaps.

    Args:
        stored: source of the bytes.
        bits: number of remaining bits of each mantissa.
        count: number of mantissas.
    """

    def __init__(self, stored: Readable, bits: int, count: int) -> None:
        self._bytes = Bytes(stored)
        self._bits = bits
        self._left = -(-count * bits // 8)
        self._numbers = np.zeros(0, np.uint64)
        self._count = count
        self._shifts = np.arange(0, bits * GROUP, bits, dtype=np.uint64)

    def take(self, count: int) -> Array:
        """Return the next values.

        Raises:
            FrzError: ``STREAM``: bytes are missing, or the padding of the last byte is not zero.
        """
        bits = self._bits
        groups = -(-(count - len(self._numbers)) // GROUP) if count > len(self._numbers) else 0
        data = self._bytes.take(min(groups * bits, self._left))
        self._left -= len(data)
        words = np.zeros(groups * 8, np.uint8).reshape(groups, 8)
        padded = np.zeros(groups * bits, np.uint8)
        padded[: len(data)] = data
        words[:, :bits] = padded.reshape(groups, bits)
        unpacked = words.view("<u8") >> self._shifts & np.uint64((1 << bits) - 1)
        numbers = np.concatenate([self._numbers, unpacked.reshape(-1)])
        self._numbers = numbers[count:]
        self._count -= count
        if not self._count and self._numbers.any():
            raise malformed("bits are set after its last mantissa")
        return numbers[:count]
