"""The lanes of the static coder in NumPy, all processed in lockstep (specification, section 10.7)."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from frformat.format.coders.integers import Integers
from frformat.format.coders.tables import BASES, BITS, PRECISION, SIGNS, TOTAL, Contexts, Tables, symbols_of

Words = NDArray[np.uint32]

START: Final = 1 << 16
"""The state at the end of a lane."""

UNUSED: Final = 255
"""Marks slots of unused tables."""

EXACT: Final = 15
"""Symbols below this one have no extra bits."""

AT_ONCE: Final = 512
"""With at least this many lanes in lockstep, the call overhead of NumPy is small."""


class Lanes:
    """Encodes and decodes the lanes of a block.

    Args:
        tables: the block's data before its lanes, which must be valid.

    Attributes:
        at_once: number of lanes to code per call.
    """

    at_once: Final = AT_ONCE

    def __init__(self, tables: Tables) -> None:
        self._tables = tables
        self._length = 1 << tables.lane
        self._contexts = Contexts(tables.block, tables.axes, tables.classes, tables.neighbor, tables.reach)
        self._slots: Words | None = None

    def encode(self, first: int, values: Integers) -> tuple[bytes, bytes]:
        """Encode ``values`` from lane ``first`` on. All lanes must be complete, except the block's last lane.

        Returns:
            The counts and the words.

        Raises:
            OverflowError: a value has a frequency of 0.
        """
        whole = len(values) // self._length
        parts = [_Encoding(self, first, values[: whole * self._length].reshape(whole, self._length))] if whole else []
        if whole * self._length < len(values):
            parts.append(_Encoding(self, first + whole, values[whole * self._length :].reshape(1, -1)))
        coded = [part.run() for part in parts]
        counts = np.concatenate([count for count, _ in coded])
        return (counts - 1).astype("<u2").tobytes(), b"".join(words for _, words in coded)

    def decode(self, first: int, counts: NDArray[np.uint16], words: Any, out: Integers) -> bool:
        """Decode some lanes from lane ``first`` on into ``out``; return False if their words are malformed."""
        number = counts.astype(np.int64) + 1
        found = np.frombuffer(words, "<u2").astype(np.uint32)
        whole = len(out) // self._length
        if number.min(initial=2) < 2 or number.sum() != len(found):
            return False
        ends = np.cumsum(number)
        cut = int(ends[whole - 1]) if whole else 0
        stop = whole * self._length
        sound = not whole or self._step(first, number[:whole], found[:cut], out[:stop].reshape(whole, -1))
        if sound and stop < len(out):
            sound = self._step(first + whole, number[whole:], found[cut:], out[stop:].reshape(1, -1))
        return sound

    def starts(self) -> Words:
        """Return, for each table and symbol, the frequency in the low 13 bits and the first slot above them."""
        frequency = self._tables.frequency.astype(np.uint32)
        starts: Words = np.cumsum(frequency, axis=1, dtype=np.uint32) - frequency
        return starts << np.uint32(13) | frequency

    def contexts(self, values: Integers, first: int) -> NDArray[np.int32]:
        """Return the table for each value of some lanes, from lane ``first`` on."""
        return self._contexts.of(values, first << self._tables.lane)

    def _lookup(self) -> Words:
        """Return, for each table and slot, the symbol, its frequency minus 1, and the distance from its first slot."""
        if self._slots is None:
            frequency = self._tables.frequency
            tables, symbols = frequency.shape
            used = np.flatnonzero(frequency.any(axis=1))
            chosen = frequency[used].astype(np.uint32)
            starts = np.cumsum(chosen, axis=1, dtype=np.uint32) - chosen
            symbol = np.arange(symbols, dtype=np.uint32) << 24
            entry = symbol + (chosen - 1 << PRECISION) - starts
            self._slots = np.full((tables, TOTAL), UNUSED << 24, np.uint32)
            repeated = np.repeat(entry.reshape(-1), chosen.reshape(-1)).reshape(-1, TOTAL)
            self._slots[used] = repeated + np.arange(TOTAL, dtype=np.uint32)
        return self._slots.reshape(-1)

    def _step(self, first: int, counts: NDArray[np.int64], words: Words, out: Integers) -> bool:
        """Decode lanes of equal length."""
        tables = self._tables
        reach, lag = tables.reach, tables.lag
        slots = self._lookup()
        ends = np.cumsum(counts)
        at = ends - counts
        words = np.append(words, np.zeros(1, np.uint32))
        x = words[at] << 16 | words[at + 1]
        at += 2
        if (x < START).any():
            return False
        count, length = out.shape
        start = first << tables.lane
        classes = self._contexts.classes(start, start + out.size)
        one = classes.size == 1
        if not one:
            classes = np.ascontiguousarray(classes.reshape(count, length).T)
        found = np.empty((length, count), np.int32)
        for t in range(length):
            table = (classes[0] if one else classes[t]).astype(np.uint32) * np.uint32(2 * reach + 1) + np.uint32(reach)
            if reach and t >= lag:
                table = table + np.clip(found[t - lag], -reach, reach).astype(np.uint32)
            entry = slots[table << PRECISION | x & (TOTAL - 1)]
            symbol = entry >> 24
            x = ((entry >> PRECISION & (TOTAL - 1)) + 1) * (x >> PRECISION) + (entry & (TOTAL - 1))
            _refill(x, at, words)
            if symbol.max() >= EXACT:
                if symbol.max() == UNUSED:
                    return False
                found[t] = _long(symbol, x, at, words)
            else:
                found[t] = _VALUES[symbol]
        out[:] = found.T
        return bool((x == START).all() and (at == ends).all())


_VALUES: Final = (SIGNS * BASES).astype(np.int32)


def _refill(x: Words, at: NDArray[np.int64], words: Words) -> None:
    need = np.flatnonzero(x < START)
    if need.size:
        place = at[need]
        x[need] = x[need] << 16 | words[np.minimum(place, words.size - 1)]
        at[need] = place + 1


def _long(symbol: Words, x: Words, at: NDArray[np.int64], words: Words) -> Integers:
    """Convert symbols to values; read extra bits from the lanes with symbols that have any."""
    values = _VALUES[symbol]
    chosen = np.flatnonzero(symbol >= EXACT)
    symbols, states, places = symbol[chosen], x[chosen], at[chosen]
    bits = BITS[symbols]
    extra = np.zeros(chosen.size, np.int64)
    for step in (np.maximum(bits - 16, 0), np.minimum(bits, 16)):
        extra = extra << step | states & ((1 << step) - 1)
        states = states >> step.astype(np.uint32)
        _refill(states, places, words)
    values[chosen] = SIGNS[symbols] * (BASES[symbols] + extra)
    x[chosen], at[chosen] = states, places
    return values


class _Encoding:
    """Encodes lanes of equal length, given as an array of shape (lanes, values per lane)."""

    def __init__(self, lanes: Lanes, first: int, values: Integers) -> None:
        symbols = symbols_of(values)
        starts = lanes.starts()
        if symbols.max() >= starts.shape[1]:
            raise OverflowError("a value has no frequency in its table")
        slots = starts[lanes.contexts(values, first), symbols]
        if not (slots & 0x1FFF).all():
            raise OverflowError("a value has no frequency in its table")
        self._values = values
        self._symbols = np.ascontiguousarray(symbols.T)
        self._slots = np.ascontiguousarray(slots.T)
        self._out = np.empty((len(values), 3 * values.shape[1] + 2), np.uint16)
        self._at = np.full(len(values), self._out.shape[1])
        self._x = np.full(len(values), START, np.uint32)

    def run(self) -> tuple[NDArray[np.int64], bytes]:
        """Return the number of words of each lane, and the words."""
        for t in range(len(self._slots) - 1, -1, -1):
            symbol, slot = self._symbols[t], self._slots[t]
            if symbol.max() >= EXACT:
                self._extra(symbol, np.abs(self._values[:, t]))
            frequency = slot & np.uint32(0x1FFF)
            self._emit(np.flatnonzero(self._x >> 20 >= frequency))
            quotient, rest = np.divmod(self._x, frequency)
            self._x = (quotient << PRECISION) + rest + (slot >> 13)
        every = np.arange(len(self._x))
        self._emit(every)
        self._emit(every)
        words = b"".join(row[at:].astype("<u2").tobytes() for row, at in zip(self._out, self._at, strict=True))
        return self._out.shape[1] - self._at, words

    def _extra(self, symbol: NDArray[np.uint8], magnitude: Integers) -> None:
        chosen = np.flatnonzero(symbol >= EXACT)
        bits = BITS[symbol[chosen]]
        extra = magnitude[chosen] - BASES[symbol[chosen]]
        for low in (np.minimum(bits, 16), np.maximum(bits - 16, 0)):
            shift = low.astype(np.uint32)
            # Emits if x ≥ 2^(32 − low), which is never true if low is 0.
            self._emit(chosen[self._x[chosen].astype(np.int64) >> (32 - low) > 0])
            self._x[chosen] = self._x[chosen] << shift | (extra & ((1 << low) - 1)).astype(np.uint32)
            extra = extra >> low

    def _emit(self, chosen: NDArray[Any]) -> None:
        """Write the low words of the states of some lanes to the output."""
        if chosen.size:
            self._at[chosen] -= 1
            self._out[chosen, self._at[chosen]] = self._x[chosen] & 0xFFFF
            self._x[chosen] >>= 16
