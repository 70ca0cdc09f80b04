"""One factored model for each capacity tier, all sharing the same coefficients."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import torch
from torch import nn

import frformat
from frformat.torch.capacity import Tiered, each_tier
from frformat.torch.copying import copied
from frformat.torch.factorization.factorize import factorize
from frformat.torch.regularization.views import Example

StrPath = str | os.PathLike[str]


class FactoredTiers(Tiered, nn.Module):
    """Factored models, one of which :func:`frformat.torch.set_tier` selects.

    Attributes:
        models: the model of each tier, smallest first.
    """

    apart = True

    def __init__(self, models: Sequence[nn.Module]) -> None:
        super().__init__()
        self.models = nn.ModuleList(models)
        self.tier = len(models) - 1
        for model in models[:-1]:
            _share(model, models[-1])

    @property
    def tiers(self) -> int:
        """Number of tiers."""
        return len(self.models)

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Run the model of the current tier."""
        return self.models[self.tier](*args, **kwargs)


@torch.inference_mode(False)  # the result can run in any mode
def factorize_tiers(
    model: nn.Module, example: Example, weights: StrPath | None = None, **options: Any
) -> FactoredTiers:
    """Factorize all tiers of a model or a file; :func:`frformat.torch.set_tier` selects one.

    The layers to factor are chosen for each tier, and everything is prepared in advance, so switching copies nothing.
    The coefficients of a smaller tier are the first ones of the largest tier, in the same memory. Only rebuilt weights
    exist separately for each tier.

    >>> factored = factorize_tiers(UNet(), images[:1], "unet.frz")
    >>> set_tier(factored, 0)

    Args:
        model: a model with tiers (see :func:`frformat.torch.regularization.make_tiers`), or any model if a file is
            given.
        example: see :func:`factorize`.
        weights: a file; all tiers that are present are used.
        options: additional options of :func:`factorize`, except ``tier``.

    Raises:
        ValueError, MismatchError, FrzError, OSError: see :func:`factorize`.
    """
    if weights is None:
        tiered = copied(model)
        return FactoredTiers([factorize(tiered, example, **options) for _ in each_tier(tiered)])
    with frformat.open(weights) as file:
        present = file.tiers_present
    return FactoredTiers([factorize(model, example, weights, tier=tier, **options) for tier in range(present)])


@torch.no_grad()
def _share(smaller: nn.Module, whole: nn.Module) -> None:
    """Make each tensor of ``smaller`` use the memory of the tensor with the same name in ``whole`` if they are equal.

    A vector also uses the memory of a longer vector that begins with the same elements.
    """
    tensors = dict(whole.named_parameters()) | dict(whole.named_buffers())
    for name, tensor in [*smaller.named_parameters(), *smaller.named_buffers()]:
        other = tensors.get(name)
        if other is not None and (other.dtype, other.device) == (tensor.dtype, tensor.device):
            part = other[: len(tensor)] if tensor.dim() == other.dim() == 1 else other
            if part.shape == tensor.shape and torch.equal(part, tensor):
                tensor.data = part.data
