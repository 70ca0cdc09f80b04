"""Which of its capacity tiers a model works at: one loaded model, from which nothing is copied to switch."""

from __future__ import annotations

from collections.abc import Iterator

from torch import nn


class Tiered:
    """A part of a model, such as a parametrization or a layer, that can work at several capacities.

    What it needs for each is made beforehand, and the numbers of a smaller tier are the first ones of a larger tier, so
    that setting :attr:`tier` is all there is to do.

    Attributes:
        tier: the one it works at, from 0, the smallest.
        apart: whether it holds a model of its own for each.
    """

    tier: int
    apart: bool = False

    @property
    def tiers(self) -> int:
        """How many there are."""
        raise NotImplementedError


def set_tier(model: nn.Module, tier: int | None) -> None:
    """Let a model work at a capacity tier from now on; it takes microseconds.

    >>> load_model(regularize(UNet()), "model.frz")
    >>> set_tier(model, 0)  # the smallest
    >>> set_tier(model, None)  # the largest

    What is set is state of the model: parts of it that run in other threads see it, too.

    Args:
        model: with tiers, see :func:`frformat.torch.regularization.make_tiers` and :func:`frformat.torch.load_model`.
            Any other has one.
        tier: from 0, the smallest; None for the largest.

    Raises:
        ValueError: there is no such tier. The model is as it was.
    """
    parts, count = _tiered(model)
    chosen = count - 1 if tier is None else tier
    if not 0 <= chosen < count:
        there = f"0 to {count - 1}" if count > 1 else "only 0"
        raise ValueError(f"tier {tier} is asked for; {type(model).__name__} has {there}")
    for part in parts:
        part.tier = chosen


def get_tier(model: nn.Module) -> int:
    """Return the capacity tier that a model works at.

    Raises:
        ValueError: its parts were set apart.
    """
    parts, _ = _tiered(model)
    found = {part.tier for part in parts} or {0}
    if len(found) > 1:
        raise ValueError(f"parts of {type(model).__name__} work at different tiers, {sorted(found)}: call set_tier")
    return found.pop()


def tier_count(model: nn.Module) -> int:
    """Return how many capacity tiers a model has; 1 for one that knows nothing of tiers."""
    return _tiered(model)[1]


def each_tier(model: nn.Module) -> Iterator[int]:
    """Let a model work at each of its tiers in turn, from the smallest; it is left at the one that it worked at before.

    >>> accuracies = [evaluate(model) for tier in each_tier(model)]
    """
    before = get_tier(model)
    try:
        for tier in range(tier_count(model)):
            set_tier(model, tier)
            yield tier
    finally:
        set_tier(model, before)


def _tiered(model: nn.Module) -> tuple[list[Tiered], int]:
    parts: list[Tiered] = [module for module in model.modules() if isinstance(module, Tiered)]
    counts = {part.tiers for part in parts} or {1}
    if len(counts) > 1:
        raise ValueError(f"parts of {type(model).__name__} have different numbers of tiers: {sorted(counts)}")
    return parts, counts.pop()
