"""The state of a run on disk: replaced as a whole, so that whatever kills the process leaves the last one."""

from __future__ import annotations

import io
import os
import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import torch

from frformat.format.atomic import replacing
from frformat.train.recipe import Recipe

VERSION: Final = 1


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
        whole = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    except (RuntimeError, OSError, pickle.UnpicklingError, EOFError, KeyError, ValueError) as error:
        reason = str(error).strip().partition("\n")[0]
        raise CheckpointError(f"{os.fspath(path)}: not a whole checkpoint: {reason}") from error
    if not isinstance(whole, dict) or whole.get("version") != VERSION:
        raise CheckpointError(f"{os.fspath(path)}: not a checkpoint of this version of frformat")
    differences = recipe.settings.differences(whole["settings"])
    if whole["recipe"] != recipe.name:
        differences.insert(0, f"the recipe was {whole['recipe']!r}, not {recipe.name!r}")
    if differences:
        raise CheckpointError(f"{os.fspath(path)} is of another run: {'; '.join(differences)}")
    state: Mapping[str, Any] = whole["state"]
    return state
