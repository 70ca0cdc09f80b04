"""Save the state of a run atomically, so that the last checkpoint survives if the process is killed."""

from __future__ import annotations

import io
import os
import warnings
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import torch
from torch import Tensor

from frformat.checkpoints.reading import said
from frformat.format.atomic import replacing
from frformat.train.recipe import Data, Recipe, StrPath

VERSION: Final = 3

PARTS: Final = ("recipe", "settings", "sources", "state")

NAMES: Final = {
    "data": "the samples are",
    "passes": "the number of passes over the samples is",
    "teacher": "the teacher is",
    "weights": "the use of initial weights is",
    "file": "the compressed file is",
}
"""How to describe a difference between the sources of two runs."""


class CheckpointError(ValueError):
    """Raised if a checkpoint is damaged or belongs to a different run."""


def sources(data: Data, teacher: StrPath | None, weights: StrPath | None, *, quantized: bool = False) -> dict[str, Any]:
    """Return what determines a run besides its recipe and settings, as plain values.

    Args:
        data: the samples.
        teacher: the file of the teacher, if there is one.
        weights: the file of the initial weights, if there is one. Only its use counts, because a checkpoint contains
            the weights.
        quantized: whether the run fine-tunes that file, which also determines the size of the result. Then its contents
            count, too.

    Raises:
        OSError: a file cannot be read.
    """
    fixed = {"file": zlib.crc32(Path(weights).read_bytes())} if quantized and weights is not None else {}
    tensors = [*data.train.tensors, *data.evaluated.tensors]
    return {
        "data": [[*tensor.shape, str(tensor.dtype), _checksum(tensor)] for tensor in tensors],
        "passes": data.passes,
        "teacher": None if teacher is None else zlib.crc32(Path(teacher).read_bytes()),
        "weights": weights is not None,
        **fixed,
    }


def _checksum(tensor: Tensor) -> int:
    flat = tensor.cpu().contiguous().flatten()
    return zlib.crc32(flat.view(torch.uint8).numpy().data) if len(flat) else 0


def save(path: Path, recipe: Recipe, sources: Mapping[str, Any], state: Mapping[str, Any]) -> None:
    """Write a run's state, and the settings and sources with which it must be resumed.

    Raises:
        OSError: the file cannot be written; the old one is unchanged.
    """
    whole = {
        "version": VERSION,
        "recipe": recipe.name,
        "settings": recipe.settings.as_dict(),
        "sources": dict(sources),
        "state": dict(state),
    }
    with replacing(path) as file:
        torch.save(whole, file)


def load(path: Path, recipe: Recipe, sources: Mapping[str, Any]) -> Mapping[str, Any]:
    """Read a run's state without executing any of it.

    Raises:
        CheckpointError: it is damaged, or belongs to a different recipe, settings or sources.
        OSError: it cannot be read.
    """
    content = path.read_bytes()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # warnings about pickles that PyTorch did not write
            whole = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    except Exception as error:  # PyTorch can raise any exception for a damaged file
        raise CheckpointError(f"{os.fspath(path)}: not a complete checkpoint: {_reason(error)}") from error
    complete = isinstance(whole, dict) and whole.get("version") == VERSION and whole.keys() >= {*PARTS}
    if not complete or not isinstance(whole["sources"], dict):
        raise CheckpointError(f"{os.fspath(path)}: not a checkpoint of this version of frformat")
    differences = recipe.settings.differences(whole["settings"])
    if whole["recipe"] != recipe.name:
        differences.insert(0, f"the recipe was {whole['recipe']!r}, not {recipe.name!r}")
    # A damaged file can contain tensors, whose comparison fails.
    stored = {name: repr(value) for name, value in whole["sources"].items()}
    differences += [f"{NAMES[name]} different" for name, own in sources.items() if stored.get(name) != repr(own)]
    if differences:
        raise CheckpointError(f"{os.fspath(path)} belongs to another run: {'; '.join(differences)}")
    state: Mapping[str, Any] = whole["state"]
    return state


def _reason(error: Exception) -> str:
    """Return the first line of PyTorch's message; later lines advise running code from the file."""
    return said(error, str(error).strip().partition("\n")[0])
