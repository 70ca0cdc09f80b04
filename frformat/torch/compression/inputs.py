"""Run a model on batches, and report failures."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_map

from frformat.errors import EncodeError
from frformat.torch.compression.randomness import seeded

Batch = Callable[[nn.Module], Any]
Told = Callable[[str, int, int], None]


class CompressionError(EncodeError):
    """Raised if a model cannot be compressed. No file has been written, and the model has not been modified."""


def runs(batches: Iterable[Any], device: torch.device | None = None) -> list[BatchRun]:
    """Return, for each batch, a function that runs a model on it.

    Args:
        batches: the inputs; each is a tensor, a tuple or list of positional arguments, or a mapping of keyword
            arguments.
        device: the default device of the runs; the current one if None.

    Each run receives copies of the tensors, since models can change their inputs in place, and draws the same random
    numbers.

    Raises:
        CompressionError: there are no batches, or a batch is none of these types.
    """
    if isinstance(batches, Tensor):
        raise CompressionError("batches is one tensor: pass a list of batches, such as images.split(64)")
    where = device or torch.get_default_device()
    found = []
    for number, batch in enumerate(batches):
        if not isinstance(batch, Tensor | tuple | list | Mapping):
            raise CompressionError(
                f"batch {number} is of type {type(batch).__name__}, but must be a tensor, a tuple of arguments, or a "
                "dict of them"
            )
        if isinstance(batch, Tensor) and batch.dim() and not len(batch):
            raise CompressionError(f"batch {number} has no samples")
        found.append(BatchRun(dict(batch) if isinstance(batch, Mapping) else batch, number, where))
    if not found:
        raise CompressionError("batches is empty")
    return found


class BatchRun:
    """A function that runs a model on one batch.

    Args:
        batch: a tensor, a tuple or list of positional arguments, or a mapping of keyword arguments.
        number: number of the batch, which is also the seed of the random numbers that the model draws.
        device: the default device while the model runs.
    """

    def __init__(self, batch: Any, number: int, device: torch.device) -> None:
        self.batch, self.number, self.device = batch, number, device

    def __call__(self, model: nn.Module) -> Any:
        """Run a model, and return its output.

        Raises:
            CompressionError: the model raised an exception.
        """
        device = next((parameter.device for parameter in model.parameters()), torch.device("cpu"))
        seeded(model, self.number)
        try:
            batch = tree_map(lambda leaf: _own(leaf, device) if isinstance(leaf, Tensor) else leaf, self.batch)
            with default_device(self.device):
                if isinstance(batch, dict):
                    return model(**batch)
                return model(batch) if isinstance(batch, Tensor) else model(*batch)
        except Exception as error:  # the user's code can raise anything
            shapes = tree_map(lambda leaf: list(leaf.shape) if isinstance(leaf, Tensor) else leaf, self.batch)
            reason = " ".join(str(error).split())
            raise CompressionError(
                f"{type(model).__name__} fails on batch {self.number}, {shapes}: {type(error).__name__}: {reason}"
            ) from error


def default_device(device: torch.device) -> AbstractContextManager[object]:
    """Return a context in which new tensors are on a device."""
    return nullcontext() if device == torch.get_default_device() else device


def _own(tensor: Tensor, device: torch.device) -> Tensor:
    """Return a copy of a tensor that shares neither values nor gradients with it."""
    return tensor.detach().to(device, copy=True).requires_grad_(tensor.requires_grad)
