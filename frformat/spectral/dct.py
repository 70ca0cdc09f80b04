"""The orthonormal DCT-II along every axis and its pruned, separable inverse (specification, section 6).

Only a corner box of a spectrum is not zero, so the inverse is a product of the box with one thin basis per axis. All
axes but one are contracted on small float64 arrays; the last contraction writes each output element once, in blocks
that stay in the processor's cache.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from frformat.spectral import zigzag

Array = NDArray[Any]

BLOCK: Final = 1 << 16
"""Elements of output written at a time: 256 KiB of float32, which fits a second-level cache."""

ONE_THREAD: Final = 1 << 18
SMALL_RANK: Final = 64
"""OpenBLAS shares a product of more than ONE_THREAD multiply-adds among threads, which costs more than it gains where
the rank is small; blocks are kept below that."""

THIN_RANK: Final = 32
THIN_SHARE: Final = 4
"""Up to THIN_RANK coefficients of an axis that is THIN_SHARE times as long, a product with the basis is faster than an
FFT: 1.5 to 25 times."""

TABLE: Final = 1 << 18
"""Entries of a basis kept whole; a larger one is made in blocks of rows while it is used."""


def basis(n: int, r: int) -> NDArray[np.float64]:
    """The first ``r`` orthonormal DCT-II basis functions of length ``n``: float64 array of shape (n, r)."""
    return _angles(n, np.arange(n, dtype=np.int64), r)[0] * _scale(n, r)


def forward(weights: Array, box: Sequence[int] | None = None) -> NDArray[np.float64]:
    """The orthonormal DCT-II of ``weights`` along every axis, in float64.

    Args:
        weights: array of any rank and real dtype.
        box: keep only this corner of the spectrum; the whole of it if None.
    """
    spectrum = np.asarray(weights, np.float64)
    box = spectrum.shape if box is None else box
    # The axis that shrinks most goes first, so that those after it have less to do.
    for axis in sorted(range(spectrum.ndim), key=lambda a: box[a] / max(spectrum.shape[a], 1)):
        spectrum = _forward_axis(spectrum, axis, box[axis])
    return np.ascontiguousarray(spectrum)


def working_memory(shape: Sequence[int], box: Sequence[int]) -> int:
    """Bytes that :func:`inverse` takes at its peak beside the output: the box, its expansion, the blocks."""
    plan = _Plan(shape, box)
    block = min(BLOCK, plan.before * plan.n * plan.after)
    table = _fft_memory(plan.n) if _fft_is_cheaper(plan.n, plan.rank) else 3 * min(plan.n * plan.rank, TABLE)
    return 8 * (2 * plan.expanded + block + table)


def inverse(coefficients: Array, shape: Sequence[int], out: Array) -> None:
    """Rebuild the weights of ``shape`` from their first coefficients in zigzag order.

    Args:
        coefficients: real array of shape (k,).
        shape: shape in which the spectrum is taken (the tensor's view, if it has one).
        out: C-contiguous array of float32, float64, float16 or bfloat16 with the element count of ``shape``; every
            element of it is written.

    The result is within 1e-6 of the tensor's largest weight of the float64 reference, plus the rounding to 16 bits.
    """
    indices = zigzag.prefix(shape, len(coefficients))
    if len(indices) == 0 or out.size == 0:
        out.fill(0)
        return
    plan = _Plan(shape, zigzag.box_of(indices))
    core = np.zeros(plan.box)
    core[tuple(indices[:, plan.axes].T)] = coefficients
    for axis in plan.order:
        core = np.moveaxis(np.tensordot(basis(plan.shape[axis], plan.box[axis]), core, (1, axis)), 0, axis)
    core = np.ascontiguousarray(core).reshape(plan.before, plan.rank, plan.after)
    with np.errstate(over="ignore"):  # beyond the dtype's largest number lies infinity
        _expand(core, plan.n, out.reshape(plan.before, plan.n, plan.after))


class _Plan:
    """Which axis is contracted last: the one with the smallest r/n, so that the arrays before it stay small.

    Where that is small anyway, the first axis is taken, so that whole rows of the output are written.
    """

    def __init__(self, shape: Sequence[int], box: Sequence[int]) -> None:
        self.axes = [axis for axis, n in enumerate(shape) if n > 1]
        self.shape = [shape[axis] for axis in self.axes] or [1]
        self.box = [box[axis] for axis in self.axes] or [1]
        by_growth = sorted(range(len(self.shape)), key=lambda a: self.shape[a] / max(self.box[a], 1))
        *self.order, last = by_growth
        if 0 in self.order and 64 * self.box[0] <= self.shape[0]:
            self.order = [axis for axis in by_growth if axis != 0]
            last = 0
        self.n = self.shape[last]
        self.rank = self.box[last]
        self.before = math.prod(self.shape[:last])
        self.after = math.prod(self.shape[last + 1 :])
        self.expanded = self.before * self.rank * self.after


def _expand(core: NDArray[np.float64], n: int, out: Array) -> None:
    """out[a, x, b] = Σ_i U_n[x, i] · core[a, i, b], in blocks of ``out`` of about BLOCK elements."""
    before, rank, after = core.shape
    if _fft_is_cheaper(n, rank):
        from scipy import fft  # as in _forward_axis

        for a in range(before):
            for b in range(after):
                out[a, :, b] = fft.idct(core[a, :, b], n=n, norm="ortho")
        return
    single = out.dtype == np.float32 and out.size > BLOCK and _single_suffices(core, n)
    dtype = np.float32 if single else np.float64
    core = core.astype(dtype, copy=False)
    size = BLOCK if rank > SMALL_RANK else min(BLOCK, ONE_THREAD // rank)
    scratch = None if out.dtype == dtype else np.empty(size, dtype)

    def product(left: Array, right: Array, target: Array) -> None:
        if scratch is None:
            np.matmul(left, right, out=target)
            return
        block = scratch[: target.size].reshape(target.shape)
        np.matmul(left, right, out=block)
        target[...] = block

    if after == 1:  # rows of the output are products with the transposed basis
        for start, rows in _basis_blocks(n, rank, dtype, size):
            step = max(1, size // len(rows))
            for a in range(0, before, step):
                product(core[a : a + step, :, 0], rows.T, out[a : a + step, start : start + len(rows), 0])
        return
    width = min(after, size)
    for start, rows in _basis_blocks(n, rank, dtype, max(1, size // width)):
        step = max(1, size // (width * len(rows)))
        for a in range(0, before, step):
            for b in range(0, after, width):
                target = out[a : a + step, start : start + len(rows), b : b + width]
                product(rows, core[a : a + step, :, b : b + width], target)


def _fft_is_cheaper(n: int, rank: int) -> bool:
    """Whether the basis of an axis is so large that n · rank products cost more than an FFT of length n."""
    return n * rank > TABLE and rank > 16 * n.bit_length()


def _fft_memory(n: int) -> int:
    """Numbers of 8 bytes that an FFT of length ``n`` takes at its peak: many if ``n`` has a large prime factor.

    Such an FFT is a convolution of more than twice the length (Bluestein 1970).
    """
    rest = n
    for prime in (2, 3, 5, 7, 11):
        while rest % prime == 0:
            rest //= prime
    return (6 if rest == 1 else 22) * n


def _single_suffices(core: NDArray[np.float64], n: int) -> bool:
    """Whether float32 sums are certain to be within 9e-7 of the largest weight.

    A sum of r products of rounded factors is off by at most (r + 2) · 2⁻²⁴ · Σ|U·t|; and the largest weight is at least
    the largest in a few rows of the output, first and last among them, where the cosines peak.
    """
    rank: int = core.shape[1]
    most = float(np.einsum("i,aib->ab", _scale(n, rank), np.abs(core)).max())
    rows = np.unique(np.linspace(0, n - 1, 5).astype(np.int64))
    sample = _angles(n, rows, rank)[0] * _scale(n, rank)
    largest = float(np.abs(np.matmul(sample, core)).max())
    return (rank + 2) * 2.0**-24 * most <= 9e-7 * largest


def _basis_blocks(n: int, r: int, dtype: type, most: int) -> Iterator[tuple[int, Array]]:
    """The rows of ``basis(n, r)`` in blocks of at most ``most`` rows, each with the index of its first row."""
    if n * r <= TABLE:
        table = _cached_basis(n, r, dtype)
        for start in range(0, n, most):
            yield start, table[start : start + most]
        return
    # cos(a + b) = cos a · cos b − sin a · sin b: the angles within a block are the same for every block.
    most = max(1, min(most, TABLE // (4 * r)))
    half = np.arange(r, dtype=np.int64)
    within = np.arange(most, dtype=np.int64)[:, None] * (2 * half) % (4 * n) * (math.pi / (2 * n))
    cos_in, sin_in = np.cos(within), np.sin(within)
    scale = _scale(n, r)
    for start in range(0, n, most):
        cos_at, sin_at = _angles(n, np.array([start], np.int64), r)
        count = min(most, n - start)
        yield start, ((cos_in[:count] * cos_at - sin_in[:count] * sin_at) * scale).astype(dtype, copy=False)


@lru_cache(maxsize=8)
def _cached_basis(n: int, r: int, dtype: type) -> Array:
    return basis(n, r).astype(dtype, copy=False)


def _angles(n: int, x: NDArray[np.int64], r: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Cosine and sine of π(2x + 1)i / 2n; the angle is reduced in integers, so that long axes lose no digits."""
    turns = (2 * x[:, None] + 1) * np.arange(r, dtype=np.int64) % (4 * n)
    angle = turns * (math.pi / (2 * n))
    return np.cos(angle), np.sin(angle)


def _scale(n: int, r: int) -> NDArray[np.float64]:
    scale = np.full(r, math.sqrt(2 / n))
    scale[:1] = math.sqrt(1 / n)
    return scale


def _forward_axis(x: NDArray[np.float64], axis: int, r: int) -> NDArray[np.float64]:
    """The first ``r`` orthonormal DCT-II coefficients of ``x`` along ``axis``."""
    n = x.shape[axis]
    if r <= THIN_RANK and THIN_SHARE * r <= n:
        return np.moveaxis(np.tensordot(basis(n, r), x, (0, axis)), 0, axis)
    from scipy import fft  # takes longer to import than most files take to read, which rarely need it

    whole: NDArray[np.float64] = fft.dct(x, axis=axis, norm="ortho")
    return whole[(slice(None),) * axis + (slice(r),)]
