"""Create nested tiers in a trained network: prune it to the seed, then freeze and grow the seed."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor, nn

from frformat.torch.capacity import set_tier, tier_count
from frformat.torch.corners import Corner, corner_of
from frformat.torch.nesting.discovery import filter_groups
from frformat.torch.nesting.filters import Groups, permute
from frformat.torch.nesting.freezing import growing
from frformat.torch.nesting.ranking import Ranking, l1
from frformat.torch.nesting.structure import Widths, make_nested, originals, parts
from frformat.torch.regularization.tiers import Statistics
from frformat.torch.regularization.undo import undone_on_error
from frformat.torch.regularization.views import Example
from frformat.wording import count, metric_text


class SeedError(ValueError):
    """Raised if even the largest of the smaller tiers does not reach the minimum score."""


@dataclass(frozen=True)
class Stage:
    """A stage of the training.

    Attributes:
        kind: ``prune`` (with retraining) or ``grow``.
        widths: number of filters of each layer.
        score: the score after training.
    """

    kind: Literal["prune", "grow"]
    widths: dict[str, int]
    score: float


def nest(
    model: nn.Module,
    example: Example,
    fit: Callable[[nn.Module], None],
    score: Callable[[nn.Module], float],
    *,
    minimum: float,
    shares: Sequence[float] = (0.2, 0.36, 0.6),
    ranking: Ranking = l1,
    groups: Groups | None = None,
    listener: Callable[[Stage], None] | None = None,
) -> nn.Module:
    """Add smaller tiers with fewer filters to a trained network, in place: the offline stage of NestDNN.

    First, the network is pruned: for each of the smaller widths, from the largest to the smallest, filters are ranked,
    and the best ones are kept and trained. This ends with the smallest width, or before the score falls below the
    minimum. The result is the seed. Then the seed grows: in ascending order, each tier gets its filters back. Only
    these and the tier's own biases are trained; everything else is frozen. The weights of every tier are therefore part
    of those of all larger ones, bit for bit.

    Args:
        model: a trained plain network in which :func:`frformat.torch.nesting.filter_groups` finds filters.
        example: an input, such as one image; or a sequence of positional inputs, or a mapping of keyword inputs.
        fit: trains the parameters of a network that require gradients, and creates its own optimizer. It is called once
            for each stage, so at most twice for each share.
        score: returns the score of a network on validation samples; higher is better.
        minimum: the score that the smallest tier must reach.
        shares: the shares of filters that the smaller tiers keep, ascending; each layer keeps at least one.
        ranking: ranks the filters; see :mod:`frformat.torch.nesting`.
        groups: the filters; None finds them automatically.
        listener: called after each stage.

    Returns:
        The model. It has one tier for each share that reached the minimum, and one for all filters.

    Raises:
        SeedError: no smaller tier reaches the minimum.
        ValueError: the network does not run on the example, no filters can be removed, the shares are not valid, or the
            ranking does not return a score for each filter.
        ModuleNotFoundError: torch-pruning is not installed, and no groups are given.

        The model is unchanged after any error, including those of ``fit``, ``score``, ``ranking`` and ``listener``.
    """
    with _restored_on_error(model):
        groups, widths = add_tiers(model, example, shares, groups)
        whole = {name: group.count for name, group in groups.items()}
        report = listener or (lambda stage: None)
        seed = _prune(model, groups, [*widths, whole], ranking, fit, score, minimum, report)
        _drop(model, seed)
        for tier, wider in enumerate([*widths, whole][seed + 1 :], start=1):
            _continue_rows(model, tier, tier - 1)
            with growing(model, tier):
                fit(model)
                report(Stage("grow", wider, score(model)))
        set_tier(model, None)
    return model


@contextmanager
def _restored_on_error(model: nn.Module) -> Iterator[None]:
    """Restore the structure and the values of a plain network if the block raises."""
    tensors = [*model.parameters(), *model.buffers()]
    values = [tensor.detach().clone() for tensor in tensors]
    try:
        with undone_on_error(model.modules(), tensors):
            yield
    except BaseException:
        with torch.no_grad():
            for tensor, value in zip(tensors, values, strict=True):
                tensor.copy_(value)
        raise


def add_tiers(
    model: nn.Module, example: Example, shares: Sequence[float], groups: Groups | None = None
) -> tuple[Groups, list[dict[str, int]]]:
    """Add smaller tiers to a network, in place, without training them: the first step of :func:`nest`.

    The arguments and errors are those of :func:`nest`; if it fails, the model is unchanged.

    Returns:
        The filters, and the number of filters of each layer in each smaller tier.
    """
    check_shares(shares)
    groups = filter_groups(model, example) if groups is None else groups
    if not groups:
        raise ValueError(f"{type(model).__name__} has no filters that can be removed")
    widths = [{name: max(1, round(share * group.count)) for name, group in groups.items()} for share in shares]
    make_nested(model, groups, widths)
    return groups, widths


def check_shares(shares: Sequence[float]) -> None:
    """Check the shares of filters that the smaller tiers keep.

    Raises:
        ValueError: there are none, they are not ascending, or one is not between 0 and 1.
    """
    if not shares or any(not 0 < share < 1 for share in shares) or list(shares) != sorted(set(shares)):
        raise ValueError(f"shares={list(shares)}: must be ascending, each between 0 and 1")


def _prune(
    model: nn.Module,
    groups: Groups,
    widths: Sequence[Widths],
    ranking: Ranking,
    fit: Callable[[nn.Module], None],
    score: Callable[[nn.Module], float],
    minimum: float,
    report: Callable[[Stage], None],
) -> int:
    """Prune and train tier by tier. Return the index of the smallest tier that reaches the minimum."""
    for tier in reversed(range(len(widths) - 1)):
        before = copy.deepcopy(model.state_dict())
        set_tier(model, tier + 1)
        ranks = ranking(model, groups)
        _check_ranks(ranks, widths[tier + 1])
        for name, scores in ranks.items():
            permute(model, groups[name], scores.argsort(descending=True, stable=True).cpu(), originals(model))
        _continue_rows(model, tier, tier + 1)
        set_tier(model, tier)
        fit(model)
        reached = score(model)
        report(Stage("prune", dict(widths[tier]), reached))
        if not reached >= minimum:
            model.load_state_dict(before)
            if tier == len(widths) - 2:
                raise SeedError(
                    f"with {dict(widths[tier])} filters the score is {metric_text(reached)}, below the minimum of "
                    f"{minimum:g}: lower the minimum, add larger shares, or train longer"
                )
            return tier + 1
    return 0


def _check_ranks(ranks: Mapping[str, Tensor], wanted: Widths) -> None:
    """Check that a ranking has returned a score for each filter."""
    for name in {**wanted, **ranks}:
        filters, shape = wanted.get(name), list(ranks[name].shape) if name in ranks else None
        if shape != [filters]:
            found = "no scores" if shape is None else f"scores of shape {shape}"
            number = f"has {count(filters, 'filter')} now" if filters else "has no filters to rank"
            raise ValueError(f"the ranking returned {found} for {name!r}, which {number}")


@torch.no_grad()
def _continue_rows(model: nn.Module, tier: int, other: int) -> None:
    """Initialize a tier's own tensors with the values of another tier, for the entries that both use."""
    for held in parts(model).values():
        if isinstance(held[0], Statistics):
            corners = held[0].corners
            both = ... if corners is None else corner_of(tuple(map(min, corners[tier], corners[other])))
            held.original[tier][both] = held.original[other][both]


def _drop(model: nn.Module, count: int) -> None:
    """Remove the smallest tiers."""
    tiers = tier_count(model) - count
    for held in parts(model).values() if count else ():
        old: Any = held[0]
        if isinstance(old, Corner):
            held[0] = Corner(old.corners[count:])
        else:
            held[0] = Statistics(tiers, None if old.corners is None else old.corners[count:])
            held.original.data = held.original.data[count:].clone()
    set_tier(model, None)
