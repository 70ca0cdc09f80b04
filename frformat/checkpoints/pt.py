"""PyTorch files: state dicts written by ``torch.save``. Nothing in them is ever run as code."""

from __future__ import annotations

import pickle
import re
import warnings
import zipfile
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any, Final, Literal

from frformat.checkpoints.checkpoint import Checkpoint, Entry
from frformat.errors import DependencyError, EncodeError
from frformat.format.atomic import replacing
from frformat.format.tensor import CodedTensor

try:
    import torch

    from frformat.checkpoints import torch_tensors as tensors
    from frformat.checkpoints.regularized import Coefficients, gather
except ImportError as error:
    raise DependencyError("a PyTorch file", error) from error

PREFERRED: Final = ("state_dict", "model_state_dict", "model", "state.run.average", "state.run.model")
"""Where trainers keep the weights, if a file holds several state dicts; ``frformat train`` in the last two."""


def load(path: str, *, entry: str | None = None) -> Checkpoint:
    """List the tensors of a file.

    A state dict within a dict (``{'state_dict': …, 'epoch': …}``) is found; regularized tensors are read as spectra.
    Both are noted.

    Args:
        path: the file.
        entry: which of several state dicts, by its path of keys joined with dots, such as ``ema.model``.

    Raises:
        EncodeError: the file is damaged, needs code to be loaded, or holds no state dict or several.
    """
    content = _load(path)
    state, notes = _state_dict(content, entry, path)
    left = [f"{name} ({type(value).__name__})" for name, value in state.items() if not isinstance(value, torch.Tensor)]
    if left:
        notes.append(f"left out, since not tensors: {', '.join(left)}")
    named = {name: tensor for name, tensor in state.items() if isinstance(tensor, torch.Tensor)}
    try:
        found, gathered = gather(named)
    except EncodeError as error:
        raise EncodeError(f"{path}: {error}") from error
    aliases = tensors.aliases({name: _memory(value) for name, value in found.items()})
    entries = {}
    for name, value in found.items():
        if name not in aliases:
            try:
                entries[name] = _entry(value)
            except EncodeError as error:
                raise EncodeError(f"{path}: tensor {name!r}: {error}") from error
    return Checkpoint(entries, aliases, notes=[*notes, *gathered])


def save(checkpoint: Checkpoint, path: str) -> list[str]:
    """Write a state dict; tied weights stay tied. All tensors are in memory once, since PyTorch takes them together.

    Spectra become sparse float32 tensors, as Frequency Regularization publishes them.
    """
    state = {name: _tensor(entry) for name, entry in checkpoint.entries.items()}
    state |= {name: state[target] for name, target in checkpoint.aliases.items()}
    with replacing(path) as file:
        torch.save(state, file)
    return []


def _tensor(entry: Entry) -> torch.Tensor:
    value = entry.load()
    return tensors.to_torch(value.rebuild() if isinstance(value, CodedTensor) else value)


def _memory(value: torch.Tensor | Coefficients) -> torch.Tensor:
    return value.tensor if isinstance(value, Coefficients) else value


def _entry(value: torch.Tensor | Coefficients) -> Entry:
    if isinstance(value, Coefficients):
        return Entry(value.dtype, value.facts.shape, value.spectrum, "spectrum", value.facts.format or "auto")
    kind: Literal["dense", "sparse"] = "dense" if value.layout == torch.strided else "sparse"
    return Entry(tensors.dtype_name(value.dtype), tuple(value.shape), partial(tensors.to_numpy, value), kind)


def _load(path: str) -> object:
    """The content of a file, its tensors mapped where the file allows it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that sparse tensors are validated, and the like
        try:
            return torch.load(path, map_location="cpu", weights_only=True, mmap=zipfile.is_zipfile(path))
        except pickle.UnpicklingError as error:
            found = re.search(r"GLOBAL (\S+) was not an allowed", str(error))
            needs = f"code of {found[1]} to be loaded" if found else "more than tensors to be loaded"
            raise EncodeError(
                f"{path}: needs {needs}, and no code from a file is ever run; save model.state_dict() instead"
            ) from error
        except (RuntimeError, ValueError, KeyError, EOFError) as error:
            if "TorchScript" in str(error):
                raise EncodeError(f"{path}: a TorchScript archive; save model.state_dict() with torch.save") from error
            said = str(error).partition("\n")[0] or type(error).__name__
            raise EncodeError(f"{path}: cut or damaged, says PyTorch: {said}") from error


def _state_dict(content: object, entry: str | None, path: str) -> tuple[Mapping[str, Any], list[str]]:
    """The state dict that is meant, and notes on the choice."""
    found = dict(_state_dicts(content, ""))
    if not found:
        raise EncodeError(f"{path}: holds no tensors by name; save model.state_dict() with torch.save")
    listed = ", ".join(repr(key) for key in found)
    if entry is not None:
        if entry not in found:
            raise EncodeError(f"{path}: has no entry {entry!r} with tensors, but {listed}")
        return found[entry], []
    if len(found) == 1:
        [key] = found
    else:
        key = next((key for key in PREFERRED if key in found), "")
        if key not in found:
            raise EncodeError(f"{path}: holds several state dicts; choose one with --entry: {listed}")
    return found[key], [f"took the entry {key!r} of the file"] if key else []


def _state_dicts(content: object, key: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """All dicts with tensors by name within ``content``, each with its path of keys."""
    if not (isinstance(content, Mapping) and all(isinstance(name, str) for name in content)):
        return
    if any(isinstance(value, torch.Tensor) for value in content.values()):
        yield key, content
    for name, value in content.items():
        yield from _state_dicts(value, f"{key}.{name}" if key else name)
