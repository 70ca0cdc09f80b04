"""Switch a loaded model between its capacity tiers, without copying anything."""

from __future__ import annotations

from collections.abc import Iterator

from torch import nn
from torch.nn.utils import parametrize


class Tiered:
    """A part of a model, such as a parametrization or a layer, that can work at several capacities.

    Everything it needs for each tier is prepared in advance, and the parameters of a smaller tier are part of those of
    a larger tier, so setting :attr:`tier` is all it takes to switch.

    Attributes:
        tier: the tier in use; 0 is the smallest.
        apart: whether it contains a separate model for each tier.
    """

    tier: int
    apart: bool = False

    @property
    def tiers(self) -> int:
        """Number of tiers."""
        raise NotImplementedError


def set_tier(model: nn.Module, tier: int | None) -> None:
    """Switch a model to a capacity tier. This takes microseconds.

    >>> load_model(regularize(UNet()), "model.frz")
    >>> set_tier(model, 0)  # the smallest
    >>> set_tier(model, None)  # the largest

    The tier is part of the model's state: other threads that run the model see the change as well.

    Args:
        model: a model with tiers; see :func:`frformat.torch.regularization.make_tiers` and
            :func:`frformat.torch.load_model`. Any other model has one tier.
        tier: the tier; 0 is the smallest, and None means the largest.

    Raises:
        ValueError: the tier does not exist. The model is unchanged.
    """
    parts, count = _tiered(model)
    chosen = count - 1 if tier is None else tier
    if not 0 <= chosen < count:
        there = f"tiers 0 to {count - 1}" if count > 1 else "only tier 0"
        raise ValueError(f"tier {tier} does not exist; {type(model).__name__} has {there}")
    for part in parts:
        part.tier = chosen
    parametrize._cache.clear()  # within parametrize.cached(), it contains the tensors of another tier


def get_tier(model: nn.Module) -> int:
    """Return the current capacity tier of a model.

    Raises:
        ValueError: parts of the model were set to different tiers.
    """
    parts, _ = _tiered(model)
    found = {part.tier for part in parts} or {0}
    if len(found) > 1:
        raise ValueError(f"parts of {type(model).__name__} are at different tiers, {sorted(found)}: call set_tier")
    return found.pop()


def tier_count(model: nn.Module) -> int:
    """Return the number of capacity tiers of a model; 1 for a model without tiers."""
    return _tiered(model)[1]


def each_tier(model: nn.Module) -> Iterator[int]:
    """Switch a model to each of its tiers in turn, smallest first, then back to its original tier.

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
