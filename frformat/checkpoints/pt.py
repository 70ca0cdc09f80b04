"""PyTorch files: state dicts written by ``torch.save``. Nothing in them is ever run as code."""

from __future__ import annotations

import pickle
import re
import warnings
import zipfile
from functools import partial
from typing import Final, Literal

from frformat.checkpoints.checkpoint import Checkpoint, Entry
from frformat.checkpoints.reading import said
from frformat.errors import DependencyError, EncodeError
from frformat.format.atomic import replacing

try:
    import torch

    from frformat.checkpoints import state_dicts
    from frformat.checkpoints import torch_tensors as tensors
    from frformat.checkpoints.regularized import Coefficients, gather
except ImportError as error:
    raise DependencyError("a PyTorch file", error) from error

ADVICE: Final = re.compile(
    r".*(?:Please file an issue with the following so that we can make|WeightsUnpickler error: )", re.DOTALL
)
"""What PyTorch puts before the reason for which it refuses a pickle."""


def load(path: str, *, entry: str | None = None) -> Checkpoint:
    """List the tensors of a file.

    A state dict within dicts and lists (``{'state_dict': …, 'epoch': …}``) is found; regularized tensors are read as
    spectra. Both are noted.

    Args:
        path: the file.
        entry: which of several state dicts, by its path of keys joined with dots, such as ``ema.model``; ``.`` for the
            outermost one.

    Raises:
        EncodeError: the file needs code to be loaded, or holds no state dict or several.
    """
    content = _load(path)
    state, notes = state_dicts.choose(content, entry)
    left = [f"{name} ({type(value).__name__})" for name, value in state.items() if not isinstance(value, torch.Tensor)]
    if left:
        notes.append(f"left out, since not tensors: {', '.join(left)}")
    named = {name: tensor for name, tensor in state.items() if isinstance(tensor, torch.Tensor)}
    found, gathered = gather(named)
    aliases = tensors.aliases({name: _memory(value) for name, value in found.items()})
    entries = {}
    for name, value in found.items():
        if name not in aliases:
            try:
                entries[name] = _entry(value)
            except EncodeError as error:
                raise EncodeError(f"tensor {name!r}: {error}") from error
    return Checkpoint(entries, aliases, notes=[*notes, *gathered])


def save(checkpoint: Checkpoint, path: str) -> list[str]:
    """Write a state dict; tied weights stay tied. All tensors are in memory once, since PyTorch takes them together.

    Spectra become sparse float32 tensors, as Frequency Regularization publishes them.
    """
    state = {name: tensors.to_torch(entry.load()) for name, entry in checkpoint.entries.items()}
    state |= {name: state[target] for name, target in checkpoint.aliases.items()}
    with replacing(path) as file:
        torch.save(state, file)
    return []


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
            if not found:
                raise EncodeError(f"cut or damaged, or holds more than tensors: {_reason(error)}") from error
            advice = "no code from a file is ever run; save model.state_dict() instead"
            raise EncodeError(f"needs code of {found[1]} to be loaded, and {advice}") from error
        except RuntimeError as error:
            if "TorchScript" in str(error):
                raise EncodeError("a TorchScript archive; save model.state_dict() with torch.save") from error
            raise EncodeError(f"cut or damaged, says PyTorch: {_reason(error)}") from error


def _reason(error: Exception) -> str:
    """What PyTorch says, without its advice to run code from the file."""
    return said(error, ADVICE.sub("", str(error)).strip().partition("\n")[0])
