"""What batch normalization with running statistics computes in evaluation mode."""

from __future__ import annotations

from typing import Any, Final

import torch
from torch import Tensor, nn

BATCH_NORMS: Final = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)


def scale(norm: Any) -> Tensor:
    """Return the factor of each channel: its weight divided by the standard deviation, in float64."""
    factors: Tensor = norm.weight.double() / (norm.running_var.double() + norm.eps).sqrt()
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
