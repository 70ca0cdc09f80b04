"""The state of a run on disk: replaced as a whole, so that whatever kills the process leaves the last one."""

from __future__ import annotations

import io
import os
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import torch

from frformat.checkpoints.reading import said
from frformat.format.atomic import replacing
from frformat.train.recipe import Recipe

VERSION: Final = 1

PARTS: Final = ("recipe", "settings", "state")


class CheckpointError(ValueError):
    """A checkpoint that is damaged or belongs to another run: which, and why."""


def save(path: Path, recipe: Recipe, state: Mapping[str, Any]) -> None:
    """Write a run's state, with what it must be resumed with.

    Raises:
        OSError: the file cannot be written; the old one is as it was.
    """
    whole = {"version": VERSION, "recipe": recipe.name, "settings": recipe.settings.as_dict(), "state": dict(state)}
    with replacing(path) as file:
        torch.save(whole, file)


def load(path: Path, recipe: Recipe) -> Mapping[str, Any]:
    """Read a run's state; nothing of it is executed.

    Raises:
        CheckpointError: it is damaged, or another recipe's, or one with other settings.
        OSError: it cannot be read.
    """
    content = path.read_bytes()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of pickles that PyTorch has not written
            whole = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    except Exception as error:  # whatever PyTorch raises for a damaged file
        raise CheckpointError(f"{os.fspath(path)}: not a whole checkpoint: {_reason(error)}") from error
    if not isinstance(whole, dict) or whole.get("version") != VERSION or not whole.keys() >= {*PARTS}:
        raise CheckpointError(f"{os.fspath(path)}: not a checkpoint of this version of frformat")
    differences = recipe.settings.differences(whole["settings"])
    if whole["recipe"] != recipe.name:
        differences.insert(0, f"the recipe was {whole['recipe']!r}, not {recipe.name!r}")
    if differences:
        raise CheckpointError(f"{os.fspath(path)} is of another run: {'; '.join(differences)}")
    state: Mapping[str, Any] = whole["state"]
    return state


def _reason(error: Exception) -> str:
    """The first line of what PyTorch says; further ones advise to run code from the file."""
    return said(error, str(error).strip().partition("\n")[0])
