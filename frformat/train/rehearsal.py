"""Do all that follows training with the untrained model, so that what cannot work fails before hours of training."""

from __future__ import annotations

import tempfile
from contextlib import suppress
from pathlib import Path

import torch

from frformat.torch import each_tier, load_model, save_model
from frformat.torch.costs import costs
from frformat.train.export import PICTURE, difference, draw, evaluating, plain_copy
from frformat.train.recipe import batches, metrics
from frformat.train.run import Run


def rehearse(run: Run) -> None:
    """Evaluate the untrained model, write it to a temporary file, read the file, and draw a picture.

    The run and the random numbers that it draws stay the same. All processes must call this. Divisions by zero and
    overflows in the recipe's code are ignored, because they can have their cause in the untrained model.

    Raises:
        ValueError: the recipe's metrics are unusable, or a file does not fit a new model of the recipe.
        EncodeError: a file cannot represent the model.
        OSError: the temporary file cannot be written.
    """
    recipe, workers, trained = run.recipe, run.workers, run.result
    part = recipe.exported(trained)
    devices = [workers.device] if workers.device.type == "cuda" else []
    with (
        tempfile.TemporaryDirectory(prefix="frformat-") as folder,
        torch.random.fork_rng(devices),
        evaluating(trained),
    ):
        path = Path(folder) / "model.frz"
        with suppress(ArithmeticError):
            metrics(recipe, trained, run.data.watched, workers)
        save_model(part, path)
        again = plain_copy(run)
        with evaluating(again):
            for tier in each_tier(part):
                costs(part, recipe.inputs(next(batches(run.data.test, 1, workers))))
                load_model(recipe.exported(again), path, tier=tier)
                difference(run, part, recipe.exported(again), batch_count=1)
            if workers.first:
                with suppress(ArithmeticError):
                    draw(recipe, trained, run, path.with_name(PICTURE))
