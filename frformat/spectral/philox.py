"""Pseudo-random numbers that are the same in every language: Philox4x32-10 (specification, section 7.4)."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

MULTIPLIERS: Final = (np.uint64(0xD2511F53), np.uint64(0xCD9E8D57))
WEYL: Final = (0x9E3779B9, 0xBB67AE85)
ROUNDS: Final = 10
MASK: Final = np.uint64(0xFFFFFFFF)
HALF: Final = np.uint64(32)

COUNTERS: Final = 1 << 12
"""Number of counters that are processed together, so that their state fits a second-level cache."""


def words(seed: int, counters: NDArray[np.uint64], scratch: NDArray[np.uint64] | None = None) -> NDArray[np.uint64]:
    """Return the four words of each counter: an array of shape (4, len(counters)), a view of ``scratch``.

    Args:
        seed: a 64-bit integer.
        counters: the low 64 bits of the counters; the high bits are 0.
        scratch: array of shape (6, n), n ≥ ``len(counters)``; allocated if not given.
    """
    scratch = np.empty((6, len(counters)), np.uint64) if scratch is None else scratch[:, : len(counters)]
    c0, c1, c2, c3, p, q = scratch
    np.bitwise_and(counters, MASK, out=c0)
    np.right_shift(counters, HALF, out=c1)
    c2[:] = c3[:] = 0
    k0, k1 = seed & 0xFFFFFFFF, seed >> 32
    for _ in range(ROUNDS):
        np.multiply(c0, MULTIPLIERS[0], out=p)
        np.multiply(c2, MULTIPLIERS[1], out=q)
        np.right_shift(q, HALF, out=c0)
        np.right_shift(p, HALF, out=c2)
        c0 ^= c1
        c0 ^= np.uint64(k0)
        c2 ^= c3
        c2 ^= np.uint64(k1)
        np.bitwise_and(q, MASK, out=c1)
        np.bitwise_and(p, MASK, out=c3)
        k0, k1 = (k0 + WEYL[0]) & 0xFFFFFFFF, (k1 + WEYL[1]) & 0xFFFFFFFF
    return scratch[:4]


def uniform(seed: int, start: int, count: int) -> NDArray[np.float64]:
    """Return elements ``start`` … ``start + count − 1`` of a seed's sequence: in (−1, 1), exact in float32."""
    out = np.empty(count)
    scratch = np.empty((6, min(COUNTERS, count // 4 + 2)), np.uint64)
    done = 0
    while done < count:
        first = (start + done) >> 2
        size = min(COUNTERS, ((start + count - 1) >> 2) - first + 1)
        found = _uniform(words(seed, np.arange(first, first + size, dtype=np.uint64), scratch))
        part = found.T.reshape(-1)[start + done - 4 * first :][: count - done]
        out[done : done + len(part)] = part
        done += len(part)
    return out


def table(seed: int, length: int, count: int, start: int, stop: int) -> NDArray[np.float64]:
    """Split a sequence into ``count`` lines of ``length``, and return some elements of each.

    Returns:
        A float64 array of shape (stop − start, count); row x contains the elements i · length + start + x.
    """
    if start == 0 and stop == length:
        return uniform(seed, 0, count * length).reshape(count, length).T
    first = np.arange(count, dtype=np.int64) * length + start
    width = (stop - start + 6) // 4  # enough counters for a line, wherever it begins
    counters = ((first >> 2)[:, None] + np.arange(width, dtype=np.int64)).astype(np.uint64).reshape(-1)
    out = np.empty((len(counters), 4))
    for at in range(0, len(counters), COUNTERS):
        out[at : at + COUNTERS] = _uniform(words(seed, counters[at : at + COUNTERS])).T
    lines = out.reshape(count, 4 * width)
    return np.take_along_axis(lines, (first & 3)[:, None] + np.arange(stop - start, dtype=np.int64), axis=1).T


def _uniform(found: NDArray[np.uint64]) -> NDArray[np.float64]:
    """Convert words to numbers in (−1, 1), overwriting the words."""
    found >>= np.uint64(9)
    values = found.astype(np.float64)
    values *= 2.0**-22
    values += 2.0**-23 - 1
    return values
