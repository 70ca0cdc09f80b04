"""The size of the file in runs that train quantized weights."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

import torch
from torch import nn

import frformat
from frformat.format.atomic import replacing
from frformat.torch import compress, fit_quantized, load_quantized
from frformat.torch.compression.inputs import Told
from frformat.torch.quantized import can_be_trained
from frformat.train import setup
from frformat.train.group import ProcessGroup
from frformat.train.recipe import Data, Recipe, StrPath, model_inputs, spread
from frformat.wording import count

START: Final = "start.frz"

CALIBRATION: Final = 512
"""Largest number of training samples that compression observes."""

ELEMENTS: Final = 1 << 23
"""Largest number of elements of these samples together, because compression keeps the activations of all of them."""

FEWEST: Final = 8
"""Number of samples that compression observes even if they have more elements."""

CALLED: Final = 64
"""Number of samples that pass through the network at a time."""


def compressed(
    recipe: Recipe,
    data: Data,
    weights: StrPath,
    place: Path,
    group: ProcessGroup,
    *,
    resume: bool,
    told: Told | None = None,
) -> StrPath:
    """Return a file with trained weights that is no larger than the settings say, by compressing it if necessary.

    All processes must call this. Training samples, without augmentation, show how much each weight matters.

    Args:
        recipe: its network and settings.
        data: its samples.
        weights: an ``.frz`` file with trained weights.
        place: the folder of the run, which exists, and to which the compressed file is written.
        group: the process group.
        resume: whether to use the compressed file that is already there.
        told: see ``progress`` of :func:`frformat.torch.compress`.

    Raises:
        CompressionError: the network cannot be compressed to that size.
        ValueError: the weights are not quantized and have to stay so, or the file would be replaced.
        MismatchError, FrzError, OSError: see :func:`frformat.torch.load_model`.
    """
    size, nbytes = recipe.settings.size, os.path.getsize(weights)
    if size is None or nbytes <= size:
        if not _is_quantized(weights):
            limit = "choose a size" if size is None else f"choose a size below {nbytes:,}, not {size:,}"
            raise ValueError(f"{os.fspath(weights)} is not quantized, and has {count(nbytes, 'byte')}: {limit}")
        return weights
    path = place / START
    if path.exists() and path.samefile(weights):
        raise ValueError(f"{path} would be replaced by its compressed weights: choose another folder for the run")
    if group.first and not (resume and path.exists()):
        model = setup.plain_model(recipe, weights).to(group.device).eval()
        inputs = calibration(recipe, data.with_validation(recipe.settings.holdout))
        found = compress(
            recipe.exported(model),
            batches=torch.split(inputs, CALLED),
            size=size,
            seed=recipe.settings.seed,
            progress=told,
        )
        with replacing(path) as file:
            file.write(found.data)
    group.wait()
    return path


def _is_quantized(path: StrPath) -> bool:
    """Return whether a file has quantized weights that can be trained."""
    with frformat.open(path) as file:
        return any(can_be_trained(form) and form.values.ndim > 1 for form in map(file.stored, file))


def calibration(recipe: Recipe, data: Data) -> torch.Tensor:
    """Return inputs of the exported model from training samples, from all over the set."""
    tensors = data.train.tensors
    samples = len(tensors[0])
    elements = model_inputs(recipe, tuple(tensor[:1] for tensor in tensors)).numel()
    chosen = spread(samples, min(samples, CALIBRATION, max(FEWEST, ELEMENTS // max(1, elements))))
    inputs: torch.Tensor = recipe.inputs(tuple(tensor[chosen] for tensor in tensors))
    return inputs


class Budget:
    """The largest size that the model's file may have.

    Attributes:
        nbytes: size of the model's file when it was last encoded.
    """

    def __init__(self, recipe: Recipe, model: nn.Module, data: Data, weights: StrPath | None) -> None:
        """Load the compressed file into a model.

        Batch normalization goes on, except in runs that average weights, whose average has other statistics.

        Args:
            recipe: its settings contain the size; if that is None, the compressed file is the limit.
            model: a plain model of the recipe; its exported part is changed in place.
            data: its samples.
            weights: the compressed file.

        Raises:
            ValueError, FrzError, OSError: see :func:`frformat.torch.load_quantized`; or there is no file.
        """
        if weights is None:
            raise ValueError("quantized needs trained weights to start from; pass a file (on the command line, --from)")
        live = recipe.settings.average_from is None
        batches = torch.split(calibration(recipe, data), CALLED) if live else None
        load_quantized(recipe.exported(model), weights, batches=batches)
        self.nbytes = os.path.getsize(weights)
        self._size = self.nbytes if recipe.settings.size is None else recipe.settings.size

    def fit(self, model: nn.Module) -> None:
        """Set the smallest coefficients of the exported part of a model to zero until its file meets the budget.

        What batch normalization has learned becomes part of the weights.
        """
        self.nbytes = fit_quantized(model, self._size)
