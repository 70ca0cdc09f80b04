"""DEFLATE streams (RFC 1951) of every kind of block, identical on every machine."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Iterable, Sequence

Token = int | tuple[int, int]
"""A literal byte, or (length, distance) of a match."""

END = 256
LENGTHS = (
    [(3 + i, 257 + i, 0) for i in range(8)]
    + [(3 + (4 + i % 4 << i // 4), 261 + i, i // 4) for i in range(4, 24)]
    + [(258, 285, 0)]
)
"""(shortest length, symbol, extra bits)."""
DISTANCES = [(1, 0, 0), (2, 1, 0)] + [(1 + (2 + i % 2 << i // 2 - 1), i, i // 2 - 1) for i in range(2, 30)]
FIXED_LENGTHS = [8] * 144 + [9] * 112 + [7] * 24 + [8] * 8
ORDER = (16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15)


class Bits:
    """A bit stream that starts at the lowest bit of the first byte."""

    def __init__(self) -> None:
        self._out = bytearray()
        self._value = self._count = 0

    def put(self, value: int, count: int) -> None:
        """Add the ``count`` lowest bits of ``value``, lowest first."""
        self._value |= value << self._count
        self._count += count
        while self._count >= 8:
            self._out.append(self._value & 255)
            self._value >>= 8
            self._count -= 8

    def bytes(self) -> bytes:
        """Return all bits, with the last byte padded with zeros."""
        return bytes(self._out) + (bytes([self._value]) if self._count else b"")


def stored(data: bytes, block: int = 65535) -> bytes:
    """Return blocks without compression."""
    out = b""
    for start in range(0, max(len(data), 1), block):
        part = data[start : start + block]
        last = start + block >= len(data)
        out += bytes([last]) + len(part).to_bytes(2, "little") + (len(part) ^ 0xFFFF).to_bytes(2, "little") + part
    return out


def fixed(data: bytes, dictionary: bytes = b"") -> bytes:
    """Return one block with the fixed code, and with matches that may reach into ``dictionary``."""
    return blocks([tokens(data, dictionary)], dynamic=False)


def dynamic(data: bytes, dictionary: bytes = b"") -> bytes:
    """Return one block with a dynamic code."""
    return blocks([tokens(data, dictionary)], dynamic=True)


def blocks(parts: Sequence[Sequence[Token]], *, dynamic: bool, final: bool = True, runs: bool = False) -> bytes:
    """Return one block for each sequence of tokens.

    Args:
        parts: the tokens of each block.
        dynamic: whether each block has its own code.
        final: whether the last block ends the stream.
        runs: whether the lengths of a dynamic code are run-length coded.
    """
    bits = Bits()
    for i, part in enumerate(parts):
        bits.put(int(final and i == len(parts) - 1), 1)
        symbols = [*map(_symbols, part), [(END, 0, 0)]]
        if dynamic:
            bits.put(2, 2)
            literals = _code_lengths((s[0][0] for s in symbols), 286)
            distances = _code_lengths((s[1][0] for s in symbols if len(s) > 1), 30)
            (_put_runs if runs else _put_code_lengths)(bits, literals, distances)
        else:
            bits.put(1, 2)
            literals, distances = FIXED_LENGTHS, [5] * 30
        codes = _codes(literals), _codes(distances)
        for symbol in symbols:
            for (number, extra, width), code in zip(symbol, codes, strict=False):
                bits.put(*code[number])
                bits.put(extra, width)
    return bits.bytes()


def tokens(data: bytes, dictionary: bytes = b"") -> list[Token]:
    """Find greedy matches of at least four bytes in the preceding data."""
    text = dictionary + data
    seen = {text[i : i + 4]: i for i in range(len(dictionary) - 3)}
    out: list[Token] = []
    at = len(dictionary)
    while at < len(text):
        found = seen.get(text[at : at + 4], at)
        seen[text[at : at + 4]] = at
        length = _common(text, found, at) if 0 < at - found <= 32768 else 0
        out.append((length, at - found) if length >= 4 else text[at])
        at += length if length >= 4 else 1
    return out


def repeats(data: bytes, distance: int) -> list[Token]:
    """Return literals and matches of periodic data; the distance of every match is the period."""
    out: list[Token] = [*data[:distance]]
    at = len(out)
    while at < len(data):
        length = _common(data, at - distance, at)
        out.append((length, distance) if length >= 3 else data[at])
        at += length if length >= 3 else 1
    return out


def _common(text: bytes, first: int, second: int) -> int:
    """Return how many bytes, at most 258, are equal starting at the two positions."""
    most = min(258, len(text) - second)
    if text[first : first + most] == text[second : second + most]:
        return most
    return next(i for i in range(most) if text[first + i] != text[second + i])


def bomb(size: int) -> bytes:
    """Return a stream that inflates to ``size`` zero bytes, about 1,030 times its own size."""
    return blocks([[0] + [(258, 1)] * ((size - 1) // 258) + [0] * ((size - 1) % 258)], dynamic=True)


def _symbols(token: Token) -> list[tuple[int, int, int]]:
    """Return (symbol, extra bits, their number) for a literal, or for a length and a distance."""
    if isinstance(token, int):
        return [(token, 0, 0)]
    length, distance = token
    least, symbol, width = next(entry for entry in reversed(LENGTHS) if entry[0] <= length)
    least_far, far, far_width = next(entry for entry in reversed(DISTANCES) if entry[0] <= distance)
    return [(symbol, length - least, width), (far, distance - least_far, far_width)]


def _code_lengths(symbols: Iterable[int], alphabet: int) -> list[int]:
    """Return the code lengths of a Huffman code for the symbols that occur, which has at least two codes."""
    counts = Counter(symbols)
    for filler in (0, 1):
        if len(counts) < 2 and filler not in counts:
            counts[filler] = 0
    heap: list[tuple[int, int, tuple[int, ...]]] = [
        (count, symbol, (symbol,)) for symbol, count in sorted(counts.items())
    ]
    lengths = [0] * alphabet
    heapq.heapify(heap)
    while len(heap) > 1:
        (a, first, left), (b, _, right) = heapq.heappop(heap), heapq.heappop(heap)
        for symbol in left + right:
            lengths[symbol] += 1
        heapq.heappush(heap, (a + b, first, left + right))
    assert max(lengths) <= 15
    return lengths


def _put_code_lengths(bits: Bits, literals: Sequence[int], distances: Sequence[int]) -> None:
    """Write the head of a dynamic block; each code length takes four plain bits."""
    bits.put(len(literals) - 257, 5)
    bits.put(len(distances) - 1, 5)
    bits.put(len(ORDER) - 4, 4)
    for symbol in ORDER:
        bits.put(0 if symbol >= 16 else 4, 3)
    for length in (*literals, *distances):
        bits.put(int(f"{length:04b}"[::-1], 2), 4)


def _put_runs(bits: Bits, literals: Sequence[int], distances: Sequence[int]) -> None:
    """Write the same head with the symbols 16 to 18 for runs, some of which cross from one code to the other."""
    bits.put(len(literals) - 257, 5)
    bits.put(len(distances) - 1, 5)
    bits.put(len(ORDER) - 4, 4)
    widths = [4] * 13 + [5] * 6
    for symbol in ORDER:
        bits.put(widths[symbol], 3)
    codes, lengths, at = _codes(widths), [*literals, *distances], 0
    while at < len(lengths):
        run = next((i for i, n in enumerate(lengths[at:]) if n != lengths[at]), len(lengths) - at)
        if lengths[at] == 0 and run >= 3:
            run = min(run, 138)
            bits.put(*codes[17 if run < 11 else 18])
            bits.put(run - (3 if run < 11 else 11), 3 if run < 11 else 7)
        elif at and lengths[at] == lengths[at - 1] and run >= 3:
            run = min(run, 6)
            bits.put(*codes[16])
            bits.put(run - 3, 2)
        else:
            run = 1
            bits.put(*codes[lengths[at]])
        at += run


def _codes(lengths: Sequence[int]) -> dict[int, tuple[int, int]]:
    """Return canonical codes by symbol: (bits in the order in which they are written, their number)."""
    out = {}
    code = 0
    for width in range(1, 16):
        code <<= 1
        for symbol, length in enumerate(lengths):
            if length == width:
                out[symbol] = (int(f"{code:0{width}b}"[::-1], 2), width)
                code += 1
    return out
