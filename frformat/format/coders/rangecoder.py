"""The adaptive binary range coder and its model of numbers (specification, section 9).

A value is split into class, sign and mantissa. The class is coded bit by bit down a binary tree of adaptive contexts,
the first bit of the mantissa has a context for each class, and what is left has probability one half.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from frformat.dtypes import Format
from frformat.errors import FrzError

Array = NDArray[Any]

RATES = [65536 // (n + 2) for n in range(255)]
"""Adaptation rate after n bits: Krichevsky and Trofimov's estimator, then a window of 256 bits."""

TOP = 1 << 24


class Contexts:
    """The adaptive state of one group; carried from tier to tier.

    Args:
        fmt: format of the values.
        neighbours: choose the set of contexts by the classes of the two values before (coder ``range-ctx``).
    """

    def __init__(self, fmt: Format, neighbours: bool) -> None:
        self.fmt = fmt
        self.neighbours = neighbours
        self._sets: dict[int, list[list[int]]] = {}

    def set(self, c1: int, c2: int) -> list[list[int]]:
        """The set for a value that follows classes ``c1`` and, before it, ``c2``.

        A set is [p, n] for each node: 2^w of the class tree (the first is not used), then 2^w of the mantissas.
        """
        key = (c1 + c2 + 1) >> 1 if self.neighbours else 0
        found = self._sets.get(key)
        if found is None:
            found = self._sets[key] = [[32768, 0] for _ in range(2 << self.fmt.class_bits)]
        return found


def encode(runs: Iterable[Array], contexts: Contexts) -> bytes:
    """Code the values of one segment.

    Args:
        runs: for each tensor its values, arrays of the format's dtype.
        contexts: state of the group; changed.
    """
    coder = _Encoder()
    fmt = contexts.fmt
    width = fmt.class_bits
    for run in runs:
        c1 = c2 = 0
        for sign, c, mantissa, bits in _split(run, fmt):
            current = contexts.set(c1, c2)
            node = 1
            for shift in range(width - 1, -1, -1):
                b = c >> shift & 1
                coder.bit(current[node], b)
                node = 2 * node + b
            if sign is not None:
                coder.direct(sign)
            if bits > 0:
                coder.bit(current[(1 << width) + c], mantissa >> (bits - 1))
                for shift in range(bits - 2, -1, -1):
                    coder.direct(mantissa >> shift & 1)
            c1, c2 = c, c1
    return coder.finish()


def decode(data: bytes, counts: Sequence[int], contexts: Contexts) -> Array:
    """Decode one segment.

    Args:
        data: the stored bytes.
        counts: for each tensor how many values it has.
        contexts: state of the group; changed.

    Returns:
        The values of all tensors, one after the other, in the format's dtype.

    Raises:
        FrzError: ``STREAM``.
    """
    coder = _Decoder(data)
    fmt = contexts.fmt
    width = fmt.class_bits
    leaves = 1 << width
    stepped = fmt.stepped
    item_bits = 8 * fmt.dtype.itemsize
    out: list[int] = []
    bit, direct = coder.bit, coder.direct
    for count in counts:
        c1 = c2 = 0
        for _ in range(count):
            current = contexts.set(c1, c2)
            node = 1
            for _ in range(width):
                node = 2 * node + bit(current[node])
            c = node - leaves
            bits = max(c - 1, 0) if fmt.mantissa_bits is None else fmt.mantissa_bits
            if stepped and c > item_bits:
                raise FrzError("STREAM", f"a range-coded integer has {c} bits, its format {item_bits}")
            sign = 0 if stepped and c == 0 else direct()
            mantissa = 0
            if bits:
                mantissa = bit(current[leaves + c])
                for _ in range(bits - 1):
                    mantissa = 2 * mantissa + direct()
            if stepped:
                magnitude = ((1 << c) >> 1) + mantissa
                if magnitude > (1 << (item_bits - 1)) - 1 + sign:
                    raise FrzError("STREAM", f"a range-coded integer is beyond {item_bits} bits")
                out.append(-magnitude if sign else magnitude)
            else:
                out.append((sign << (item_bits - 1)) | (c << bits) | mantissa)
            c1, c2 = c, c1
    coder.finish()
    if stepped:
        return np.array(out, fmt.dtype)
    return np.array(out, f"<u{fmt.dtype.itemsize}").view(fmt.dtype)


