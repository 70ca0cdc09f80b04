"""Load a checkpoint into a PyTorch model, or say how its tensors differ from the model's."""

from __future__ import annotations

import warnings
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from frformat.dtypes import DTYPES
from frformat.wording import in_one_line, listed

if TYPE_CHECKING:
    from torch import Tensor, nn

SHOWN: Final = 5
"""Number of names of each kind in a message."""

BATCHES: Final = "num_batches_tracked"
"""A counter in batch normalization that checkpoints from before PyTorch 0.4.1 lack."""

Shapes = Mapping[str, Sequence[int]]
"""Shapes of tensors by name."""


def load_into(model: nn.Module, arrays: Mapping[str, NDArray[Any]]) -> None:
    """Copy arrays into the parameters and persistent buffers of a model, by their names in its state dict.

    Raises:
        ValueError: names or shapes differ, the model's types cannot represent the values, or a tensor that has several
            names in the model has several values. The message is one line that says how. In the last two cases,
            the model is unchanged.
    """
    from torch.nn.parameter import is_lazy

    from frformat.checkpoints.torch_tensors import to_torch

    faults = _unfit(arrays, model)
    if faults:
        raise ValueError(listed(faults, SHOWN))
    try:
        model.load_state_dict(versioned({name: to_torch(array.copy()) for name, array in arrays.items()}, model))
    except RuntimeError as error:
        own = {name: [] if is_lazy(value) else value.shape for name, value in model.state_dict().items()}
        reason = misfit({name: array.shape for name, array in arrays.items()}, own)
        raise ValueError(reason or in_one_line(str(error))) from error


def versioned(tensors: Mapping[str, Tensor], model: nn.Module) -> dict[str, Any]:
    """Return tensors as a state dict of a model's own version, which its modules do not convert from an older one.

    Checkpoints from before PyTorch 0.4.1 have no counters of batches. These are added as zeros.
    """
    import torch

    own = model.state_dict(keep_vars=True)
    counters = {name: value for name, value in own.items() if name.endswith(BATCHES) and name not in tensors}
    zeros = {name: torch.zeros_like(value, device="cpu") for name, value in counters.items()}
    found: Any = OrderedDict({**tensors, **zeros})
    found._metadata = getattr(own, "_metadata", None)
    return dict(found) if found._metadata is None else found


def _unfit(arrays: Mapping[str, NDArray[Any]], model: nn.Module) -> list[str]:
    """Return which values of the arrays a model cannot represent, one line for each of its tensors."""
    from torch import Tensor
    from torch.nn.parameter import is_lazy

    from frformat.checkpoints.precision import overflow
    from frformat.checkpoints.torch_tensors import TORCH_DTYPES, aliases, to_torch

    state = model.state_dict(keep_vars=True)
    own = {name: value for name, value in state.items() if isinstance(value, Tensor) and not is_lazy(value)}
    types = {dtype: DTYPES[name] for name, dtype in TORCH_DTYPES.items()}
    faults = []
    for name, value in own.items():
        array = arrays.get(name)
        if array is None or array.shape != tuple(value.shape):
            continue
        stored = to_torch(array)
        if stored.is_floating_point() and value.is_floating_point():
            fault = overflow(stored, value.dtype)
            faults += [f"{name}: {fault}, the type in the model"] if fault else []
        elif stored.dtype != value.dtype and not _is_lossless(array, types.get(value.dtype)):
            faults.append(f"{name}: {stored.dtype} in the file, {value.dtype} in the model")
    for name, first in aliases(own).items():
        if name in arrays and first in arrays and arrays[name].tobytes() != arrays[first].tobytes():
            faults.append(f"{first}, {name}: one tensor in the model, but two that differ in the file")
    return faults


def _is_lossless(array: NDArray[Any], dtype: np.dtype[Any] | None) -> bool:
    """Return whether a type can represent all elements of an array."""
    if dtype is None:
        return False
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # complex numbers lose their imaginary parts
        return bool(np.array_equal(array.astype(dtype), array))


def misfit(stored: Shapes, own: Shapes) -> str:
    """Return in one line how the tensors of a checkpoint do not fit a model, or an empty string if they fit.

    Args:
        stored: shapes of the checkpoint's tensors.
        own: shapes of the model's parameters and persistent buffers.
    """
    missing = [name for name in own if name not in stored]
    unexpected = [name for name in stored if name not in own]
    shapes = [
        f"{name}: shape {list(stored[name])} in the file, {list(own[name])} in the model"
        for name in own
        if name in stored and tuple(stored[name]) != tuple(own[name])
    ]
    prefix = _prefix(missing, unexpected)
    faults = [f"remove the prefix {prefix!r} from the names in the file"] if prefix else []
    faults += [f"not in the model: {listed(unexpected, SHOWN)}"] if unexpected else []
    faults += [f"missing from the file: {listed(missing, SHOWN)}"] if missing else []
    return "; ".join(faults + ([listed(shapes, SHOWN)] if shapes else []))


def _prefix(missing: list[str], unexpected: list[str]) -> str:
    """Return the prefix without which the unexpected names are the missing ones, or an empty string."""
    if not missing or len(missing) != len(unexpected):
        return ""
    prefix = unexpected[0].removesuffix(missing[0])
    return prefix if {prefix + name for name in missing} == set(unexpected) else ""
