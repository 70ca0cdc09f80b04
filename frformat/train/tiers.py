"""Train the tiers of a model jointly: several learn in each step, and the smaller ones learn from the largest."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

import torch
from torch import Tensor, nn

from frformat.torch import set_tier
from frformat.train.draws import Draws
from frformat.train.recipe import Recipe

ALL: Final = 4
"""With at most this many tiers, all learn in every step; otherwise the largest, the smallest and a random one do."""

SMALLER: Final = 0.7
"""Weight of a tier's loss relative to that of the next smaller tier, which has fewer coefficients."""


def tiers_of_step(count: int, draws: Draws) -> list[int]:
    """Return which of ``count`` tiers learn in a step, largest first.

    With many tiers, this is the sandwich rule of J. Yu and T. Huang, "Universally slimmable networks and improved
    training techniques", 2019.
    """
    if count <= ALL:
        return [*reversed(range(count))]
    return [count - 1, 1 + draws.number(count - 2), 0]


def lessons(recipe: Recipe, model: nn.Module, tiers: Sequence[int]) -> Iterator[float]:
    """Switch a model through the tiers; the outputs of the first tier are the teacher of all others.

    A step thus has soft targets for its samples without a separate forward pass of a teacher (in-place distillation).
    The setting ``distill`` is the weight of these targets. Afterwards, the model is at its largest tier again.

    Args:
        recipe: its teacher is replaced.
        model: the model to train.
        tiers: see :func:`tiers_of_step`.

    Yields:
        The weight of each tier's loss; all weights sum to 1.
    """
    if len(tiers) == 1:  # no tier to set, and no teacher
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
    """A teacher that repeats the outputs of another model."""

    said: Tensor

    def listen(self, model: nn.Module, inputs: object, outputs: Any) -> None:
        """Record outputs, as a forward hook."""
        if isinstance(outputs, torch.Tensor):
            self.said = outputs.detach()

    def forward(self, inputs: Tensor) -> Tensor:
        return self.said
