"""DCT-II bases of which all implementations compute the same bits.

The cosine of a standard library is accurate, but its last bits differ between libraries. Here, an angle is reduced in
integers to at most π/4, and a polynomial is evaluated in 64-bit IEEE 754 arithmetic; see ``spec/template.md``.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

DEGREE: Final = 8
"""The polynomials in the square of the angle have this degree."""


def basis(n: int, r: int) -> Array:
    """Return the first ``r`` orthonormal DCT-II basis functions of length ``n``: float64 (n, r)."""
    x, i = np.arange(n, dtype=np.int64)[:, None], np.arange(r, dtype=np.int64)
    angle = (2 * x + 1) * i % (4 * n)  # in units of π / 2n
    angle = np.where(angle > 2 * n, 4 * n - angle, angle)
    negative = angle > n
    angle = np.where(negative, 2 * n - angle, angle)
    small = 2 * angle <= n
    reduced = math.pi * np.where(small, angle, n - angle).astype(np.float64) / float(2 * n)
    cosine = np.where(small, _series(reduced, 0), reduced * _series(reduced, 1))
    scale = np.full(r, math.sqrt(2 / n))
    scale[:1] = math.sqrt(1 / n)
    found: Array = np.where(negative, -cosine, cosine) * scale
    return found


def joint(axes: Iterable[tuple[int, int]]) -> Array:
    """Return the basis of several axes, each with its length and its number of basis functions, treated as one.

    Returns:
        float64 (product of the lengths, product of the numbers of basis functions).
    """
    table = np.ones((1, 1))
    for n, r in axes:
        one = basis(n, r)
        table = (table[:, None, :, None] * one[None, :, None, :]).reshape(len(table) * n, -1)
    return table


def _series(t: Array, odd: int) -> Array:
    """Evaluate cos t (``odd`` is 0) or sin t / t (1), by Horner's rule."""
    square = t * t
    sign = 1 if DEGREE % 2 == 0 else -1
    total = np.full_like(t, sign / math.factorial(2 * DEGREE + odd))
    for power in range(DEGREE - 1, -1, -1):
        sign = -sign
        total = total * square + sign / math.factorial(2 * power + odd)
    return total
