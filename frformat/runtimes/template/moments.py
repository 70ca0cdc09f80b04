"""Compute the moments of all channels from thin values, with operators that runtimes of constant weights support."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from frformat.runtimes.template.expressions import Mean


def moments(z: Tensor, basis: Tensor, last: bool) -> tuple[Mean, Tensor]:
    """Return the means of thin values, and the variance of each channel of ``basis @ z``.

    Args:
        z: thin values, (N, r, …) or, if ``last``, (…, r).
        basis: the basis (n, r).
        last: whether channels are the last axis.
    """
    mean = z
    axes = [0] if last else [*range(z.dim() - 1, 1, -1), 0]
    for axis in axes:
        if axis or z.shape[0] > 1 or last:
            mean = mean.mean(axis, keepdim=True)  # one axis at a time, which keeps the sums short
    centered = z - mean
    lines = centered if last else centered.movedim(1, -1).reshape(-1, centered.shape[-1], centered.shape[1])
    covariance = torch.matmul(lines.transpose(-1, -2), lines)
    if not last:
        covariance = covariance.mean(0)
    product = torch.matmul(basis, covariance / lines.shape[-2])
    return Mean(z, mean, centered), (product * basis).sum(1).clamp(min=0)


def pooled_moments(z: Tensor, basis: Tensor) -> tuple[Mean, Tensor]:
    """Compute the same as :func:`moments` of thin values (N, r, H, W), without operators that reduce axes."""
    rank, height, width = z.shape[1:]
    mean = F.avg_pool2d(F.avg_pool2d(z, (1, width)), (height, 1))
    if len(z) > 1:
        mean = mean.mean(0, keepdim=True)
    centered = z - mean
    lines = centered.permute(0, 2, 3, 1).reshape(-1, width, rank)
    products = torch.bmm(lines.transpose(1, 2), lines)  # unlike ``matmul``, it expands no axes
    products = F.avg_pool2d(products.reshape(1, 1, -1, rank * rank), (len(lines), 1))
    spread = F.linear(products.reshape(rank, rank), basis)
    squares = spread.t() * basis
    means = F.avg_pool2d(squares.reshape(1, 1, -1, rank), (1, rank)).reshape(-1)
    return Mean(z, mean, centered), (means * (rank / width)).clamp(min=0)