def _split(run: Array, fmt: Format) -> Iterable[tuple[int | None, int, int, int]]:
    """(sign or None, class, mantissa, mantissa bits) of each value."""
    if fmt.mantissa_bits is None:
        for q in run.tolist():
            magnitude = abs(q)
            c = magnitude.bit_length()
            yield (None if c == 0 else int(q < 0)), c, magnitude - ((1 << c) >> 1), max(c - 1, 0)
        return
    bits = fmt.mantissa_bits
    for pattern in np.ascontiguousarray(run).view(f"<u{fmt.dtype.itemsize}").tolist():
        body = pattern & ((1 << (bits + fmt.class_bits)) - 1)
        yield pattern >> (bits + fmt.class_bits), body >> bits, body & ((1 << bits) - 1), bits


class _Encoder:
    """Counterpart of :class:`_Decoder`. ``low`` is an unbounded integer, so a carry needs no care."""

    def __init__(self) -> None:
        self.low = 0
        self.range = 0xFFFFFFFF
        self.written = bytearray()

    def bit(self, context: list[int], b: int) -> None:
        p, n = context
        bound = (self.range >> 16) * p
        if b:
            self.range = bound
            context[0] = p + (((65536 - p) * RATES[n]) >> 16)
        else:
            self.low += bound
            self.range -= bound
            context[0] = p - ((p * RATES[n]) >> 16)
        if n < 254:
            context[1] = n + 1
        self._normalize()

    def direct(self, b: int) -> None:
        self.range >>= 1
        if b:
            self.low += self.range
        self._normalize()

    def finish(self) -> bytes:
        """The shortest bytes that decode to what was coded: of all numbers within the last range the roundest."""
        for zeros in range(32, -1, -1):
            rounded = (self.low + (1 << zeros) - 1) >> zeros << zeros
            if rounded < self.low + self.range:
                break
        self.low = rounded
        self._carry()
        self.written += (self.low & 0xFFFFFFFF).to_bytes(4, "big")
        return bytes(self.written.rstrip(b"\0"))

    def _normalize(self) -> None:
        while self.range < TOP:
            self._carry()
            self.written.append(self.low >> 24)
            self.low = (self.low & 0xFFFFFF) << 8
            self.range <<= 8

    def _carry(self) -> None:
        """Move what ``low`` has above 32 bits into the bytes already written."""
        if self.low >> 32:
            at = len(self.written) - 1
            while self.written[at] == 0xFF:
                self.written[at] = 0
                at -= 1
            self.written[at] += 1
            self.low &= 0xFFFFFFFF


class _Decoder:
    def __init__(self, data: bytes) -> None:
        self.data = data
        self.size = len(data)
        self.position = 4
        self.range = 0xFFFFFFFF
        self.code = int.from_bytes(data[:4].ljust(4, b"\0"), "big")
        self._check()

    def bit(self, context: list[int]) -> int:
        p, n = context
        bound = (self.range >> 16) * p
        if self.code < bound:
            self.range = bound
            context[0] = p + (((65536 - p) * RATES[n]) >> 16)
            b = 1
        else:
            self.code -= bound
            self.range -= bound
            context[0] = p - ((p * RATES[n]) >> 16)
            b = 0
        if n < 254:
            context[1] = n + 1
        while self.range < TOP:
            self._shift()
        return b

    def direct(self) -> int:
        self.range >>= 1
        b = 0
        if self.code >= self.range:
            self.code -= self.range
            b = 1
            self._check()
        while self.range < TOP:
            self._shift()
        return b

    def finish(self) -> None:
        if self.position < self.size:
            raise FrzError("STREAM", f"{self.size - self.position} bytes are left after a range-coded segment")

    def _shift(self) -> None:
        self.range <<= 8
        self.code = self.code << 8 | (self.data[self.position] if self.position < self.size else 0)
        self.position += 1

    def _check(self) -> None:
        if self.code >= self.range:
            raise FrzError("STREAM", "a range-coded segment is malformed")
