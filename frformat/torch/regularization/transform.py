"""The orthonormal DCT-II along the last axis and its inverse as differentiable operators, by FFT (Makhoul 1980).

They are useful where most of an axis's spectrum is kept; otherwise, a product with a thin basis is faster. Both are
opaque to ``torch.compile``. Each is the gradient of the other, because the transform is orthonormal.

Makhoul: reorder x to v = (x0, x2, x4, …, x5, x3, x1); the DCT-II of x is then Re(FFT(v)·exp(−iπj/2n)), scaled. For the
inverse, the half of that spectrum that determines a real v is assembled from the coefficients: its real part is X[j],
its imaginary part −X[n−j].
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor

HUGE: Final = {torch.float32: np.float32, torch.float64: np.float64}
"""NumPy's element types by those of PyTorch."""

BLOCK: Final = 1 << 20
"""Number of elements to transform at a time, so that all passes except the final write find them in the cache. NumPy
requests huge pages only for arrays of at least this many float32 elements."""


def empty(shape: Sequence[int], like: Tensor) -> Tensor:
    """Return an uninitialized tensor with the dtype and the device of another tensor.

    NumPy requests huge pages from the system; PyTorch does not. Huge pages make the first access to new memory three
    times as fast. For a large tensor, this saves as much time as transforming an axis takes.
    """
    if like.device.type != "cpu" or like.dtype not in HUGE or math.prod(shape) < BLOCK:
        return like.new_empty(shape)
    return torch.from_numpy(np.empty(shape, HUGE[like.dtype]))


@torch.library.custom_op("frformat::idct", mutates_args=())
def idct(x: Tensor, n: int) -> Tensor:
    """Return Σ_i x[…, i] · U_n[·, i]: signals of length ``n`` from their first ``r`` coefficients.

    Args:
        x: float32 or float64 tensor of shape (…, r) with 1 ≤ r ≤ n and rank at least 2, of any strides.
        n: length of the axis.

    Returns:
        Contiguous tensor of shape (…, n).
    """
    r, half = x.shape[-1], n // 2
    out = empty((*x.shape[:-1], n), x)
    turn = _turn(n, 1, x.dtype, x.device)
    for source, target in _blocks(x, out):
        packed = x.new_empty((*source.shape[:-1], half + 1, 2))
        tail = source[..., n - half :]
        absent = half + 1 - tail.shape[-1]
        packed[..., r:, 0] = 0
        packed[..., :absent, 1] = 0
        packed[..., :r, 0] = source[..., : half + 1]
        torch.neg(tail.flip(-1), out=packed[..., absent:, 1])
        signal = torch.fft.irfft(torch.view_as_complex(packed).mul_(turn), n=n, norm="forward")
        target[..., ::2] = signal[..., : n - half]
        target[..., 1::2] = signal[..., n - half :].flip(-1)
    return out


@torch.library.custom_op("frformat::dct", mutates_args=())
def dct(x: Tensor, r: int) -> Tensor:
    """Return Σ_j x[…, j] · U_n[j, ·]: the first ``r`` coefficients of signals.

    Args:
        x: float32 or float64 tensor of shape (…, n) and rank at least 2, of any strides.
        r: number of coefficients, 1 ≤ r ≤ n.

    Returns:
        Contiguous tensor of shape (…, r).
    """
    n = x.shape[-1]
    half = n // 2
    out = empty((*x.shape[:-1], r), x)
    turn = _turn(n, -1, x.dtype, x.device)
    for source, target in _blocks(x, out):
        signal = torch.empty_like(source)
        signal[..., : n - half] = source[..., ::2]
        signal[..., n - half :] = source[..., 1::2].flip(-1)
        spectrum = torch.view_as_real(torch.fft.rfft(signal).mul_(turn))
        target[..., : half + 1] = spectrum[..., :r, 0]
        if r > half + 1:
            torch.neg(spectrum[..., n - r + 1 : n - half, 1].flip(-1), out=target[..., half + 1 :])
    return out


@torch.library.custom_op("frformat::permute", mutates_args=())
def permute(x: Tensor, places: Tensor) -> Tensor:
    """Move the elements of a vector (n,) to new positions, a permutation of 0 … n − 1."""
    return empty(x.shape, x).scatter_(0, places, x)


@torch.library.custom_op("frformat::permute_back", mutates_args=())
def permute_back(x: Tensor, places: Tensor) -> Tensor:
    """Invert :func:`permute`."""
    return torch.gather(x, 0, places, out=empty(x.shape, x))


@permute.register_fake
def _(x: Tensor, places: Tensor) -> Tensor:
    return x.new_empty(x.shape)


@permute_back.register_fake
def _(x: Tensor, places: Tensor) -> Tensor:
    return x.new_empty(x.shape)


@idct.register_fake
def _(x: Tensor, n: int) -> Tensor:
    return x.new_empty((*x.shape[:-1], n))


@dct.register_fake
def _(x: Tensor, r: int) -> Tensor:
    return x.new_empty((*x.shape[:-1], r))


def _idct_context(ctx: Any, inputs: tuple[Tensor, int], output: Tensor) -> None:
    ctx.length = inputs[0].shape[-1]


def _dct_context(ctx: Any, inputs: tuple[Tensor, int], output: Tensor) -> None:
    ctx.length = inputs[0].shape[-1]


idct.register_autograd(lambda ctx, grad: (dct(grad, ctx.length), None), setup_context=_idct_context)
dct.register_autograd(lambda ctx, grad: (idct(grad, ctx.length), None), setup_context=_dct_context)


def _places_context(ctx: Any, inputs: tuple[Tensor, Tensor], output: Tensor) -> None:
    ctx.save_for_backward(inputs[1])


permute.register_autograd(
    lambda ctx, grad: (permute_back(grad, *ctx.saved_tensors), None), setup_context=_places_context
)
permute_back.register_autograd(
    lambda ctx, grad: (permute(grad, *ctx.saved_tensors), None), setup_context=_places_context
)


def _blocks(source: Tensor, target: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield corresponding parts of both tensors, of about BLOCK elements of ``target``; ``source`` has contiguous rows.

    Columns that are rows in memory are transposed in two steps that are both fast in PyTorch: whole rows are gathered,
    and then a matrix is transposed.
    """
    rows = source.stride(-1) == 1
    if target.dim() == 1 or target.numel() <= BLOCK:
        yield source if rows else source.mT.contiguous().mT.contiguous(), target
        return
    axis = max(range(target.dim() - 1), key=source.stride)
    step = BLOCK * target.shape[axis] // target.numel()
    if step > 1 and (rows or target.dim() == 2 or source.mT.is_contiguous()):
        parts = zip(torch.split(source, step, axis), torch.split(target, step, axis), strict=True)
    else:
        parts = zip(source.unbind(axis), target.unbind(axis), strict=True)
    for part in parts:
        yield from _blocks(*part)


@lru_cache(maxsize=32)
def _turn(n: int, sign: int, dtype: torch.dtype, device: torch.device) -> Tensor:
    """Return exp(±iπj/2n) for j = 0 … n/2, scaled for the inverse (sign 1) or the forward transform (sign −1)."""
    with torch.inference_mode(False):  # otherwise training could not share it
        j = torch.arange(n // 2 + 1, dtype=torch.float64, device="cpu")
        scale = torch.full_like(j, math.sqrt((0.5 if sign > 0 else 2) / n))
        scale[0] = math.sqrt(1 / n)
        return torch.polar(scale, sign * j * (math.pi / (2 * n))).to(device, dtype.to_complex())
