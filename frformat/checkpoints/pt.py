"""PyTorch files: state dicts written by ``torch.save``. Their content is never run as code unless requested."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any, Final, Literal

from frformat.checkpoints.checkpoint import Checkpoint, Entry
from frformat.errors import DependencyError, EncodeError
from frformat.format.atomic import replacing
from frformat.format.tensor import CodedTensor
from frformat.wording import listed

try:
    import torch

    from frformat.checkpoints import inert, state_dicts
    from frformat.checkpoints import torch_tensors as tensors
    from frformat.checkpoints.quantized import Quantized, unpacked
    from frformat.checkpoints.regularized import Coefficients, factored, gather
    from frformat.checkpoints.unpickling import unpickled
except ImportError as error:
    raise DependencyError("a PyTorch file", error) from error

SHOWN: Final = 12
"""Largest number of omitted entries to name in a note."""

Tensor = torch.Tensor | Coefficients | Quantized


def load(path: str, *, entry: str | None = None, trust_pickle: bool = False) -> Checkpoint:
    """List the tensors of a file.

    State dicts nested in dicts and lists (``{'state_dict': …, 'epoch': …}``) are found, and regularized tensors are
    read as spectra. Notes mention both.

    Args:
        path: the file.
        entry: which of several state dicts to read: the keys that lead to it, joined with dots, such as ``ema.model``;
            ``.`` is the outermost one.
        trust_pickle: run the code that the file refers to, which can do anything.

    Raises:
        EncodeError: the file cannot be loaded without running code, contains no state dict, or contains several.
    """
    content, notes = unpickled(path, trusted=trust_pickle)
    state, chosen = state_dicts.choose(content, entry)
    layers = factored(state)
    state, quantized = unpacked(state)
    found, gathered = gather({name: value for name, value in state.items() if isinstance(value, Tensor)}, layers)
    notes += [*chosen, *_left_out(state), *quantized, *gathered]
    aliases = tensors.aliases({name: _memory(value) for name, value in found.items()})
    shared = tensors.overlapping(_memory(value) for name, value in found.items() if name not in aliases)
    entries = {}
    for name, value in found.items():
        if name not in aliases:
            try:
                entries[name] = replace(_entry(value), shared=id(_memory(value)) in shared)
            except EncodeError as error:
                raise EncodeError(f"tensor {name!r}: {error}") from error
    return Checkpoint(entries, aliases, notes=notes)


def save(checkpoint: Checkpoint, path: str) -> list[str]:
    """Write a state dict; tied weights stay tied. PyTorch needs all tensors in memory at the same time.

    Spectra become sparse float32 tensors, the form in which Frequency Regularization publishes them.
    """
    state = {name: _tensor(entry) for name, entry in checkpoint.entries.items()}
    state |= {name: state[target] for name, target in checkpoint.aliases.items()}
    with replacing(path) as file:
        try:
            torch.save(state, file)
        except RuntimeError as error:  # PyTorch completes the archive after an error, and reports that this failed
            raise error.__context__ or error from None
    return checkpoint.without_metadata(".pt")


def _tensor(entry: Entry) -> torch.Tensor:
    value = entry.load()
    return tensors.to_torch(value.rebuild() if isinstance(value, CodedTensor) else value)


def _memory(value: Tensor) -> torch.Tensor:
    return value if isinstance(value, torch.Tensor) else value.tensor


def _entry(value: Tensor) -> Entry:
    if isinstance(value, Coefficients):
        return Entry(value.dtype, value.facts.shape, value.spectrum, "spectrum", value.facts.format or "auto")
    if isinstance(value, Quantized):
        return Entry("f32", tuple(value.tensor.shape), value.floats)
    kind: Literal["dense", "sparse"] = "dense" if value.layout == torch.strided else "sparse"
    return Entry(tensors.dtype_name(value.dtype), tuple(value.shape), partial(tensors.to_numpy, value), kind)


def _left_out(state: Mapping[str, Any]) -> list[str]:
    """Return a note about the entries that are not tensors, if there are any."""
    left = [f"{name} ({inert.kind_of(value)})" for name, value in state.items() if not isinstance(value, Tensor)]
    return [f"left out because they are not tensors: {listed(left, SHOWN)}"] if left else []
