"""Joint training of a model's tiers: several learn in each step, the smaller ones from the largest."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

import torch
from torch import Tensor, nn

from frformat.torch import set_tier
from frformat.train.draws import Draws
from frformat.train.recipe import Recipe

ALL: Final = 4
"""Up to this many tiers, all learn in every step; of more, the largest, the smallest, and one drawn from the rest."""

SMALLER: Final = 0.7
"""A tier's loss counts so many times that of the next smaller one, which has fewer coefficients to itself."""


def tiers_of_step(count: int, draws: Draws) -> list[int]:
    """Return which of ``count`` tiers learn in a step, the largest first.

    With many tiers it is the sandwich rule of J. Yu and T. Huang, "Universally slimmable networks and improved training
    techniques", 2019.
    """
    if count <= ALL:
        return [*reversed(range(count))]
    return [count - 1, 1 + draws.number(count - 2), 0]


def lessons(recipe: Recipe, model: nn.Module, tiers: Sequence[int]) -> Iterator[float]:
    """Let a model work at one tier after the other; each but the first has the outputs of the first for its teacher.

    So a step learns soft targets for the samples at hand and needs no pass of a teacher (inplace distillation). How
    much they count is the setting ``distill``. In the end the model works at its largest tier.

    Args:
        recipe: its teacher is exchanged.
        model: what is trained.
        tiers: see :func:`tiers_of_step`.

    Yields:
        The weight of the tier's loss; together they are 1.
    """
    if len(tiers) == 1:  # nothing to set, and nobody to hear
        yield 1.0
        return
    total = sum(SMALLER**tier for tier in tiers)
    part, given, heard = recipe.exported(model), recipe.teacher, _Heard()
    listening = part.register_forward_hook(heard.listen)
    try:
        for tier in tiers:
            set_tier(part, tier)
            yield SMALLER**tier / total
            listening.remove()
            recipe.teacher = heard
    finally:
        listening.remove()
        recipe.teacher = given
        set_tier(part, None)


class _Heard(nn.Module):
    """A teacher that says what another model just said."""

    said: Tensor

    def listen(self, model: nn.Module, inputs: object, outputs: Any) -> None:
        """A forward hook."""
        if isinstance(outputs, torch.Tensor):
            self.said = outputs.detach()

    def forward(self, inputs: Tensor) -> Tensor:
        return self.said
