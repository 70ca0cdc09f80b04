"""Multiply an array by a basis along one axis, in blocks, in the cheapest precision that is certain to suffice."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from frformat.spectral.bases.base import TABLE, Basis

Array = NDArray[Any]
Floats = NDArray[np.float64]

BLOCK: Final = 1 << 16
"""Number of output elements written at a time: 256 KiB of float32, which fits a second-level cache."""

ONE_THREAD: Final = 1 << 18
SMALL_RANK: Final = 64
"""OpenBLAS divides a product of more than ONE_THREAD multiply-adds among threads, which costs more than it gains if the
rank is small; blocks are kept below that size."""

COPIED: Final = 1 << 18
"""Number of elements of lines that are copied at a time because they are not contiguous."""

ALLOWED: Final = 9e-7
"""Accepted error of float32 sums, relative to the largest element; the specification allows 1e-6 in total."""


def multiply(basis: Basis, source: Floats, out: Array, cancels: bool) -> None:
    """Compute out[a, x, b] = Σ_i U[x, i] · source[a, i, b].

    Args:
        basis: U.
        source: C-contiguous array of shape (before, count, after).
        out: C-contiguous array of shape (before, length, after), of a float dtype. If the basis is computed by lines
            and is square, it can be ``source`` itself.
        cancels: whether to measure the error relative to the sums of magnitudes, not to the largest element.
    """
    if basis.by_lines:
        _by_lines(basis, source, out)
        return
    single = out.dtype == np.float32 and out.size > BLOCK and _single_suffices(basis, source, cancels)
    dtype = np.float32 if single else np.float64
    source = source.astype(dtype, copy=False)
    size = BLOCK if basis.count > SMALL_RANK else min(BLOCK, ONE_THREAD // basis.count)
    if source.shape[2] == 1:
        _rows(basis, source[:, :, 0], out[:, :, 0], size)
    else:
        _columns(basis, source, out, size)


def _by_lines(basis: Basis, source: Floats, out: Array) -> None:
    if source.shape[2] == 1:
        basis.expand(source[:, :, 0], out[:, :, 0])
        return
    width = max(1, COPIED // basis.count)
    for each, target in zip(source, out, strict=True):
        for b in range(0, source.shape[2], width):
            basis.expand(np.ascontiguousarray(each[:, b : b + width].T), target[:, b : b + width].T)


def _rows(basis: Basis, source: Array, out: Array, size: int) -> None:
    """Compute the output row by row as products with the transposed basis."""
    most = max(1, min(size, basis.length, TABLE // basis.count or 1))
    for start in range(0, basis.length, most):
        rows = basis.rows(start, min(start + most, basis.length)).astype(source.dtype, copy=False)
        step = max(1, size // len(rows))
        for a in range(0, len(source), step):
            _product(source[a : a + step], rows.T, out[a : a + step, start : start + len(rows)])


def _columns(basis: Basis, source: Array, out: Array, size: int) -> None:
    before, _, after = source.shape
    width = min(after, size)
    most = max(1, min(size // width, basis.length, TABLE // basis.count or 1))
    for start in range(0, basis.length, most):
        rows = basis.rows(start, min(start + most, basis.length)).astype(source.dtype, copy=False)
        step = max(1, size // (width * len(rows)))
        for a in range(0, before, step):
            for b in range(0, after, width):
                target = out[a : a + step, start : start + len(rows), b : b + width]
                _product(rows, source[a : a + step, :, b : b + width], target)


def _product(left: Array, right: Array, out: Array) -> None:
    if out.dtype == left.dtype:
        np.matmul(left, right, out=out)
    else:
        out[...] = np.matmul(left, right)


def _single_suffices(basis: Basis, source: Floats, cancels: bool) -> bool:
    """Return whether float32 sums are certain to be within ``ALLOWED``.

    The error of a sum of r products of rounded factors is at most (r + 2) · 2⁻²⁴ · Σ|U·t|. This bound is compared with
    Σ|U·t| or with the largest element of the output. A few rows of the output, including the first and the last, where
    cosines peak, provide a lower bound on the largest element.
    """
    unit = (basis.count + 2) * 2.0**-24
    if cancels or basis.length < 4 * basis.count:
        return cancels and unit <= ALLOWED
    peaks = np.abs(basis.rows(0, basis.length)).max(axis=0)
    most = float(np.einsum("i,aib->ab", peaks, np.abs(source)).max())
    few = np.unique(np.linspace(0, basis.length - 1, 5).astype(np.int64))
    sample = np.concatenate([basis.rows(int(x), int(x) + 1) for x in few])
    largest = float(np.abs(np.matmul(sample, source)).max())
    return unit * most <= ALLOWED * largest
