"""Rewrite layers that use each of their weights in a product or a sum as the layers that can be observed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from frformat.torch.compression.contractions import Product


def rewritten(func: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Product | None:
    """Return the same call as one of an embedding or a convolution; None if it is neither a bag nor bilinear.

    Calls that PyTorch refuses, those with nested tensors, and those with empty inputs are not rewritten.
    """
    if func is F.embedding_bag:
        return _bag(*args, **kwargs)
    return _bilinear(*args, **kwargs) if func is F.bilinear else None


def _bag(
    input: Tensor,
    weight: Tensor,
    offsets: Tensor | None = None,
    max_norm: float | None = None,
    norm_type: float = 2.0,
    scale_grad_by_freq: bool = False,
    mode: str = "mean",
    sparse: bool = False,
    per_sample_weights: Tensor | None = None,
    include_last_offset: bool = False,
    padding_idx: int | None = None,
) -> Product | None:
    """Return an embedding of all indices, whose rows are then combined bag by bag. Arguments are those of PyTorch."""
    if input.is_nested or weight.dim() != 2 or input.dim() != (2 if offsets is None else 1) or not input.numel():
        return None
    if mode not in ("sum", "mean", "max") or (per_sample_weights is not None and mode != "sum"):
        return None
    indices = input.reshape(-1)
    places = torch.arange(len(indices), device=input.device)
    used = torch.ones_like(places, dtype=torch.bool)
    if offsets is None:
        count, bags = len(input), places // input.shape[1]
    else:
        starts = offsets[:-1] if include_last_offset else offsets
        count, bags = len(starts), torch.searchsorted(starts.to(places), places, right=True) - 1
        used &= (bags >= 0) & ((places < offsets[-1]) | (not include_last_offset))
    if padding_idx is not None:
        used &= indices != padding_idx % len(weight)
    if not count or not bool(used.any()):
        return None
    indices, bags = indices[used], bags[used]

    def run() -> Tensor:
        rows = F.embedding(indices, weight, max_norm=max_norm, norm_type=norm_type)
        if per_sample_weights is not None:
            rows = rows * per_sample_weights.reshape(-1)[used][:, None]
        out = rows.new_zeros(count, weight.shape[1])
        if mode == "max":
            return out.scatter_reduce(0, bags[:, None].expand_as(rows), rows, "amax", include_self=False)
        total = out.index_add(0, bags, rows)
        return total / bags.bincount(minlength=count).clamp(min=1)[:, None] if mode == "mean" else total

    return Product(weight, run)


def _bilinear(input1: Tensor, input2: Tensor, weight: Tensor, bias: Tensor | None = None) -> Product | None:
    """Return a convolution of all products of two inputs, by a kernel of its whole length."""
    lead = input1.shape[:-1]
    if weight.dim() != 3 or input2.shape[:-1] != lead or not input1.numel() or not input2.numel():
        return None
    outputs, height, width = weight.shape
    if (input1.shape[-1], input2.shape[-1]) != (height, width):
        return None

    def run() -> Tensor:
        samples = lead[0] if lead else 1
        pairs = input1.reshape(samples, -1, height, 1) * input2.reshape(samples, -1, 1, width)
        found = F.conv1d(pairs.transpose(1, 2).flatten(2), weight, bias, stride=width)
        return found.transpose(1, 2).reshape(*lead, outputs)

    return Product(weight, run)
