"""Access the tensors of a model, and copy models."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from frformat.checkpoints import torch_tensors
from frformat.checkpoints.torch_tensors import aliases, gathered, to_numpy, to_torch
from frformat.errors import EncodeError
from frformat.torch import copying
from frformat.torch.compression.inputs import CompressionError
from frformat.torch.lowrank.layers import coded
from frformat.torch.lowrank.tucker import tucker_tensors
from frformat.torch.quantized import quantized_tensors
from frformat.torch.regularization.spectral_tensor import is_sharded
from frformat.torch.regularization.state import spectral_state
from frformat.torch.wrappers import plain_names, unwrap, unwrapped


class Bag(nn.Module):
    """A mapping of tensors by name that takes the place of a model.

    Attributes:
        tensors: copies of the tensors, each in memory of its own.
        overlapping: see :func:`overlapping`.
    """

    def __init__(self, tensors: Mapping[str, Any]) -> None:
        super().__init__()
        ties = aliases(tensors)
        self.overlapping = _overlapping({name: value for name, value in tensors.items() if name not in ties})
        own = {name: _own(value) for name, value in tensors.items() if name not in ties}
        self.tensors = {name: own[ties.get(name, name)] for name in tensors}

    def get_parameter(self, target: str) -> Any:
        """Return the tensor with a given name."""
        return self.tensors[target]


def _check_readable(name: str, tensor: Tensor) -> None:
    try:
        to_numpy(tensor)
    except EncodeError as error:
        raise CompressionError(f"{name}: {error}") from error


def _own(tensor: Any) -> Any:
    """Return a copy of a tensor or an array as a tensor; a sharded tensor is gathered. Anything else stays as it is."""
    if isinstance(tensor, np.ndarray):
        return to_torch(tensor.copy())
    if not isinstance(tensor, Tensor):
        return tensor
    return gathered(tensor).detach().clone()


def state_of(model: nn.Module) -> tuple[dict[str, Any], dict[str, str]]:
    """Return the tensors of a model by name, and the name of each in a file."""
    if isinstance(model, Bag):
        return model.tensors, {name: name for name in model.tensors}
    state: dict[str, Any] = spectral_state(model)
    return state, plain_names(model, state)


def overlapping(model: nn.Module) -> list[str]:
    """Return the names of tensors that share memory with themselves or, apart from tied parameters, with others.

    Where they do, their elements must remain equal, so they can only be stored exactly.
    """
    if isinstance(model, Bag):
        return model.overlapping
    names = dict(model.named_parameters(remove_duplicate=False)) | dict(model.named_buffers(remove_duplicate=False))
    return _overlapping(names)


def _overlapping(tensors: Mapping[str, Any]) -> list[str]:
    found = torch_tensors.overlapping({id(each): each for each in tensors.values()}.values())
    return [name for name, each in tensors.items() if id(each) in found]


def copied(model: nn.Module | Mapping[str, Any]) -> nn.Module:
    """Return a copy of a model in evaluation mode.

    Raises:
        CompressionError: the model cannot be copied, or was decomposed.
    """
    if not isinstance(model, nn.Module):
        return Bag(model)
    if any(isinstance(module, torch.jit.ScriptModule) for module in model.modules()):
        raise CompressionError(
            "the layers of TorchScript cannot be observed: pass the original model, or its state_dict()"
        )
    unready = [
        name for name, each in (*model.named_parameters(), *model.named_buffers()) if is_lazy(each) or each.is_meta
    ]
    if unready:
        raise CompressionError(f"{unready[0]} has no values yet: load or initialize the model first")
    split = next((name for name, each in model.named_parameters() if is_sharded(each)), None)
    if split is not None:
        raise CompressionError(f"{split} is sharded: pass the model before fully_shard(model), or its state_dict()")
    for name, each in model.named_parameters():
        if type(each.data) is not Tensor:
            _check_readable(name, each)
    quantized = next(iter(quantized_tensors(model)), None)
    if quantized is not None:
        raise CompressionError(
            f"{quantized} is quantized already: write the model with save_model(), load the file into a plain network, "
            "and compress that"
        )
    decomposed = [*tucker_tensors(model), *(name for name, each in coded(model).items() if not each.spectral)]
    if decomposed:
        raise CompressionError(
            f"{decomposed[0]} is decomposed into factors, which compress does not round: use save_model(…, format='q8')"
        )
    try:
        return unwrap(copying.copied(unwrapped(model))).eval().requires_grad_(False)
    except EncodeError as error:
        raise CompressionError(str(error)) from error
