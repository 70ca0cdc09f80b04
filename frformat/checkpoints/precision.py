"""Detect casts to a narrower type that lose more than precision."""

from __future__ import annotations

import torch
from torch import Tensor


@torch.no_grad()
def overflow(tensor: Tensor, dtype: torch.dtype) -> str | None:
    """Describe the values of a tensor that become infinite in another floating type; None if none do."""
    if not is_narrower(dtype, tensor.dtype) or not tensor.numel():
        return None
    large = tensor.isfinite() & tensor.to(dtype).isfinite().logical_not()
    return f"values up to {_largest(tensor[large]):.3g} exceed the range of {dtype}" if large.any() else None


@torch.no_grad()
def vanishing(tensor: Tensor, dtype: torch.dtype) -> str | None:
    """Describe the values that become 0 in another floating type; None unless they account for over half the energy."""
    if not is_narrower(dtype, tensor.dtype) or not tensor.numel():
        return None
    largest = _largest(tensor)
    if not 0 < largest < torch.finfo(dtype).tiny:
        return None
    relative = tensor.double() / largest
    lost = relative[tensor.to(dtype) == 0].square().sum()
    return f"values up to {largest:.3g} become zeros in {dtype}" if lost > 0.5 * relative.square().sum() else None


@torch.no_grad()
def inexact(tensor: Tensor, dtype: torch.dtype) -> bool:
    """Return whether casting a tensor to another floating type rounds any of its values."""
    if not is_narrower(dtype, tensor.dtype):
        return False
    return bool((tensor.to(dtype).to(tensor.dtype) != tensor).any())


def is_narrower(target: torch.dtype, source: torch.dtype) -> bool:
    """Return whether a floating type cannot represent the largest or the smallest values of another one."""
    if source == target or not (source.is_floating_point and target.is_floating_point):
        return False
    one, other = torch.finfo(source), torch.finfo(target)
    return one.max > other.max or one.tiny < other.tiny


def _largest(tensor: Tensor) -> float:
    return float(tensor.abs().max())
