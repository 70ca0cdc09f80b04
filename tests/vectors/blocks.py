"""Split the values of a segment into blocks of integers for coders 3 and 4 (specification, sections 9.1 and 9.2)."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

EXPONENT_BITS = {"f32": 8, "f16": 5, "bf16": 8}
MANTISSA_BITS = {"f32": 23, "f16": 10, "bf16": 7}


class Block(NamedTuple):
    """Values that form a box.

    Attributes:
        offsets: whether they are step offsets.
        shape: the box.
        values: integers, or the bits of floats, in row-major order.
    """

    offsets: bool
    shape: Sequence[int]
    values: Sequence[int]


def axes(shape: Sequence[int]) -> tuple[int, int, int]:
    """Return the numbers of rows, channels and positions."""
    if len(shape) < 2:
        return 1, 1, math.prod(shape)
    return shape[0], shape[1], math.prod(shape[2:])


def leb128(number: int, least: int = 1) -> bytes:
    """Encode a number in LEB128, in at least ``least`` bytes."""
    out = bytearray()
    while number > 127 or len(out) + 1 < least:
        out.append(number & 127 | 128)
        number >>= 7
    return bytes([*out, number])


class Split(NamedTuple):
    """The parts of floats.

    Attributes:
        reference: an exponent field.
        digits: stored bits of a mantissa.
        blocks: the blocks of integers.
        mantissas: the bytes of the mantissas.
    """

    reference: int
    digits: int
    blocks: list[Block]
    mantissas: bytes

    def segment(self, integers: bytes, least: int = 1) -> bytes:
        """Return the segment, given the coded integers; their size takes ``least`` bytes or more."""
        return bytes([self.reference, self.digits]) + leb128(len(integers), least) + integers + self.mantissas


def split(fmt: str, blocks: Sequence[Block], reference: int | None = None, digits: int | None = None) -> Split:
    """Split floats into integers and mantissas.

    Args:
        fmt: number format of the floats.
        blocks: the bits of floats.
        reference: the exponent field that integers count from; None for the largest.
        digits: number of bits to store of each mantissa; None for as many as are needed.
    """
    width, m = EXPONENT_BITS[fmt], MANTISSA_BITS[fmt]
    patterns = [u for block in blocks for u in block.values if u]
    exponents = [u >> m & ((1 << width) - 1) for u in patterns]
    mantissas = [u & ((1 << m) - 1) for u in patterns]
    reference = max(exponents, default=0) if reference is None else reference
    if digits is None:
        digits = next(d for d in range(m + 1) if all(u % 2 ** (m - d) == 0 for u in mantissas))
    integers = [block._replace(values=[integer(u, width, m, reference) for u in block.values]) for block in blocks]
    stored = [u >> (m - digits) for u in mantissas]
    whole, rest = divmod(digits, 8)
    data = b"".join(bytes(u >> 8 * plane & 255 for u in stored) for plane in range(whole))
    packed = sum((u >> 8 * whole) << rest * i for i, u in enumerate(stored))
    return Split(reference, digits, integers, data + packed.to_bytes(-(-rest * len(stored) // 8), "little"))


def integer(u: int, width: int, m: int, reference: int) -> int:
    """Return the integer that represents a float's sign and exponent."""
    if u == 0:
        return 0
    size = reference + 1 - (u >> m & ((1 << width) - 1))
    return -size if u >> (width + m) else size


Encode = Callable[[Sequence[Block]], bytes]


def of_floats(fmt: str, encode: Encode) -> Encode:
    """Build a coder of floats from a coder of integers."""

    def coded(blocks: Sequence[Block]) -> bytes:
        parts = split(fmt, blocks)
        return parts.segment(encode(parts.blocks))

    return coded
