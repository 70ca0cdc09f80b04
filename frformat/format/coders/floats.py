"""Split floats into integers and mantissas (specification, section 9.2).

An integer stores the sign, and the distance of the exponent from the largest one. Mantissas are stored uncompressed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final, Generic, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from frformat.dtypes import DTYPES
from frformat.format.coders.base import CHUNK, Array, Progress, Readable, Writable
from frformat.format.coders.batches import PIECE, Pieces
from frformat.format.coders.integers import (
    IntegerDecoder,
    IntegerEncoder,
    Integers,
    cuts,
    leb128,
    malformed,
    read_leb128,
)
from frformat.format.coders.mantissas import Bytes, Packed, packed
from frformat.format.coders.runs import Runs

PIECE_BYTES: Final = 25
"""Number of bytes per float of a piece in all intermediate results together."""

SIZE_BYTES: Final = 7
"""Maximum number of bytes of a size in LEB128."""


class Layout(NamedTuple):
    """The bit fields of a float type.

    Attributes:
        bits: the unsigned integer type of the same size.
        width: number of bits of the exponent.
        mantissa: number of bits of the mantissa.
    """

    bits: np.dtype[Any]
    width: int
    mantissa: int


LAYOUTS: Final = {
    "f16": Layout(np.dtype("<u2"), 5, 10),
    "bf16": Layout(np.dtype("<u2"), 8, 7),
    "f32": Layout(np.dtype("<u4"), 8, 23),
}


class _Exponents:
    """The integers for the signs and exponents of some floats."""

    def __init__(self, patterns: Array, layout: Layout, reference: int) -> None:
        self._patterns = patterns
        self._layout = layout
        self._reference = reference
        self._range = (0, 0)
        self._last = np.zeros(0, np.int32)

    def part(self, start: int, stop: int) -> Integers:
        """See :class:`~frformat.format.coders.integers.Source`."""
        # Coders read the same part again if a tensor is so small that it has only one part.
        if self._range != (start, stop):
            self._last, self._range = self._integers(start, stop), (start, stop)
        return self._last

    def _integers(self, start: int, stop: int) -> Integers:
        patterns = self._patterns[start:stop].astype(np.int32)
        _, width, mantissa = self._layout
        found = patterns >> mantissa & ((1 << width) - 1)
        np.subtract(self._reference + 1, found, out=found)
        found *= patterns != 0
        # To negate a number, invert its bits and subtract −1: −x is (x ^ −1) − (−1).
        negative = patterns << (31 - width - mantissa) >> 31
        found ^= negative
        found -= negative
        return found


IntegerCoder = TypeVar("IntegerCoder", IntegerEncoder, IntegerDecoder)


class _Floats(Generic[IntegerCoder]):
    """Converts floats to integers and mantissas, or back.

    Args:
        coder: the integer coder.
        value_type: a key of :data:`LAYOUTS`.
    """

    def __init__(self, coder: IntegerCoder, value_type: str) -> None:
        self._coder: IntegerCoder = coder
        self._type = DTYPES[value_type]
        self._layout = LAYOUTS[value_type]


class FloatEncoder(_Floats[IntegerEncoder]):
    """Encodes floats with an integer coder."""

    def encode(self, pieces: Pieces, out: Writable, progress: Progress | None = None) -> None:
        """See :class:`~frformat.format.coders.base.Encoder`."""
        layout, itemsize = self._layout, self._layout.bits.itemsize
        found = [(batch, array.view(layout.bits)) for batch, array in pieces]
        arrays = [patterns for _, patterns in found]
        reference, union = _survey(arrays, layout)
        digits = layout.mantissa - ((union & -union).bit_length() - 1) if union else 0
        sources = [(batch, _Exponents(patterns, layout, reference)) for batch, patterns in found]
        integers = self._coder.integers(sources, lambda count: progress(count * itemsize) if progress else None)
        out.write(bytes([reference, digits]) + leb128(len(integers)))
        out.write(integers)
        whole, bits = divmod(digits, 8)
        if not digits:
            return
        few = sum(map(len, arrays)) <= CHUNK
        kept = list(self._mantissas(arrays, digits)) if few else None
        for plane in range(whole):
            for mantissas in kept or self._mantissas(arrays, digits):
                out.write(mantissas[:, plane].tobytes())
        if bits:
            for data in packed((part[:, whole] for part in kept or self._mantissas(arrays, digits)), bits):
                out.write(data)

    def _mantissas(self, arrays: Sequence[Array], digits: int) -> Iterator[Array]:
        """Yield the stored bytes of the mantissas in pieces, as arrays of shape (count, bytes per number)."""
        mask, shift = (1 << self._layout.mantissa) - 1, self._layout.mantissa - digits
        for patterns in arrays:
            for start, stop in cuts(0, len(patterns)):
                part = patterns[start:stop]
                part = (part if part.all() else part[part != 0]) & mask
                if shift:
                    part >>= shift
                yield part.astype(self._layout.bits, copy=False).view(np.uint8).reshape(-1, part.itemsize)


def _survey(arrays: Sequence[Array], layout: Layout) -> tuple[int, int]:
    """Return the largest exponent field, and a mask of the mantissa bits that are set in at least one float."""
    largest = union = 0
    for patterns in arrays:
        for start, stop in cuts(0, len(patterns)):
            part = patterns[start:stop]
            union |= int(np.bitwise_or.reduce(part))
            largest = max(largest, int((part & ((1 << layout.width + layout.mantissa) - 1)).max()))
    return largest >> layout.mantissa, union & ((1 << layout.mantissa) - 1)


class FloatDecoder(_Floats[IntegerDecoder]):
    """Decodes floats with an integer coder."""

    def decode(self, stored: Readable, runs: Runs) -> Array:
        """See :class:`~frformat.format.coders.base.Decoder`."""
        patterns = np.empty(runs.total, self._layout.bits)
        head = stored.read(2)
        if len(head) < 2 or head[1] > self._layout.mantissa:
            raise malformed("its head is malformed")
        reference, digits = head
        size = _read_size(stored)
        data = stored.read(size)
        if len(data) < size:
            raise malformed("it ends before its integers do")
        sink = _Signs(patterns, self._layout, reference)
        self._coder.integers(memoryview(data), runs, sink)
        del data
        self._add_mantissas(stored, patterns, sink, digits)
        if stored.read(1):
            raise malformed("bytes are left after its mantissas")
        return patterns.view(self._type)

    def _add_mantissas(self, stored: Readable, patterns: Array, sink: _Signs, digits: int) -> None:
        whole, bits = divmod(digits, 8)
        low = self._layout.mantissa - digits
        readers = [Bytes(stored).take] * whole
        if bits:
            readers.append(Packed(stored, bits, sink.count).take)
        for plane, take in enumerate(readers):
            for start, stop in cuts(0, len(patterns)):
                mask = sink.mask(start, stop)
                count = int(np.count_nonzero(mask))
                numbers = take(count).astype(patterns.dtype) << (low + 8 * plane)
                part = patterns[start:stop]
                if count == len(part):
                    part |= numbers
                else:
                    part[mask] |= numbers


def memory(runs: Runs, stored: int) -> int:
    """Return the memory for converting integers and mantissas to floats, and for the stored integers, in bytes.

    The integers take no more than a byte each, unless the file wastes space.
    """
    return min(stored, runs.total) + runs.total // 8 + PIECE_BYTES * min(PIECE, runs.total)


def _read_size(stored: Readable) -> int:
    data = bytearray()
    while len(data) < SIZE_BYTES and (not data or data[-1] > 127):
        data += stored.read(1) or b"\xff" * SIZE_BYTES  # if bytes are missing, make the size invalid
    return read_leb128(memoryview(data))[0]


class _Signs:
    """A sink that converts integers to signs and exponents.

    Attributes:
        count: number of nonzero integers.
    """

    def __init__(self, patterns: Array, layout: Layout, reference: int) -> None:
        self._patterns = patterns
        self._layout = layout
        self._reference = reference
        self._scratch = np.empty(0, np.int32)
        self._nonzero = np.zeros(len(patterns) // 8 + 1, np.uint8)
        self.count = 0

    def room(self, start: int, stop: int) -> Integers:
        """See :class:`~frformat.format.coders.integers.Sink`."""
        if len(self._scratch) < stop - start:
            self._scratch = np.empty(stop - start, np.int32)
        return self._scratch[: stop - start]

    def filled(self, start: int, stop: int) -> None:
        """See :class:`~frformat.format.coders.integers.Sink`.

        Raises:
            FrzError: ``STREAM``: an exponent does not fit the type.
        """
        found = self._scratch[: stop - start]
        _, width, mantissa = self._layout
        nonzero = found != 0
        exponents = self._reference + 1 - np.abs(found)
        exponents[~nonzero] = 0
        if exponents.size and (exponents.min() < 0 or exponents.max() >> width):
            raise malformed("an exponent does not fit the number format")
        exponents |= (found < 0).astype(np.int32) << width
        self._patterns[start:stop] = exponents
        self._patterns[start:stop] <<= mantissa
        self.count += int(np.count_nonzero(nonzero))
        packed = np.packbits(np.append(np.zeros(start % 8, np.bool_), nonzero), bitorder="little")
        self._nonzero[start // 8 : start // 8 + len(packed)] |= packed

    def mask(self, start: int, stop: int) -> NDArray[np.bool_]:
        """Return which values are nonzero. ``start`` must be a multiple of 8."""
        bits = np.unpackbits(self._nonzero[start // 8 : -(-stop // 8)], count=stop - start, bitorder="little")
        return bits.view(np.bool_)
