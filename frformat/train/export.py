"""Write the trained model to a file, and verify that the file reproduces it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import torch
from PIL import Image
from torch import nn
from torch.utils._pytree import tree_leaves

import frformat
from frformat.format.atomic import replacing
from frformat.format.tiers import as_metadata
from frformat.torch import each_tier, load_model, modes, save_model
from frformat.torch.costs import costs
from frformat.torch.lowrank.cost import Cost
from frformat.train.recipe import Recipe, batches, metrics
from frformat.train.run import Run
from frformat.wording import metric_text

COMPARED: Final = 4
"""Number of batches of test samples on which outputs are compared."""

SAMPLES: Final = 64
"""Number of samples in each of these batches."""

PICTURE: Final = "picture.png"
"""Picture of the model's results, next to its file; see :meth:`frformat.train.Recipe.picture`."""


@dataclass(frozen=True)
class Quality:
    """The quality of a file, or of one of its tiers.

    Attributes:
        nbytes: its size; for a tier, the size of the file up to the tier's end.
        metrics: metrics of the trained model on the test samples.
        decoded: metrics of a plain model with the weights decoded from the file.
        difference: the largest difference between the two models' outputs, over some test samples.
        scale: the largest output, for comparison.
    """

    nbytes: int
    metrics: dict[str, float]
    decoded: dict[str, float]
    difference: float
    scale: float


@dataclass(frozen=True)
class TierOutcome(Quality):
    """One tier of a run's file.

    Attributes:
        costs: cost of running inference on one sample.
    """

    costs: Cost


@dataclass(frozen=True)
class Outcome(Quality):
    """The file of a run; its quality is that of the largest tier.

    Attributes:
        path: the file.
        weights: number of weights of the plain model.
        numbers: number of parameters in the file: coefficients, and parameters that are not regularized.
        tiers: each tier, the smallest first; empty if there is only one.
    """

    path: str
    weights: int
    numbers: int
    tiers: tuple[TierOutcome, ...] = ()


def export(run: Run, path: Path) -> Outcome:
    """Write the model, read it into a plain one, compare the two, and draw a picture; all processes must call this.

    If there are several tiers, the file's metadata contains the decisive metric of each, such as ``tiers.accuracy``,
    and the cost of inference on one sample: ``tiers.multiply_adds`` and ``tiers.memory``.

    Raises:
        EncodeError: training diverged, or a file cannot represent the model. Nothing is written.
        OSError: a file cannot be written.
    """
    run.check_finite()
    recipe, group = run.recipe, run.group
    trained = run.result
    part = recipe.exported(trained)
    scores, prices = [], []
    with evaluating(trained):
        for _ in each_tier(part):
            scores.append(metrics(recipe, trained, run.data.test, group))
            prices.append(costs(part, recipe.inputs(next(batches(run.data.test, 1, group)))))
    if group.first:
        save_model(part, path, metadata=_metadata(recipe, scores, prices))
    group.wait()
    again = plain_copy(run)
    with frformat.open(path) as file:
        ends = file.container.ends
    tiers = []
    with evaluating(trained), evaluating(again):
        if group.first:
            draw(recipe, trained, run, path.with_name(PICTURE))
        for tier in each_tier(part):
            load_model(recipe.exported(again), path, tier=tier)
            decoded = metrics(recipe, again, run.data.test, group)
            compared = difference(run, part, recipe.exported(again))
            tiers.append(TierOutcome(ends[tier], scores[tier], decoded, *compared, prices[tier]))
    weights, last = sum(parameter.numel() for parameter in recipe.exported(again).parameters()), tiers[-1]
    return Outcome(
        last.nbytes,
        last.metrics,
        last.decoded,
        last.difference,
        last.scale,
        str(path),
        weights,
        run.numbers,
        tuple(tiers) if len(tiers) > 1 else (),
    )


def plain_copy(run: Run) -> nn.Module:
    """Return a new model of the recipe, on the device, with the parts of the run's result that are not exported."""
    again = run.recipe.model()
    again.load_state_dict(run.result.state_dict(), strict=False)
    return again.to(run.group.device)


def draw(recipe: Recipe, trained: nn.Module, run: Run, path: Path) -> None:
    """Write a picture of the model's results, if there is something to show."""
    picture = recipe.picture(trained, run.data.test)
    if picture is not None:
        with replacing(path) as file:
            Image.fromarray(picture).save(file, format="png")


def _metadata(recipe: Recipe, scores: Sequence[Mapping[str, float]], prices: Sequence[Cost]) -> dict[str, str]:
    """Return the metadata about the tiers; none if there is only one."""
    if len(scores) == 1:
        return {}
    return as_metadata(
        [
            {
                recipe.metric: metric_text(score[recipe.metric]),
                "multiply_adds": str(price.multiply_adds),
                "memory": str(price.peak_bytes),
            }
            for score, price in zip(scores, prices, strict=True)
        ]
    )


@contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """Within a ``with`` block, switch to evaluation mode without gradients."""
    with modes.evaluating(model), torch.no_grad():
        yield


def difference(run: Run, first: nn.Module, second: nn.Module, *, batch_count: int = COMPARED) -> tuple[float, float]:
    """Return the largest difference between outputs for some batches of test samples, and the largest output."""
    differences, scales = [0.0], [0.0]
    size = min(SAMPLES, run.recipe.settings.batch)
    for _, samples in zip(range(batch_count), batches(run.data.test, size, run.group), strict=False):
        inputs = run.recipe.inputs(samples)
        one, other = _tensor(first(inputs)), _tensor(second(inputs))
        differences.append(float((one - other).abs().max()))
        scales.append(float(one.abs().max()))
    return float(np.max(differences)), float(np.max(scales))  # NaN if any is NaN


def _tensor(outputs: object) -> torch.Tensor:
    """Return all floating-point outputs of a model, in a container of any kind, as one vector."""
    leaves = [leaf for leaf in tree_leaves(outputs) if isinstance(leaf, torch.Tensor) and leaf.is_floating_point()]
    return torch.cat([torch.zeros(1), *(leaf.flatten().float().cpu() for leaf in leaves)])
