"""Save the state of a run atomically, so that the last checkpoint survives if the process is killed."""

from __future__ import annotations

import inspect
import io
import os
import warnings
import zlib
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import torch
from torch import Tensor

from frformat.checkpoints.checksums import check_sums
from frformat.checkpoints.reading import PACKAGE, said
from frformat.format.atomic import replacing
from frformat.train.recipe import Data, Recipe, StrPath

VERSION: Final = 5

PARTS: Final = ("recipe", "settings", "sources", "state")

CODE: Final = "code"
"""The one source that may differ when a run is resumed: it also changes if only a comment does."""

NAMES: Final = {
    "metric": "the decisive metric is",
    "maximize": "whether a higher metric is better is",
    "data": "the samples are",
    "passes": "the number of passes over the samples is",
    "teacher": "the teacher is",
    "weights": "the use of initial weights is",
    "file": "the compressed file is",
}
"""How to describe a difference between the sources of two runs."""


class CheckpointError(ValueError):
    """Raised if a checkpoint is damaged or belongs to a different run."""


def sources(recipe: Recipe, data: Data, teacher: StrPath | None, weights: StrPath | None) -> dict[str, Any]:
    """Return what determines a run besides its settings, as plain values.

    Args:
        recipe: what is trained.
        data: its samples.
        teacher: the file of the teacher, if there is one.
        weights: the file of the initial weights, if there is one. Only its use counts, because a checkpoint contains
            the weights. If the settings say ``quantized``, the file also determines the size of the result, and its
            contents count, too.

    Raises:
        OSError: a file cannot be read.
    """
    sets = (data.train, data.test, *([data.validation] if data.validation else []))
    found = {
        CODE: _code(recipe),
        "metric": recipe.metric,
        "maximize": recipe.maximize,
        "data": [[*tensor.shape, str(tensor.dtype), _checksum(tensor)] for each in sets for tensor in each.tensors],
        "passes": data.passes,
        "teacher": None if teacher is None else zlib.crc32(Path(teacher).read_bytes()),
        "weights": weights is not None,
    }
    if recipe.settings.quantized and weights is not None:
        found["file"] = zlib.crc32(Path(weights).read_bytes())
    return found


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
    buffer = io.BytesIO()  # errors and signals that interrupt PyTorch's writes become RuntimeErrors, or end the process
    torch.save(whole, buffer)
    with replacing(path) as file:
        file.write(buffer.getbuffer())


def load(path: Path, recipe: Recipe, sources: Mapping[str, Any]) -> Mapping[str, Any]:
    """Read a run's state without executing any of it. Warn if the code of the recipe is no longer the same.

    Raises:
        CheckpointError: it is damaged, or belongs to a different recipe, settings or sources.
        OSError: it cannot be read.
    """
    content = path.read_bytes()
    try:
        check_sums(io.BytesIO(content))
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
    changed = [name for name, own in sources.items() if stored.get(name) != repr(own)]
    differences += [f"{NAMES[name]} different" for name in changed if name != CODE]
    if differences:
        raise CheckpointError(f"{os.fspath(path)} belongs to another run: {'; '.join(differences)}")
    if CODE in changed:
        warnings.warn(
            f"the code of recipe {recipe.name} has changed since {os.fspath(path)} was written: the result can be that "
            "of neither the old code nor the new code alone",
            stacklevel=2,
        )
    state: Mapping[str, Any] = whole["state"]
    return state


def _code(recipe: Recipe) -> int:
    """Return a checksum of the files that define a recipe, except those of this package."""
    paths = []
    for kind in type(recipe).__mro__:
        with suppress(TypeError, OSError):  # a class that was defined interactively
            paths += [inspect.getfile(kind)] if issubclass(kind, Recipe) else []
    own = [Path(path).read_bytes() for path in dict.fromkeys(paths) if not os.path.abspath(path).startswith(PACKAGE)]
    return zlib.crc32(b"\0".join(own))


def _reason(error: Exception) -> str:
    """Return the first line of PyTorch's message; later lines advise running code from the file."""
    return said(error, str(error).strip().partition("\n")[0])
