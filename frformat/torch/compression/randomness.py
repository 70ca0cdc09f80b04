"""Keep the random numbers that models draw in step."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn


def generators(model: nn.Module) -> list[torch.Generator]:
    """Return PyTorch's global random number generators for the CPU and for the GPUs that a model uses."""
    tensors = (*model.parameters(), *model.buffers())
    gpus = sorted({tensor.device.index or 0 for tensor in tensors if tensor.device.type == "cuda"})
    return [torch.default_generator, *(torch.cuda.default_generators[gpu] for gpu in gpus)]


@contextmanager
def preserved(model: nn.Module) -> Iterator[None]:
    """When the context ends, restore the state of all :func:`generators` of a model."""
    states = [(each, each.get_state()) for each in generators(model)]
    try:
        yield
    finally:
        for each, state in states:
            each.set_state(state)


def seeded(model: nn.Module, seed: int) -> None:
    """Seed all :func:`generators` of a model, so that it draws the same random numbers in each run."""
    for each in generators(model):
        each.manual_seed(seed)
