"""Zigzag order: multi-indices by ascending sum, ties in ascending lexicographic order (specification, section 5).

Everything here is integer arithmetic whose cost grows with ``k``, not with the tensor.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

CACHED: Final = 4096
"""Prefixes of at most so many indices are remembered: the layers of a network share few."""


def prefix(shape: Sequence[int], k: int) -> NDArray[np.int64]:
    """The first ``k`` multi-indices of ``shape`` in zigzag order.

    Args:
        shape: axis lengths (n0, n1, …), rank 0 and length 0 allowed.
        k: how many, from 0 to the element count.

    Returns:
        int64 array of shape (k, rank); not to be written to.

    Raises:
        ValueError: ``k`` is negative or more than the element count.
    """
    count = element_count(shape)
    if not 0 <= k <= count:
        raise ValueError(f"k = {k} is not within 0 … {count}, the element count of {tuple(shape)}")
    # An index i on one axis comes after the i smaller ones on that axis, so none of the first k reaches k.
    clipped = tuple(min(n, k) for n in shape)
    return _cached_prefix(clipped, k) if k <= CACHED else _prefix(clipped, k)


def position(shape: Sequence[int], index: Sequence[int]) -> int:
    """How many multi-indices of ``shape`` come before ``index`` in zigzag order."""
    total = sum(index)
    # ways[j][s]: how many choices of the axes from j on sum to s.
    ways = [np.zeros(total + 1, np.int64) for _ in range(len(shape) + 1)]
    ways[-1][0] = 1
    for axis in reversed(range(len(shape))):
        ways[axis] = np.cumsum(ways[axis + 1])
        ways[axis][shape[axis] :] -= ways[axis][: -shape[axis]].copy()
    before = int(ways[0][:total].sum())
    rest = total
    for axis, i in enumerate(index):
        before += int(ways[axis + 1][rest - i + 1 : rest + 1].sum())
        rest -= i
    return before


def box(shape: Sequence[int], k: int) -> tuple[int, ...]:
    """The smallest corner (r0, r1, …) that contains the first ``k`` indices; zeros if ``k`` is 0."""
    return box_of(prefix(shape, k))


def box_of(indices: NDArray[np.int64]) -> tuple[int, ...]:
    """The smallest corner that contains ``indices``, an array of shape (k, rank)."""
    if len(indices) == 0:
        return (0,) * int(indices.shape[1])
    last: NDArray[np.int64] = indices.max(axis=0)
    return tuple(int(i) + 1 for i in last)


def element_count(shape: Sequence[int]) -> int:
    """The product of the axis lengths, exactly."""
    count = 1
    for n in shape:
        count *= n
    return count


@lru_cache(maxsize=64)
def _cached_prefix(shape: tuple[int, ...], k: int) -> NDArray[np.int64]:
    indices = _prefix(shape, k)
    indices.flags.writeable = False
    return indices


def _prefix(shape: tuple[int, ...], k: int) -> NDArray[np.int64]:
    out = np.zeros((k, len(shape)), np.int64)
    axes = [axis for axis, n in enumerate(shape) if n > 1]
    if k and axes:
        out[:, axes] = _prefix_of_long([shape[axis] for axis in axes], k)
    return out


def _prefix_of_long(shape: list[int], k: int) -> NDArray[np.int64]:
    """The prefix for k ≥ 1 and axes longer than 1, by ranges of sums that grow by an eighth.

    A range is sorted as a whole by construction: it starts with its sums in order, and each axis splits every
    partial index into all values that the axes after it can complete.
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
    """All multi-indices whose sum is one of ``sums``, which are ascending."""
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
