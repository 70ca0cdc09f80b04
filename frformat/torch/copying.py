"""Copy models."""

from __future__ import annotations

import copy
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from frformat.checkpoints.torch_tensors import aliases, overlapping
from frformat.errors import EncodeError

Model = TypeVar("Model", bound=nn.Module)


def copied(model: Model, replaced: dict[int, Any] | None = None) -> Model:
    """Return a deep copy of a model.

    ``copy.deepcopy`` refuses tensors with a history, such as the weight that :func:`torch.nn.utils.weight_norm`
    computes before each run. The copies of these are plain tensors. It also gives each parameter memory of its own;
    here, elements that share memory do so in the copy, too.

    Args:
        model: any model.
        replaced: by the id of an object, what to use in the copy instead of a copy of it; TorchScript ignores it.

    Raises:
        EncodeError: one of the model's attributes cannot be copied.
    """
    memo = dict(replaced or {})
    for module in model.modules():
        for value in (*vars(module).values(), *module._buffers.values()):
            if isinstance(value, Tensor) and not value.is_leaf:
                memo.setdefault(id(value), value.detach().clone())
    try:
        # The copy can be trained, and TorchScript's tensors do not remember what they were copied from.
        with torch.inference_mode(False), torch.no_grad():
            _copy_overlapping(model, memo)
            made = copy.deepcopy(model, memo)
    except Exception as error:  # the user's modules can raise anything
        first = str(error).partition("\n")[0]
        raise EncodeError(f"{type(model).__name__} cannot be copied: {type(error).__name__}: {first}") from error
    keep_persistence(model, made)
    return made


def _copy_overlapping(model: nn.Module, memo: dict[int, Any]) -> None:
    """Copy the parameters that share memory with others or with themselves; those that are one tensor become one."""
    own = {str(id(each)): each for each in (*model.parameters(), *model.buffers())}
    shared = overlapping(own.values())
    ties = aliases(own) if shared else {}
    for name, each in own.items():
        if id(each) in shared and type(each) is nn.Parameter and id(each) not in memo:
            first = memo.get(int(ties.get(name, name)))
            same = isinstance(first, nn.Parameter) and first.requires_grad == each.requires_grad
            memo[id(each)] = first if same else nn.Parameter(copy.deepcopy(each.data, memo), each.requires_grad)


def keep_persistence(model: nn.Module, copy: nn.Module) -> None:
    """Leave the same buffers out of the state dict of a copy. ``torch.fx`` of old versions of PyTorch adds them."""
    modules = dict(model.named_modules())
    for name, module in copy.named_modules():
        if name in modules and not isinstance(module, torch.jit.ScriptModule):
            module._non_persistent_buffers_set |= modules[name]._non_persistent_buffers_set & module._buffers.keys()
