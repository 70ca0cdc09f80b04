"""Copy models, replacing the tensors that serve as weights."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor, fx, nn
from torch.nn.parameter import is_lazy
from torch.overrides import TorchFunctionMode

from frformat.checkpoints.torch_tensors import aliases, dtype_name, storage_of
from frformat.runtimes.contract import Contract, Wanted
from frformat.runtimes.errors import ExportError
from frformat.torch import copying, recompose, unregularize
from frformat.torch.lowrank.layers import coded
from frformat.torch.models import computed_weights

STRIDED: Final = (
    torch.ops.aten.as_strided.default,
    torch.ops.aten.as_strided_copy.default,
    torch.ops.aten.as_strided_scatter.default,
)
"""Operators whose result depends on the strides of their input."""

DTYPES: Final = (
    torch.bool,
    torch.uint8,
    torch.int8,
    torch.int16,
    torch.int32,
    torch.int64,
    torch.float16,
    torch.bfloat16,
    torch.float32,
    torch.float64,
)
"""Element types of weights that can be exported. Templates accept only float32."""


def plain(model: nn.Module) -> nn.Module:
    """Return the model, or a plain copy if it has coefficients, Tucker factors or quantized weights."""
    if not computed_weights(model):
        return model
    return recompose(unregularize(copying.copied(model)))


def state(model: nn.Module) -> dict[str, Tensor]:
    """Return the parameters and persistent buffers by their names in the state dict.

    Raises:
        ExportError: a tensor is not initialized, is not a plain tensor, or has a dtype that runtimes do not support.
    """
    out = {}
    for name, tensor in model.state_dict(keep_vars=True).items():
        if not isinstance(tensor, Tensor):
            raise ExportError(f"{name}: the state dict of the model contains {type(tensor).__name__}, not a tensor")
        if is_lazy(tensor):
            raise ExportError(f"{name} is not initialized; run the model once")
        if tensor.dtype not in DTYPES or tensor.layout != torch.strided or tensor.is_quantized:
            kind = "" if tensor.layout == torch.strided else f", {tensor.layout}"
            raise ExportError(f"{name} has dtype {tensor.dtype}{kind}; runtimes do not accept such tensors")
        out[name] = tensor
    return out


def contract(model: nn.Module) -> Contract:
    """Return what a skeleton needs if it uses all of the model's weights.

    Raises:
        ExportError: see :func:`state`.
    """
    weights, codes = state(model), coded(model)
    ties = aliases(weights)
    wanted = {
        name: Wanted(tuple(tensor.shape), dtype_name(tensor.dtype), codes[name].form if name in codes else ())
        for name, tensor in weights.items()
        if name not in ties
    }
    return Contract(wanted, ties)


def copied(model: nn.Module, replace: Callable[[Tensor], Tensor]) -> nn.Module:
    """Copy a model in evaluation mode with new weights that need no gradients. Shared weights stay shared.

    Args:
        model: a result of :func:`plain`, or a TorchScript module.
        replace: maps a weight of the model to the weight of the copy, which must have the same shape and dtype.

    Raises:
        ExportError: see :func:`state`.
        EncodeError: the model cannot be copied.
    """
    weights = state(model)
    others: dict[int, Any] = {}
    for tensor in weights.values():
        if id(tensor) not in others:
            other = replace(tensor.detach())
            others[id(tensor)] = nn.Parameter(other, False) if isinstance(tensor, nn.Parameter) else other
    if not isinstance(model, torch.jit.ScriptModule):
        with _Views(weights.values(), others):
            return copying.copied(model, others).eval()
    with torch.no_grad():
        out = copying.copied(model)
        for name, tensor in out.state_dict(keep_vars=True).items():
            tensor.requires_grad_(False).set_(others[id(weights[name])].detach())
    return out.eval()


class _Views(TorchFunctionMode):
    """While a model is copied, make views of its weights that it has as attributes views of the new weights."""

    def __init__(self, weights: Iterable[Tensor], others: Mapping[int, Any]) -> None:
        super().__init__()
        self.weights = {key: each for each in weights if (key := _memory(each)) is not None}
        self.others = others

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func is Tensor.__deepcopy__:
            view, memo = args
            memory = _memory(view)
            weight = None if memory is None else self.weights.get(memory)
            if weight is not None:
                memo[id(view)] = _same_view(self.others[id(weight)].detach(), weight, view)
                return memo[id(view)]
        return func(*args, **(kwargs or {}))


def _same_view(other: Tensor, weight: Tensor, view: Tensor) -> Tensor:
    """Return a view of another weight in the place of a view of a weight, or its first element if there is none."""
    try:
        return other.as_strided(view.shape, view.stride(), view.storage_offset() - weight.storage_offset())
    except RuntimeError:  # it extends beyond the weight
        return other.reshape(-1)[:1].expand(view.shape)


def _memory(tensor: Any) -> tuple[torch.device, int] | None:
    """Return a key that tensors in the same memory share; None if a tensor has no memory of its own."""
    storage = storage_of(tensor)
    return None if storage is None else (tensor.device, storage.data_ptr())


def check_views(models: Iterable[nn.Module], constants: Mapping[str, Tensor]) -> None:
    """Check that no constant of a trace is a view of a weight, because it would keep its elements.

    Args:
        models: the traced copy, and the original.
        constants: the constants that are not weights by name.

    Raises:
        ExportError: one of them is.
    """
    for model in models:
        weights = {key: name for name, weight in state(model).items() if (key := _memory(weight)) is not None}
        for constant in constants.values():
            memory = _memory(constant)
            name = None if memory is None else weights.get(memory)
            if name is not None:
                shape = list(constant.shape)
                raise ExportError(
                    f"{type(model).__name__} cannot be exported without its weights: it uses a view of {name}, of "
                    f"shape {shape}, that was made before forward runs; make the view in forward"
                )


def check_strides(nodes: Iterable[fx.Node]) -> None:
    """Check that no node depends on how the elements of a tensor are arranged in memory, which differs on the phone.

    Raises:
        ExportError: a node does.
    """
    for node in nodes:
        if node.target in STRIDED:
            source: Any = node.args[0]
            value = source.meta["val"]
            if value.storage_offset() != 0 or not _is_contiguous(value):
                raise ExportError(
                    f"the model calls as_strided on {source.name}, which is not contiguous; call contiguous() first, "
                    "or use other operations"
                )


def _is_contiguous(tensor: Tensor) -> bool:
    """Return whether the strides of a tensor are those of a contiguous one, apart from axes of length 1."""
    expected: Any = 1
    for length, stride in zip(reversed(tensor.shape), reversed(tensor.stride()), strict=True):
        if not isinstance(length, int) or length != 1:
            if str(stride) != str(expected):  # lengths can be symbolic
                return False
            expected = expected * length
    return True


def captured(models: Iterable[nn.Module], constants: Mapping[str, Tensor]) -> dict[str, str]:
    """Return the names of constants that are weights, each with the weight's name in the state dict.

    A trace contains a weight as a constant if the code does not reach it by its name, but through a list, say. If a
    function of the model refers to the model from outside, the weight is that of the original, even in a copy.

    Args:
        models: the traced copy, and the original.
        constants: the constants of the trace by name.
    """
    found: dict[str, str] = {}
    for model in models:
        weights = state(model)
        others = {name: tensor for name, tensor in constants.items() if name not in weights}
        found |= {name: first for name, first in aliases({**weights, **others}).items() if name in others}
    return found


def unfilled(weight: Tensor) -> Tensor:
    """Return zeros with the shape, strides and dtype of a weight. They take no memory until they are written to."""
    if not weight.numel():
        return torch.empty_strided(weight.shape, weight.stride(), dtype=weight.dtype)
    last = sum((n - 1) * stride for n, stride in zip(weight.shape, weight.stride(), strict=True))
    size = (last + 1) * weight.element_size()
    return torch.from_numpy(np.zeros(size, np.uint8)).view(weight.dtype).as_strided(weight.shape, weight.stride())
