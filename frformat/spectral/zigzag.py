"""Zigzag order: multi-indices by ascending sum, ties in ascending lexicographic order (specification, section 5).

All computations are integer arithmetic. The cost of finding a prefix depends on ``k``, not on the size of the tensor.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

CACHED: Final = 4096
"""Prefixes of at most this many indices are cached: the layers of a network have few distinct shapes."""

BLOCK: Final = 1 << 15
"""Number of indices that are numbered at a time."""

FILLED: Final = 8
"""If a box has at most this many times the entries of its prefix, numbering all of it is faster than listing them."""


def prefix(shape: Sequence[int], k: int) -> NDArray[np.int64]:
    """Return the first ``k`` multi-indices of ``shape`` in zigzag order.

    Args:
        shape: axis lengths (n0, n1, …); rank 0 and length 0 are allowed.
        k: number of indices, from 0 to the element count.

    Returns:
        An int64 array of shape (k, rank); do not write to it.

    Raises:
        ValueError: ``k`` is negative or more than the element count.
    """
    _check(shape, k)
    # Index i on an axis comes after the i smaller indices on that axis, so none of the first k indices reaches k.
    clipped = tuple(min(n, k) for n in shape)
    return _cached_prefix(clipped, k) if k <= CACHED else _prefix(clipped, k)


def places(shape: Sequence[int], k: int) -> NDArray[np.int64]:
    """Return the first ``k`` indices in zigzag order as positions in row-major order: int64 array of shape (k,).

    Do not write to it. Pass the box of a prefix as ``shape`` to get positions within that box: its first ``k`` indices
    are those of the whole shape, in the same order.
    """
    _check(shape, k)
    return _cached_places(tuple(shape), k) if k <= CACHED else _places(tuple(shape), k)


def numbers(shape: Sequence[int]) -> NDArray[np.int64]:
    """Return the zigzag number of every index, in row-major order of the indices: the inverse of :func:`places`."""
    out = np.empty(element_count(shape), np.int64)
    for block, found in _number_blocks(shape):
        out.reshape(-1)[block] = found
    return out


def scattered(values: NDArray[np.floating], corner: Sequence[int]) -> NDArray[np.float64]:
    """Return the box of a prefix in float64: ``values`` at their positions, zeros elsewhere.

    Args:
        values: array of shape (k,), in zigzag order.
        corner: the box of the first ``k`` indices.
    """
    k, count = len(values), element_count(corner)
    out = np.zeros(count)
    if count == max(corner, default=1):  # one axis at most is longer than 1
        out[:k] = values
    elif count > FILLED * k or k <= CACHED:
        out[places(corner, k)] = values
    else:
        for block, found in _number_blocks(corner):
            outside = found >= k
            found[outside] = 0
            out[block] = values[found]
            out[block][outside] = 0.0
    return out.reshape(corner)


def gathered(corner: NDArray[np.float64], k: int) -> NDArray[np.float64]:
    """Return the first ``k`` entries of the box of a prefix in zigzag order: the inverse of :func:`scattered`."""
    flat = corner.reshape(-1)
    if flat.size > FILLED * k or k <= CACHED:
        return flat[places(corner.shape, k)]
    out = np.empty(k)
    for block, found in _number_blocks(corner.shape):
        inside = found < k
        out[found[inside]] = flat[block][inside]
    return out


def working_memory(corner: Sequence[int], k: int) -> int:
    """Return the peak memory of :func:`scattered` in bytes, including the box that it returns."""
    count = element_count(corner)
    if count == max(corner, default=1):
        return 8 * count
    if count > FILLED * k:
        return 8 * (count + (3 * len(corner) + 2) * k)
    later = element_count(corner[1:])
    return 8 * (count + 3 * later + 5 * (BLOCK + later if later < BLOCK else BLOCK))


def _number_blocks(shape: Sequence[int]) -> Iterator[tuple[slice, NDArray[np.int64]]]:
    """Yield cache-sized blocks of row-major order, each with the zigzag numbers of its indices."""
    if element_count(shape) == 0 or not shape:
        yield slice(0, element_count(shape)), np.zeros(element_count(shape), np.int64)
        return
    # Of the indices with the same sum, those that are smaller on this axis come first, whatever their later axes are.
    # `before[s]` is the number of choices on the later axes whose sum is at most s; `sums` and `found` refer to those
    # choices.
    sums, found, counts = (np.zeros(1, np.int64), np.zeros(1, np.int64), np.ones(1, np.int64))
    for n in reversed(shape[1:]):
        before = np.concatenate((np.cumsum(counts), np.full(n - 1, counts.sum())))
        found = found - before[sums]
        sums = (np.arange(n, dtype=np.int64)[:, None] + sums).reshape(-1)
        found = (before[sums].reshape(n, -1) + found).reshape(-1)
        counts = _exact(counts, n)
    before = np.concatenate((np.cumsum(counts), np.full(shape[0] - 1, counts.sum())))
    found = found - before[sums]
    all_counts = _exact(counts, shape[0])
    table = before + np.cumsum(all_counts) - all_counts
    width = min(len(sums), BLOCK)
    rows = max(1, BLOCK // len(sums))
    for row in range(0, shape[0], rows):
        index = np.arange(row, min(row + rows, shape[0]), dtype=np.int64)
        for column in range(0, len(sums), width):
            part = slice(column, min(column + width, len(sums)))
            start = row * len(sums) + column
            at = table[index[:, None] + sums[part]] + found[part]
            yield slice(start, start + at.size), at.reshape(-1)


def box(shape: Sequence[int], k: int) -> tuple[int, ...]:
    """Return the smallest corner (r0, r1, …) that contains the first ``k`` indices; zeros if ``k`` is 0.

    The cost does not depend on ``k``.
    """
    _check(shape, k)
    return _box(tuple(min(n, k) for n in shape), k)


def position(shape: Sequence[int], index: Sequence[int]) -> int:
    """Return the number of multi-indices of ``shape`` that come before ``index`` in zigzag order."""
    rest = sum(index)
    before = _count(tuple(shape), rest - 1)
    for axis, i in enumerate(index):
        # Count the choices on the later axes for 0, 1, …, i − 1 on this axis.
        after = tuple(shape[axis + 1 :])
        before += _count(after, rest) - _count(after, rest - i)
        rest -= i
    return before


def element_count(shape: Sequence[int]) -> int:
    """Return the exact product of the axis lengths."""
    return math.prod(shape)


def _check(shape: Sequence[int], k: int) -> None:
    count = element_count(shape)
    if not 0 <= k <= count:
        raise ValueError(f"k = {k} is not within 0 … {count}, the element count of {tuple(shape)}")


def _count(shape: tuple[int, ...], most: int) -> int:
    """Count the multi-indices of ``shape`` whose sum is at most ``most``, by inclusion and exclusion."""
    rank = len(shape)

    def of_axes(first: int, rest: int) -> int:
        """Count with each axis from ``first`` on either unrestricted or, with the opposite sign, beyond its bound."""
        found = math.comb(rest + rank, rank)
        for axis in range(first, rank):
            if shape[axis] <= rest:
                found -= of_axes(axis + 1, rest - shape[axis])
        return found

    return of_axes(0, most) if most >= 0 else 0


@lru_cache(maxsize=4096)
def _box(shape: tuple[int, ...], k: int) -> tuple[int, ...]:
    if k == 0:
        return (0,) * len(shape)
    # The last index has the smallest sum up to which there are at least k indices.
    high = 1
    while _count(shape, high - 1) < k:
        high *= 2
    low = high // 2
    while low < high - 1:
        middle = (low + high) // 2
        low, high = (middle, high) if _count(shape, middle - 1) < k else (low, middle)
    last = high - 1
    rest = k - _count(shape, last - 1)
    out = []
    for axis, n in enumerate(shape):
        # Among the indices whose earlier axes are 0, the one with the whole sum on this axis comes last.
        after = shape[axis:]
        reached = n > last and _count(after, last) - _count(after, last - 1) <= rest
        out.append(last + 1 if reached else min(n, last))
    return tuple(max(r, 1) for r in out)


@lru_cache(maxsize=64)
def _cached_prefix(shape: tuple[int, ...], k: int) -> NDArray[np.int64]:
    indices = _prefix(shape, k)
    indices.flags.writeable = False
    return indices


@lru_cache(maxsize=64)
def _cached_places(shape: tuple[int, ...], k: int) -> NDArray[np.int64]:
    found = _places(shape, k)
    found.flags.writeable = False
    return found


def _places(shape: tuple[int, ...], k: int) -> NDArray[np.int64]:
    corner = box(shape, k)
    if element_count(corner) > FILLED * k:
        strides = [element_count(shape[axis + 1 :]) for axis in range(len(shape))]
        return np.asarray(prefix(shape, k) @ np.array(strides, np.int64), np.int64)
    found = np.empty(k, np.int64)
    for block, order in _number_blocks(corner):
        inside = np.flatnonzero(order < k)
        found[order[inside]] = block.start + inside
    return found if corner == shape else np.ravel_multi_index(np.unravel_index(found, corner), shape)


def _exact(counts: NDArray[np.int64], n: int) -> NDArray[np.int64]:
    """Count the choices that sum to 0, 1, …; ``counts`` are those without one of the axes, whose length is ``n``."""
    sums = np.cumsum(np.concatenate((counts, np.zeros(n - 1, np.int64))))
    sums[n:] -= sums[:-n].copy()
    return sums


def _prefix(shape: tuple[int, ...], k: int) -> NDArray[np.int64]:
    out = np.zeros((k, len(shape)), np.int64)
    axes = [axis for axis, n in enumerate(shape) if n > 1]
    if k and axes:
        out[:, axes] = _prefix_of_long([shape[axis] for axis in axes], k)
    return out


def _prefix_of_long(shape: list[int], k: int) -> NDArray[np.int64]:
    """Return the prefix for k ≥ 1 and axes longer than 1, by ranges of sums that grow by an eighth.

    Each range is sorted by construction: it starts with its sums in order, and each axis extends every partial index
    by all values that the later axes can complete.
    """
    if len(shape) == 1:
        return np.arange(k, dtype=np.int64)[:, None]
    parts: list[NDArray[np.int64]] = []
    found = total = 0
    while found < k:
        size = total // 8 + 1
        part = _all_of_sums(shape, np.arange(total, total + size, dtype=np.int64))
        parts.append(part[: k - found])
        found += len(parts[-1])
        total += size
    return np.concatenate(parts)


def _all_of_sums(shape: list[int], sums: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return all multi-indices whose sum is one of ``sums``, which are ascending."""
    most = sum(shape) - len(shape)
    rest = sums[sums <= most]
    index = np.empty((len(rest), 0), np.int64)
    tail = most
    for n in shape:
        tail -= n - 1
        low = np.maximum(rest - tail, 0)
        counts = np.minimum(rest, n - 1) - low + 1
        starts = np.repeat(np.cumsum(counts) - counts, counts)
        value = np.arange(len(starts), dtype=np.int64) - starts + np.repeat(low, counts)
        index = np.column_stack((np.repeat(index, counts, axis=0), value))
        rest = np.repeat(rest, counts) - value
    return index
