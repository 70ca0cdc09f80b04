"""Save the state of a run atomically, so that the last checkpoint survives if the process is killed."""

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
    """Raised if a checkpoint is damaged or belongs to a different run."""


def save(path: Path, recipe: Recipe, state: Mapping[str, Any]) -> None:
    """Write a run's state, and the settings with which it must be resumed.

    Raises:
        OSError: the file cannot be written; the old one is unchanged.
    """
    whole = {"version": VERSION, "recipe": recipe.name, "settings": recipe.settings.as_dict(), "state": dict(state)}
    with replacing(path) as file:
        torch.save(whole, file)


def load(path: Path, recipe: Recipe) -> Mapping[str, Any]:
    """Read a run's state without executing any of it.

    Raises:
        CheckpointError: it is damaged, or belongs to a different recipe or different settings.
        OSError: it cannot be read.
    """
    content = path.read_bytes()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # warnings about pickles that PyTorch did not write
            whole = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    except Exception as error:  # PyTorch can raise any exception for a damaged file
        raise CheckpointError(f"{os.fspath(path)}: not a complete checkpoint: {_reason(error)}") from error
    if not isinstance(whole, dict) or whole.get("version") != VERSION or not whole.keys() >= {*PARTS}:
        raise CheckpointError(f"{os.fspath(path)}: not a checkpoint of this version of frformat")
    differences = recipe.settings.differences(whole["settings"])
    if whole["recipe"] != recipe.name:
        differences.insert(0, f"the recipe was {whole['recipe']!r}, not {recipe.name!r}")
    if differences:
        raise CheckpointError(f"{os.fspath(path)} belongs to another run: {'; '.join(differences)}")
    state: Mapping[str, Any] = whole["state"]
    return state


def _reason(error: Exception) -> str:
    """Return the first line of PyTorch's message; later lines advise running code from the file."""
    return said(error, str(error).strip().partition("\n")[0])
