"""What batch normalization with running statistics computes in evaluation mode."""

from __future__ import annotations

from collections import Counter
from typing import Any, Final

import torch
from torch import Tensor, nn

BATCH_NORMS: Final = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)


def owners(model: nn.Module) -> Counter[int]:
    """Return how many modules own each parameter, buffer and module of a model, by its id.

    What several modules own must not change for the sake of one of them.
    """
    found: Counter[int] = Counter()
    for module in model.modules():
        own = (*module._parameters.values(), *module._buffers.values(), *module._modules.values())
        found.update({id(each) for each in own if each is not None})
    return found


def scale(norm: Any, dtype: torch.dtype = torch.float64) -> Tensor:
    """Return the factor of each channel: its weight divided by the standard deviation, computed in a type."""
    factors: Tensor = norm.weight.to(dtype) / (norm.running_var.to(dtype) + norm.eps).sqrt()
    return factors


@torch.no_grad()
def reset_statistics(norm: Any) -> float:
    """Set the running mean to 0 and the running variance to 1.

    Returns:
        The standard deviation by which the module divides from now on: √(1 + ε).
    """
    norm.running_mean.zero_()
    norm.running_var.fill_(1)
    deviation: float = (1 + norm.eps) ** 0.5
    return deviation
