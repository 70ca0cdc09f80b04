"""The base class of truncation schedules, which behave like those of :mod:`torch.optim.lr_scheduler`."""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from typing import Any

from torch import nn
from torch.optim import Optimizer

from frformat.torch.regularization.spectral_tensor import spectral_tensors
from frformat.torch.regularization.truncation import Counts, counts, truncate

Optimizers = Optimizer | Iterable[Optimizer]


class Schedule(ABC):
    """Truncates a model step by step.

    Attributes:
        initial: number of coefficients of each tensor when the schedule was created, by name.
        last_step: number of steps taken.
    """

    _not_in_state: tuple[str, ...] = ("model", "optimizers")

    def __init__(self, model: nn.Module, optimizer: Optimizers) -> None:
        self.model = model
        self.optimizers = [optimizer] if isinstance(optimizer, Optimizer) else list(optimizer)
        self.initial = self.kept
        self.last_step = 0
        if not self.initial:
            raise ValueError(f"{type(model).__name__} has no regularized tensor: call regularize(model) first")
        tensors = spectral_tensors(model).values()
        groups = [group for each in self.optimizers for group in each.param_groups]
        trained = {id(parameter) for group in groups for parameter in group["params"]}
        if self.optimizers and not any(id(tensor.coefficients) in trained for tensor in tensors):
            raise ValueError(
                f"{type(self.optimizers[0]).__name__} trains no coefficients of {type(model).__name__}: create the "
                "optimizer after regularize(model)"
            )

    @property
    def kept(self) -> dict[str, int]:
        """Number of coefficients of each tensor, by name."""
        return {name: tensor.kept for name, tensor in spectral_tensors(self.model).items()}

    @property
    @abstractmethod
    def finished(self) -> bool:
        """Whether further steps would change nothing."""

    def state_dict(self) -> dict[str, Any]:
        """Return a copy of everything but the model and the optimizers, which have their own state dicts."""
        return copy.deepcopy({key: value for key, value in vars(self).items() if key not in self._not_in_state})

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue from the state of a schedule of the same kind.

        Raises:
            ValueError: the state belongs to a different kind of schedule, or to a different model.
        """
        unknown = state.keys() ^ self.state_dict().keys()
        if unknown:
            raise ValueError(f"not a state of {type(self).__name__}: {', '.join(sorted(unknown))}")
        if state["initial"].keys() != self.initial.keys():
            names = ", ".join(sorted(state["initial"].keys() ^ self.initial.keys()))
            raise ValueError(f"the state belongs to a model with other regularized tensors: {names}")
        vars(self).update(copy.deepcopy(dict(state)))

    def _truncate(self, keep: Mapping[str, int]) -> bool:
        before = self.kept
        return truncate(self.model, keep, self.optimizers) != before


def minima(model: nn.Module, minimum: Counts) -> dict[str, int]:
    """Return the number of coefficients that each tensor always keeps, by name."""
    tensors = spectral_tensors(model)
    wanted = counts(tensors, minimum)
    return {name: min(tensor.kept, wanted.get(name, tensor.kept)) for name, tensor in tensors.items()}


def at_least_one(steps: int) -> int:
    """Return ``steps`` if it is at least 1.

    Raises:
        ValueError: it is less than 1.
    """
    if steps < 1:
        raise ValueError(f"steps={steps}: must be at least 1")
    return steps
