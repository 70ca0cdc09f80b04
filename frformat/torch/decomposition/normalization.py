"""Re-estimate the running statistics of normalization layers after the preceding weights have changed."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.instancenorm import _InstanceNorm

from frformat.torch.modes import evaluating
from frformat.torch.regularization.views import Example, call


@torch.no_grad()
def reestimate(model: nn.Module, batches: Iterable[Example]) -> nn.Module:
    """Replace running means and variances with those of some inputs, in place.

    Only layers that estimate such statistics are in training mode during the call; frozen statistics stay unchanged.
    Of a model with tiers, the statistics of the current tier are replaced. Weights do not change.

    Args:
        model: any module.
        batches: its inputs, without labels; a few hundred samples are enough. Each batch is a tensor, a sequence of
            positional inputs, or a mapping of keyword inputs.

    Returns:
        The model.

    Raises:
        ValueError: there is no batch, one tensor is given instead of a list, or the model does not run on a batch; the
            statistics are unchanged.
    """
    if isinstance(batches, Tensor):
        raise ValueError("batches is one tensor: pass a list of batches, such as images.split(64)")
    norms: list[Any] = [module for module in model.modules() if _is_estimated(module)]
    momenta = [(norm, norm.momentum) for norm in norms]
    before = [(buffer, buffer.clone()) for norm in norms for buffer in norm.buffers()]
    hooks = []
    count = 0
    try:
        with evaluating(model):
            for norm in norms:
                norm.reset_running_stats()
                norm.momentum = None  # the mean over all batches
                norm.train()
                if isinstance(norm, _InstanceNorm):
                    hooks.append(norm.register_forward_pre_hook(_Cumulative()))
            for batch in batches:
                _run(model, batch, count)
                count += 1
        if not count:
            raise ValueError("there is no batch to estimate statistics from")
    except BaseException:
        for buffer, value in before:
            buffer.copy_(value)
        raise
    finally:
        for hook in hooks:
            hook.remove()
        for norm, momentum in momenta:
            norm.momentum = momentum
    return model


def _run(model: nn.Module, batch: Example, number: int) -> None:
    try:
        call(model, batch)
    except Exception as error:  # the user's code can raise anything
        raise ValueError(
            f"{type(model).__name__} does not run on batch {number}, which must contain inputs without labels: {error}"
        ) from error


def _is_estimated(module: Any) -> bool:
    """Return whether a module estimates its statistics while it trains. Frozen ones keep theirs."""
    if not all(hasattr(module, name) for name in ("momentum", "reset_running_stats")):
        return False
    held = isinstance(getattr(module, "running_mean", None), Tensor)
    return held and bool(getattr(module, "track_running_stats", True))


class _Cumulative:
    """Lets instance normalization average over all batches; unlike batch normalization, it has no mode for that."""

    def __init__(self) -> None:
        self._calls = 0

    def __call__(self, module: Any, inputs: object) -> None:
        self._calls += 1
        module.momentum = 1 / self._calls
