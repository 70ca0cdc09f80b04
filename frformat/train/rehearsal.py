"""Do all that follows training with the untrained model, so that what cannot work fails before hours of training."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

import torch

from frformat.format.leftovers import remove_leftovers, temporary_folder
from frformat.torch import each_tier, load_model, save_model
from frformat.torch.costs import costs
from frformat.train.export import PICTURE, difference, draw, evaluating, plain_copy
from frformat.train.recipe import batches, metrics, model_inputs
from frformat.train.run import Run

PREFIX: Final = ".frformat-rehearsal-"
"""Start of the names of temporary folders."""

NEAR: Final = 3
"""How many folders are searched for those of killed processes: the run's own and the next ones above it, one of which
was the first that existed then."""


def rehearse(run: Run, place: Path) -> None:
    """Evaluate the untrained model, write it to a temporary file, read the file, and draw a picture.

    The run and the random numbers that it draws stay the same. All processes must call this. Divisions by zero and
    overflows in the recipe's code are ignored, because they can have their cause in the untrained model.

    Args:
        run: the run, before its first step.
        place: the folder of its files, which need not exist.

    Raises:
        ValueError: the recipe's metrics are unusable, or a file does not fit a new model of the recipe.
        EncodeError: a file cannot represent the model.
        OSError: the temporary file cannot be written beside the folder.
    """
    recipe, group, trained = run.recipe, run.group, run.result
    part = recipe.exported(trained)
    devices = [group.device] if group.device.type == "cuda" else []
    with (
        temporary(place) as folder,
        torch.random.fork_rng(devices),
        evaluating(trained),
    ):
        path, example = folder / "model.frz", model_inputs(recipe, next(batches(run.data.test, 1, group)))
        with suppress(ArithmeticError):
            metrics(recipe, trained, run.data.evaluated, group)
        save_model(part, path)
        again = plain_copy(run)
        with evaluating(again):
            for tier in each_tier(part):
                costs(part, example)
                load_model(recipe.exported(again), path, tier=tier)
                difference(run, part, recipe.exported(again), batch_count=1)
            if group.first:
                with suppress(ArithmeticError):
                    draw(recipe, trained, run, path.with_name(PICTURE))


@contextmanager
def temporary(place: Path) -> Iterator[Path]:
    """Yield a temporary folder on the disk that ``place``, which need not exist, is or will be on.

    Such folders that killed processes left behind are removed.

    Raises:
        OSError: it cannot be created. This and other such errors in the block name ``place``.
    """
    places = (place.absolute(), *place.absolute().parents)
    for each in places[:NEAR]:
        remove_leftovers(os.fspath(each), PREFIX)
    parent = next(each for each in places if each.is_dir())
    try:
        with temporary_folder(PREFIX, os.fspath(parent)) as folder:
            yield Path(folder)
    except OSError as error:
        error.filename = os.fspath(place)
        raise
