"""Prune spectra: the largest coefficients stay, wherever they are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from frformat.torch.regularization.schedule import Optimizers, Schedule, at_least_one, minima
from frformat.torch.regularization.spectral_tensor import spectral_tensors
from frformat.torch.regularization.truncation import Counts, check_truncatable


class SpectralPruning(Schedule):
    """Gradually and permanently sets the smallest coefficients of each tensor to zero, until only a few are left.

    The prefix then ends with the last coefficient that is not zero. The zeros before it cost little: if most
    coefficients are zero and the others are quantized, the entropy coder of ``.frz`` spends a fraction of a bit on each
    zero. Where weights do not vary smoothly in any ordering, as along the channels of deep layers, the largest
    coefficients are worth more than the same number of leading ones. Pruning needs the whole spectrum to choose from,
    preferably that of a trained network.

    The number of coefficients follows M. Zhu and S. Gupta, "To prune, or not to prune", 2017: the excess over the final
    number shrinks with the cube of the remaining share of steps.

    Attributes:
        minimum: final number of coefficients of each tensor, by name.
        steps: number of steps until that number is reached.
        pruned: the coefficients that stay zero: bool tensors of shape (k,) by name.
    """

    _not_in_state = ("model", "optimizers", "_tensors")

    def __init__(self, model: nn.Module, optimizer: Optimizers, *, steps: int, minimum: Counts) -> None:
        """Initialize the schedule. Each optimizer gets a hook that restores the zeros after its steps.

        Args:
            model: a regularized model.
            optimizer: the optimizer or optimizers that get the hook.
            steps: number of steps until only ``minimum`` coefficients are left.
            minimum: final number of coefficients of each tensor, in the forms that :class:`~.schedules.TailTruncation`
                accepts.

        Raises:
            ValueError: a name or number is not valid, or the model cannot be truncated.
        """
        super().__init__(model, optimizer)
        check_truncatable(model)
        self.minimum, self.steps = minima(model, minimum), at_least_one(steps)
        self._tensors = spectral_tensors(model)
        self.pruned = {name: torch.zeros_like(t.coefficients, dtype=torch.bool) for name, t in self._tensors.items()}
        for each in self.optimizers:
            each.register_step_post_hook(lambda *_: self._hold())

    @property
    def finished(self) -> bool:
        """Whether all steps have been taken."""
        return self.last_step >= self.steps

    def step(self) -> bool:
        """Prune. Call this after each epoch, or after any other number of updates.

        Returns:
            Whether any parameter has become shorter, which happens at the last step.
        """
        self.last_step += 1
        if self.last_step > self.steps:
            return False
        surplus = (1 - self.last_step / self.steps) ** 3
        for name, tensor in self._tensors.items():
            least = self.minimum[name]
            count = least + round((self.initial[name] - least) * surplus)
            smaller = tensor.coefficients.detach().abs().argsort(descending=True, stable=True)[count:]
            self.pruned[name][smaller] = True
        self._hold()
        if not self.finished:
            return False
        shorter = self._truncate({name: _end(mask) for name, mask in self.pruned.items()})
        self.pruned = {name: mask[: self._tensors[name].kept].clone() for name, mask in self.pruned.items()}
        return shorter

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """See :class:`Schedule`."""
        super().load_state_dict(state)
        self.pruned = {name: mask.to(self._tensors[name].coefficients.device) for name, mask in self.pruned.items()}

    @torch.no_grad()
    def _hold(self) -> None:
        """Reset pruned coefficients to zero, since the optimizer's momentum can change them."""
        for name, tensor in self._tensors.items():
            tensor.coefficients.masked_fill_(self.pruned[name], 0)


def _end(pruned: Tensor) -> int:
    """Return the length of the shortest prefix that contains all coefficients not yet pruned, at least 1."""
    places = (~pruned).nonzero()
    return int(places[-1]) + 1 if len(places) else 1
