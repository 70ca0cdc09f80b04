"""What a writer of static blocks counts before it chooses their tables, in NumPy."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from frformat.format.coders.integers import Integers
from frformat.format.coders.tables import WIDTH, symbols_of

Array = NDArray[Any]

FRACTION: Final = 16
"""Binary digits of logarithms."""


def count(values: Integers, totals: Array, lane: int, lag: int, reach: int, classes: int) -> NDArray[np.uint32]:
    """How often each symbol occurs in each table.

    Args:
        values: of whole lanes, but for the last one.
        totals: int16, the sum of the classes of each value; empty if all are of class 0.
        lane: values of a lane.
        lag: how many values before a value its neighbour stands.
        reach: to how much its magnitude is cut; 0 without a neighbour.
        classes: how many there are.

    Returns:
        Array (classes · (2 reach + 1), 128).
    """
    near = 2 * reach + 1
    tables = np.full(len(values), reach, np.int64)
    if totals.size:
        tables += near * np.clip(totals, 0, classes - 1).astype(np.int64)
    if reach:
        for start in range(0, len(values), lane):
            part = slice(start, min(start + lane, len(values)))
            tables[part][lag:] += np.clip(values[part][: -lag or None], -reach, reach)[: len(tables[part][lag:])]
    places = tables * WIDTH + symbols_of(values).reshape(-1)
    height = classes * near
    return np.bincount(places, minlength=height * WIDTH).reshape(height, WIDTH).astype(np.uint32)


def costs(counts: NDArray[np.uint32], classes: int, logs: NDArray[np.int64]) -> list[tuple[int, int, int]]:
    """What the values take that were counted, for the reach that they were counted for and each one below it.

    Args:
        counts: what :func:`count` gives.
        classes: how many classes there are.
        logs: logarithms to base 2 of the numbers from 2^12 on, less 12, in parts of 2^-16.

    Returns:
        For each reach: bits in parts of 2^-16, how many frequencies are used, and how many tables.
    """
    found = []
    cube = counts.astype(np.int64).reshape(classes, -1, WIDTH)
    while True:
        totals = cube.sum(axis=2)
        bits = int(_entropy(totals, logs).sum() - _entropy(cube, logs).sum())
        found.append((bits, int(np.count_nonzero(cube)), int(np.count_nonzero(totals))))
        if cube.shape[1] <= 3:
            return found
        inner = cube[:, 1:-1].copy()
        inner[:, 0] += cube[:, 0]
        inner[:, -1] += cube[:, -1]
        cube = inner


def _entropy(numbers: Array, logs: NDArray[np.int64]) -> Array:
    """N · log2(n), 0 for 0: by a table of mantissas' first 12 bits."""
    exponent = np.frexp(numbers.astype(np.float64))[1].astype(np.int64) - 1
    shift = exponent - 12
    mantissa = np.where(shift >= 0, numbers >> np.maximum(shift, 0), numbers << np.maximum(-shift, 0))
    found = (exponent << FRACTION) + logs[np.clip(mantissa - (1 << 12), 0, len(logs) - 1)]
    return np.where(numbers > 0, numbers * found, 0)
