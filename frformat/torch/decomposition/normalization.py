"""Re-estimate the running statistics of normalization layers after the preceding weights have changed."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn


@torch.no_grad()
def reestimate(model: nn.Module, batches: Iterable[Tensor]) -> nn.Module:
    """Replace running means and variances with those of some inputs, in place.

    Only layers with such statistics are in training mode during the call. Weights do not change.

    Args:
        model: any module.
        batches: its inputs, without labels; a few hundred samples are enough.

    Returns:
        The model.

    Raises:
        ValueError: there is no batch; the statistics are unchanged.
    """
    norms: list[Any] = [each for each in model.modules() if getattr(each, "running_mean", None) is not None]
    training = {module: module.training for module in model.modules()}
    before = [(norm, norm.momentum, {name: buffer.clone() for name, buffer in norm.named_buffers()}) for norm in norms]
    count = 0
    try:
        model.eval()
        for norm in norms:
            norm.reset_running_stats()
            norm.momentum = None  # the mean over all batches
            norm.train()
        for batch in batches:
            model(batch)
            count += 1
        if not count:
            raise ValueError("there is no batch to estimate statistics from")
    except BaseException:
        for norm, _, buffers in before:
            for name, buffer in buffers.items():
                getattr(norm, name).copy_(buffer)
        raise
    finally:
        for norm, momentum, _ in before:
            norm.momentum = momentum
        for module, mode in training.items():
            module.training = mode
    return model
