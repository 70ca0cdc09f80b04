"""Remove weights one by one (magnitude pruning), or whole filters (structured pruning)."""

from __future__ import annotations

import copy
import math
import warnings
from typing import Any, Final

import torch
from torch import nn
from torch.nn.modules.linear import NonDynamicallyQuantizableLinear
from torch.nn.utils import prune

from bench.techniques.jobs import Job, Made, Unreachable
from bench.techniques.storing import fitted, loaded, pickled
from frformat.checkpoints.reading import said

SHRINKING: Final = 0.5
"""Share of the training in which the number of weights falls, along a cubic curve (Zhu and Gupta, 2017)."""

PRUNINGS: Final = 20
"""Number of times that weights are removed during the share of the training given by :data:`SHRINKING`."""

HALVINGS: Final = 12
"""Number of bisection steps in the search for the share of filters to remove."""


def magnitude(job: Job) -> Made:
    """Gradually set the smallest weights and biases of the whole network to zero while training continues."""
    assert job.size is not None
    model = job.task.model()
    layers = [
        module
        for module in model.modules()
        if isinstance(module, nn.Conv2d | nn.Linear) and not isinstance(module, NonDynamicallyQuantizableLinear)
    ]  # attention reads the weights of its output layer without calling it, so a mask would have no effect
    held = [(layer, name) for layer in layers for name in ("weight", "bias") if getattr(layer, name) is not None]
    for layer, name in held:
        prune.identity(layer, name)
    total = sum(getattr(layer, name).numel() for layer, name in held)
    goal = min(total, round(job.strength * job.size))

    def each(progress: float) -> None:
        stage = math.floor(PRUNINGS * min(1.0, progress / SHRINKING))
        left = goal + round((total - goal) * (1 - stage / PRUNINGS) ** 3)
        removed = sum(int((getattr(layer, f"{name}_mask") == 0).sum()) for layer, name in held)
        if total - left > removed:
            prune.global_unstructured(held, prune.L1Unstructured, amount=total - left - removed)

    job.fit(model, each=each)
    each(1.0)
    for layer, name in held:
        prune.remove(layer, name)
    data, bits = fitted(model, job.size)
    sparse = {name: value.to_sparse() if value.dim() else value for name, value in model.state_dict().items()}
    return Made(data, loaded(job.task.model(), data), pickled(sparse), note=f"{goal:,} weights, {bits} bits")


def structured(job: Job) -> Made:
    """Remove the filters with the smallest norms and everything that depends on them (torch-pruning), then train."""
    assert job.size is not None
    narrow = _narrowed(job, round(job.strength * job.size))
    model = job.fit(narrow)
    data, bits = fitted(model, job.size)
    native = pickled({name: value.half() for name, value in model.state_dict().items()})
    numbers = sum(parameter.numel() for parameter in model.parameters())
    return Made(
        data, loaded(copy.deepcopy(model), data), native, costed=True, note=f"{numbers:,} parameters, {bits} bits"
    )


def _narrowed(job: Job, most: int) -> nn.Module:
    """Return the widest network with at most ``most`` parameters in which all layers lose the same share of filters."""
    low, high = 0.0, 1.0
    found = None
    for _ in range(HALVINGS):
        share = (low + high) / 2
        tried = _without(job, share)
        if sum(parameter.numel() for parameter in tried.parameters()) <= most:
            found, high = tried, share
        else:
            low = share
    if found is None:
        raise Unreachable(f"the narrowest network has more than {most:,} parameters")
    return found


def _without(job: Job, share: float) -> nn.Module:
    """Return the network after a given share of its filters has been removed."""
    import torch_pruning

    model, example = job.task.model(), job.example()
    last = [module for module in model.modules() if isinstance(module, nn.Conv2d | nn.Linear)][-1]
    ignored: list[Any] = [last, *(model.get_submodule(name) for name in job.task.fixed)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            torch_pruning.pruner.BasePruner(
                model,
                example,
                importance=torch_pruning.importance.GroupMagnitudeImportance(p=2),
                pruning_ratio=share,
                ignored_layers=ignored,
            ).step()
            with torch.no_grad():
                total = float(model(example).sum())
        except Exception as error:  # it does not support every network, for example those with attention
            raise Unreachable(f"torch-pruning: {said(error)}") from error
    assert math.isfinite(total)
    return model.train()
