"""Prepare the model of a recipe for training, and find the final number of coefficients."""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping
from typing import Final, Literal

import torch
from torch import nn

import frformat.torch.regularization as fr
from frformat.torch import load_model
from frformat.train.recipe import Data, Recipe, StrPath, model_inputs, returned

SAMPLE = 2
"""Number of samples to run through the model once, to find views."""

PER_BYTE: Final = 2.0
"""Initial number of coefficients per byte of the file, in a run for a given file size."""

PRUNINGS: Final = 100
"""Approximate number of prunings in a run whose schedule lasts until its end."""


def plain_model(recipe: Recipe, weights: StrPath | None = None) -> nn.Module:
    """Return the recipe's network, initialized from the seed in its settings or from an ``.frz`` file.

    Raises:
        ValueError: a method of the recipe returns something other than a module.
        MismatchError, FrzError, OSError: see :func:`frformat.torch.load_model`.
    """
    torch.manual_seed(recipe.settings.seed)
    model = returned(recipe, "model()", recipe.model(), nn.Module)
    returned(recipe, "exported()", recipe.exported(model), nn.Module)
    if weights is not None:
        load_model(recipe.exported(model), weights)
    return model


def regularized(recipe: Recipe, model: nn.Module, data: Data, trained: bool) -> dict[str, int]:
    """Regularize the exported part of a model in place, according to the settings.

    Args:
        recipe: what to train.
        model: its plain network.
        data: samples; a few of them are run through the network.
        trained: whether the weights have been trained.

    Returns:
        The final number of coefficients of each tensor, by its name in the exported model.

    Raises:
        ValueError: see :func:`frformat.torch.regularize`.
    """
    settings = recipe.settings
    part = recipe.exported(model)
    example = model_inputs(recipe, tuple(tensor[:SAMPLE] for tensor in data.test.tensors))

    goal = part if settings.schedule == "start" and settings.size is None else copy.deepcopy(part)
    goals = fr.spectral_tensors(
        fr.regularize(goal, settings.keep, rules=settings.rules, example=example, trained=trained)
    )
    if goal is not part:
        kept = None if settings.size is None or trained else _initial(goals, settings.size)
        fr.regularize(part, rules=lambda name, _: _words(goals.get(name), kept), trained=trained)
    if settings.tiers:
        fr.make_tiers(part, settings.tiers)
    return {name: tensor.kept for name, tensor in goals.items()}


def schedule(
    recipe: Recipe, model: nn.Module, optimizer: torch.optim.Optimizer, goals: dict[str, int], updates: int
) -> fr.Schedule | None:
    """Return the truncation schedule that the settings select; None if they select none.

    Step a pruning schedule after every :func:`pruning_period` updates, and any other schedule after each epoch.

    Args:
        recipe: provides the settings.
        model: a model that :func:`regularized` has prepared.
        optimizer: the optimizer of its coefficients.
        goals: the result of :func:`regularized`.
        updates: number of updates in the run.
    """
    settings, part = recipe.settings, recipe.exported(model)
    steps = min(max(1, round(settings.epochs * settings.truncate_for)), settings.epochs - 1)
    if settings.dense or settings.quantized or settings.schedule == "start":
        return None
    if settings.schedule == "tail":
        return fr.TailTruncation(part, optimizer, by=1 / steps, minimum=goals)
    if settings.schedule == "geometric":
        return fr.GeometricTruncation(part, optimizer, steps=steps, minimum=goals)
    if settings.schedule == "budget":
        return fr.BudgetTruncation(part, optimizer, total=sum(goals.values()), steps=steps)
    if settings.schedule == "prune":
        times = round(updates * settings.truncate_for) // pruning_period(updates)
        return fr.SpectralPruning(part, optimizer, steps=max(1, times), minimum=goals)
    mode: Literal["max", "min"] = "max" if recipe.maximize else "min"
    return fr.GuardedTruncation(part, optimizer, minimum=goals, tolerance=settings.tolerance, mode=mode)


def pruning_period(updates: int) -> int:
    """Return the number of updates between prunings, in a run with this many updates."""
    return max(1, updates // PRUNINGS)


def _initial(goals: Mapping[str, fr.SpectralTensor], size: int) -> dict[str, int]:
    """Return the initial number of coefficients of each tensor, in proportion to the goals, for a given file size."""
    factor = PER_BYTE * size / sum(tensor.kept for tensor in goals.values())
    return {name: min(tensor.elements, math.ceil(factor * tensor.kept)) for name, tensor in goals.items()}


def _words(tensor: fr.SpectralTensor | None, kept: Mapping[str, int] | None) -> str:
    """Return the text of a tensor's rule, with its chosen view and number format.

    Args:
        tensor: the tensor; None if it is not regularized.
        kept: number of coefficients by name; None means all.
    """
    if tensor is None:
        return "raw"
    words = ["keep=100%" if kept is None else f"keep={kept[tensor.name]}"]
    if tensor.spectral.view is not None:
        words.append("view=" + ",".join(map(str, tensor.spectral.view)))
    if tensor.spectral.format is not None:
        words.append(f"format={tensor.spectral.format}")
    return " ".join(words)
