"""Rank the filters of each layer, to choose those that a smaller network keeps."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

import torch
from torch import Tensor, nn

from frformat.torch.modes import evaluating
from frformat.torch.nesting.filters import TRANSPOSED, Groups

Ranking = Callable[[nn.Module, Groups], Mapping[str, Tensor]]
"""Function that returns, by layer, a score for each filter of the current tier: (filters,). Filters with the highest
scores are kept."""

BATCH: Final = 250
"""Number of triplets to run at a time."""


@torch.no_grad()
def l1(model: nn.Module, groups: Groups) -> dict[str, Tensor]:
    """Rank filters by the sum of their weights' magnitudes."""
    found = {}
    for name in groups:
        layer = model.get_submodule(name)
        weight: Tensor = layer.weight  # type: ignore[assignment]
        found[name] = weight.transpose(0, 1 if isinstance(layer, TRANSPOSED) else 0).abs().flatten(1).sum(1)
    return found


def at_random(seed: int) -> Ranking:
    """Return a ranking by random scores, as a baseline for other rankings."""
    generator = torch.Generator().manual_seed(seed)

    def ranking(model: nn.Module, groups: Groups) -> dict[str, Tensor]:
        return {
            name: torch.rand(len(scores), generator=generator, device="cpu")
            for name, scores in l1(model, groups).items()
        }

    return ranking


def triplet_response(anchors: Tensor, positives: Tensor, negatives: Tensor) -> Ranking:
    """Return the ranking by triplet response residuals (TRR), equation 1 of the NestDNN paper.

    A filter scores high if its feature maps differ between classes and agree within a class: the score is the sum over
    all triplets of ‖F(anchor) − F(negative)‖² − ‖F(anchor) − F(positive)‖².

    Args:
        anchors: inputs of the network, (n, …).
        positives: inputs of the same classes.
        negatives: inputs of other classes.
    """
    batches = list(zip(*(torch.split(inputs, BATCH) for inputs in (anchors, positives, negatives)), strict=True))

    @torch.no_grad()
    def ranking(model: nn.Module, groups: Groups) -> dict[str, Tensor]:
        scores: dict[str, Tensor] = {}
        with evaluating(model):
            for batch in batches:
                anchor, positive, negative = (_responses(model, groups, inputs) for inputs in batch)
                for name, maps in anchor.items():
                    score = _distance(maps, negative[name]) - _distance(maps, positive[name])
                    scores[name] = scores.get(name, 0) + score
        return scores

    return ranking


def triplets(labels: Tensor, count: int, seed: int = 0) -> tuple[Tensor, Tensor, Tensor]:
    """Draw triplets: the indices of anchors, of samples of the same class, and of samples of another class.

    Args:
        labels: int (samples,), with at least two classes.
        count: number of triplets.
        seed: seed of the draw.

    Raises:
        ValueError: there is only one class.
    """
    generator = torch.Generator().manual_seed(seed)
    members = [torch.nonzero(labels == label).flatten() for label in torch.unique(labels)]
    if len(members) < 2:
        raise ValueError("triplets need samples of at least two classes")
    classes = torch.randint(len(members), (count,), generator=generator, device="cpu")
    others = (classes + torch.randint(1, len(members), (count,), generator=generator, device="cpu")) % len(members)
    drawn = [
        torch.stack(
            [members[c][torch.randint(len(members[c]), (), generator=generator, device="cpu")] for c in chosen.tolist()]
        )
        for chosen in (classes, classes, others)
    ]
    return drawn[0], drawn[1], drawn[2]


def _responses(model: nn.Module, groups: Groups, inputs: Tensor) -> dict[str, Tensor]:
    """Return the feature maps of each layer: (samples, filters, pixels)."""
    found: dict[str, Tensor] = {}

    def listener(name: str) -> Callable[[nn.Module, object, Tensor], None]:
        def listen(module: nn.Module, given: object, output: Tensor) -> None:
            channels_last = isinstance(module, nn.Linear)
            maps = output.movedim(-1, 1) if channels_last else output
            found[name] = maps.flatten(2) if maps.dim() > 2 else maps[:, :, None]

        return listen

    hooks = [model.get_submodule(name).register_forward_hook(listener(name)) for name in groups]
    try:
        model(inputs)
    finally:
        for hook in hooks:
            hook.remove()
    return found


def _distance(one: Tensor, other: Tensor) -> Tensor:
    return (one - other).square().sum((0, 2))
