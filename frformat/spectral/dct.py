"""The orthonormal DCT-II: its basis functions, and transforms of long lines in both directions.

There are two ways to compute a long line from its coefficients. If only low frequencies are present, the line is
smooth: it is evaluated at Chebyshev nodes in short blocks and interpolated between them. Otherwise, it is computed
with one FFT.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Floats = NDArray[np.float64]

BLOCK: Final = 1 << 16
"""Number of line elements that are computed at a time."""

ONE_THREAD: Final = 1 << 18
"""OpenBLAS divides a product of more multiply-adds among threads, which costs more than it gains if the inner dimension
is small."""

THIN_RANK: Final = 32
THIN_SHARE: Final = 4
"""With at most THIN_RANK coefficients on an axis at least THIN_SHARE times as long, a product with the basis is 1.5 to
25 times as fast as an FFT."""

NODES: Final = 32
PHASE: Final = 8.0
"""Within a block of a smooth line, the phase of the highest frequency changes by at most PHASE radians from the middle
to either end; NODES nodes then interpolate the line to within 1e-14."""

WIDEST: Final = 1 << 13
"""Largest number of elements in such a block."""

MULTIPLY: Final = 0.1
COSINE: Final = 20.0
BUTTERFLY: Final = 1.0
LARGE_PRIME: Final = 8.0
"""Relative costs: of a multiply-add, of a sine and cosine, and of an FFT of length n, divided by n · log2 n; and the
factor by which a large prime factor of n raises the cost of an FFT."""


def basis(n: int, r: int) -> Floats:
    """Return the first ``r`` basis functions of length ``n``: a float64 array of shape (n, r)."""
    return rows(n, r, 0, n)


def rows(n: int, r: int, start: int, stop: int) -> Floats:
    """Return the rows ``start`` … ``stop − 1`` of :func:`basis`."""
    return _angles(n, np.arange(start, stop, dtype=np.int64), r)[0] * scale(n, r)


def scale(n: int, r: int) -> Floats:
    """Return the factors that make the first ``r`` cosines of length ``n`` orthonormal: shape (r,)."""
    factors = np.full(r, math.sqrt(2 / n))
    factors[:1] = math.sqrt(1 / n)
    return factors


def forward(weights: Array, box: Sequence[int] | None = None) -> Floats:
    """Transform ``weights`` along every axis, in float64.

    Args:
        weights: array of any rank and real dtype.
        box: corner of the spectrum to keep; None keeps all of it.
    """
    spectrum = np.asarray(weights, np.float64)
    owned = not np.may_share_memory(spectrum, weights)
    box = spectrum.shape if box is None else box
    # The axis that shrinks most is transformed first, which leaves less work for the other axes.
    for axis in sorted(range(spectrum.ndim), key=lambda a: box[a] / max(spectrum.shape[a], 1)):
        found = _forward_axis(spectrum, axis, box[axis], owned)
        owned = owned or found is not spectrum
        spectrum = found
    return np.ascontiguousarray(spectrum)


def inverse_lines(lines: Floats, out: Array) -> None:
    """Compute lines from their leading coefficients without computing the basis.

    Args:
        lines: shape (m, r).
        out: shape (m, n), of any strides and float dtype; every element is overwritten.
    """
    m, n = out.shape
    if _is_smooth(n, lines.shape[1]):
        _interpolate(lines, out)
        return
    step = max(1, BLOCK // n)
    for start in range(0, m, step):
        out[start : start + step] = _by_fft(lines[start : start + step], n)


def lines_memory(n: int, r: int) -> int:
    """Return the peak memory of :func:`inverse_lines` in bytes."""
    if _is_smooth(n, r):
        width, count = _blocks(n, r)
        return 8 * (6 * count * r + 6 * NODES * r + count * NODES + 3 * NODES * width + BLOCK)
    return 8 * _fft_memory(n) * max(1, BLOCK // n)


def _angles(n: int, x: NDArray[np.int64], r: int) -> tuple[Floats, Floats]:
    """Return the cosine and sine of π(2x + 1)i / 2n. Angles are reduced in integers, so long axes lose no precision."""
    turns = (2 * x[:, None] + 1) * np.arange(r, dtype=np.int64) % (4 * n)
    angle = turns * (math.pi / (2 * n))
    return np.cos(angle), np.sin(angle)


def _blocks(n: int, r: int) -> tuple[int, int]:
    """Return the width and the number of the blocks in which a line is interpolated."""
    width = max(1, min(n, WIDEST, int(2 * n * PHASE / (math.pi * max(r, 1)))))
    return width, -(-n // width)


def _is_smooth(n: int, r: int) -> bool:
    """Return whether interpolating costs less than an FFT."""
    width, count = _blocks(n, r)
    if width < 2 * NODES:
        return False
    interpolating = n * NODES * MULTIPLY + count * r * (COSINE + 2 * NODES * MULTIPLY)
    return interpolating < n * math.log2(n) * BUTTERFLY * (LARGE_PRIME if _has_large_prime(n) else 1)


def _has_large_prime(n: int) -> bool:
    for prime in (2, 3, 5, 7, 11):
        while n % prime == 0:
            n //= prime
    return n > 1


def _fft_memory(n: int) -> int:
    """Return the peak memory of an FFT of length ``n``, in units of 8 bytes.

    If ``n`` has a large prime factor, the FFT is a convolution of more than twice the length (Bluestein 1970).
    """
    return (22 if _has_large_prime(n) else 6) * n


def _interpolate(lines: Floats, out: Array) -> None:
    n, r = out.shape[1], lines.shape[1]
    width, count = _blocks(n, r)
    # Block b begins at x = width · b. Node positions are relative to its middle, in units of half its width.
    angle = math.pi * (np.arange(NODES) + 0.5) / NODES
    turn = np.arange(r) * (math.pi / n)
    aside = turn[:, None] * (0.5 * (width - 1) + 0.5 * width * np.cos(angle))
    near = np.concatenate((np.cos(aside), -np.sin(aside)))  # (2r, nodes)
    at_cos, at_sin = _angles(n, width * np.arange(count, dtype=np.int64), r)
    between = _interpolation(angle, (2 * np.arange(width) + 1 - width) / width)
    for line, target in zip(lines * scale(n, r), out, strict=True):
        values = np.concatenate((line * at_cos, line * at_sin), axis=1) @ near  # (blocks, nodes)
        whole = n // width
        _multiply(values[:whole], between, target[: whole * width].reshape(whole, width))
        if whole < count:
            target[whole * width :] = values[whole] @ between[:, : n - whole * width]


def _multiply(left: Floats, right: Floats, out: Array) -> None:
    """Compute ``left @ right`` in pieces that fit the cache."""
    columns, rows = (BLOCK // NODES, ONE_THREAD // BLOCK)
    for at in range(0, out.shape[1], columns):
        part = np.ascontiguousarray(right[:, at : at + columns])
        for row in range(0, len(left), rows):
            out[row : row + rows, at : at + columns] = left[row : row + rows] @ part


def _interpolation(angle: Floats, places: Floats) -> Floats:
    """Return the matrix (nodes, places) that interpolates values at the Chebyshev nodes cos(angle) by a polynomial."""
    orders = np.arange(len(angle))
    coefficients = np.cos(np.outer(angle, orders)) * (2 / len(angle))
    coefficients[:, 0] /= 2
    found: Floats = coefficients @ np.cos(np.outer(orders, np.arccos(np.clip(places, -1, 1))))
    return found


def _by_fft(lines: Floats, n: int) -> Floats:
    """Compute complete lines with an FFT."""
    from scipy import fft  # importing it takes longer than reading most files, which rarely need it

    found: Floats = fft.idct(lines, n=n, norm="ortho")
    return found


def _forward_axis(x: Floats, axis: int, r: int, owned: bool) -> Floats:
    """Return the first ``r`` coefficients of ``x`` along ``axis``; if ``owned``, ``x`` can be overwritten."""
    n = x.shape[axis]
    if n <= 1:
        return x
    if r <= THIN_RANK and THIN_SHARE * r <= n:
        return np.moveaxis(np.tensordot(basis(n, r), x, (0, axis)), 0, axis)
    from scipy import fft

    whole: Floats = fft.dct(x, axis=axis, norm="ortho", overwrite_x=owned)
    return whole[(slice(None),) * axis + (slice(r),)]
