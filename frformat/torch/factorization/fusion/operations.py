"""Classify the nodes of a traced graph by how they act on thin values."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, cast

import torch
from torch import fx, nn
from torch.nn import functional as F
from torch.nn.modules.conv import _ConvNd

from frformat.torch.batch_norm import BATCH_NORMS
from frformat.torch.factorization.hooks import is_watched
from frformat.torch.lowrank.layers import CodedLayer

INFINITY: Final = math.inf


@dataclass(frozen=True)
class Activation:
    """A function that is applied to every value, named as in :func:`frformat.torch.lowrank.stream.activate`."""

    name: str
    limits: tuple[float, ...] = ()

    @property
    def monotone(self) -> bool:
        """Whether it never decreases, so that it commutes with a maximum."""
        rising = ("relu", "hardtanh", "sigmoid", "tanh", "identity")
        return self.name in rising or (self.name in ("leaky_relu", "elu") and self.limits[0] >= 0)


@dataclass(frozen=True)
class MaxPool:
    """Maxima over adjacent windows of values with ``axes`` axes of pixels; one extent for all axes, or one for each."""

    window: int | tuple[int, ...]
    axes: int

    def extents(self) -> list[int]:
        """Return the extents of the windows."""
        return [self.window] * self.axes if isinstance(self.window, int) else list(self.window)


@dataclass(frozen=True)
class Spatial:
    """A linear operation that is the same for every channel, so that it commutes with a basis.

    ``axes`` is the number of axes of pixels of the values on which it is so; None means any number.
    """

    axes: int | None = None


@dataclass(frozen=True)
class Nothing:
    """An operation that has no effect (dropout in evaluation mode)."""


@dataclass(frozen=True)
class Join:
    """Concatenation of values along an axis."""

    parts: tuple[Any, ...]
    axis: int


@dataclass(frozen=True)
class Size:
    """A request for the extent of one axis, or of all."""

    axis: int | None


Operation = Activation | MaxPool | Spatial | Nothing | Join | Size | nn.Module
"""The operation of a node. A batch normalization is represented by its module."""


def operation(node: fx.Node, modules: Mapping[str, nn.Module]) -> Operation | None:
    """Return the operation of a node, or None if :data:`Operation` does not include it."""
    if node.op == "call_module":
        return _of_module(modules[str(node.target)])
    if node.op not in ("call_function", "call_method"):
        return None
    if node.target in (torch.cat, torch.concat):
        args, kwargs = cast(tuple[Any, ...], node.args), cast(dict[str, Any], node.kwargs)
        return _made(_join, *args, **kwargs)
    if node.target is getattr and node.args[1] == "shape":
        return Size(None)
    if node.target == "size":
        axis = node.args[1] if len(node.args) > 1 else node.kwargs.get("dim")
        return Size(axis) if axis is None or isinstance(axis, int) else None
    make = _FUNCTIONS.get(node.target)
    if make is None:
        return None
    return _made(make, *node.args[1:], **{name: value for name, value in node.kwargs.items() if name != "input"})


def _made(make: Callable[..., Operation | None], *args: Any, **kwargs: Any) -> Operation | None:
    """Return an operation with these arguments; None if it does not support them."""
    try:
        made = make(*args, **kwargs)
    except TypeError:
        return None
    numbers = made.limits if isinstance(made, Activation) else made.extents() if isinstance(made, MaxPool) else ()
    return made if all(isinstance(number, int | float) for number in numbers) else None  # others depend on the input


def is_alone(node: fx.Node, modules: Mapping[str, nn.Module]) -> bool:
    """Return whether the memory of a node's result has only one user, even if other nodes are views of it."""
    if len(node.users) != 1 or node.op == "get_attr":
        return False
    return _allocates(node, modules) or all(is_alone(each, modules) for each in node.all_input_nodes)


def _allocates(node: fx.Node, modules: Mapping[str, nn.Module]) -> bool:
    """Return whether a node's result is known to share no memory with other values."""
    if in_place(node, modules):
        return False
    if node.op == "call_module" and isinstance(modules[str(node.target)], CodedLayer | _ConvNd | nn.Linear):
        return True
    found = operation(node, modules)
    return node.target in _COMPUTING or isinstance(found, (Activation, MaxPool, Join, *BATCH_NORMS))


_COMPUTING: Final = frozenset(
    (operator.add, operator.sub, operator.mul, operator.truediv, operator.matmul, torch.add, torch.mul, torch.sub)
)
"""Functions that return a new tensor."""


def in_place(node: fx.Node, modules: Mapping[str, nn.Module]) -> bool:
    """Return whether a node may write to its input."""
    if node.op == "call_module":
        return any(getattr(module, "inplace", False) for module in modules[str(node.target)].modules())
    if node.kwargs.get("inplace") or node.kwargs.get("out") is not None:
        return True
    if node.op == "call_method":
        name = str(node.target)
    elif node.op == "call_function":
        name = getattr(node.target, "__name__", "")
    else:
        return False
    writing = name.endswith("_") and not name.endswith("__")
    return writing or name in ("setitem", "__setitem__") or (name.startswith("i") and name in _AUGMENTED)


_AUGMENTED: Final = frozenset(name for name in dir(operator) if name.startswith("i") and hasattr(operator, name[1:]))


def _activation(name: str, *limits: float) -> Callable[..., Activation]:
    def make(inplace: bool = False) -> Activation:
        return Activation(name, limits)

    return make


def _hardtanh(min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False) -> Activation:
    return Activation("hardtanh", (min_val, max_val))


def _clamp(min: float | None = None, max: float | None = None) -> Activation | None:
    limits = (-INFINITY if min is None else min, INFINITY if max is None else max)
    return Activation("hardtanh", limits) if all(isinstance(limit, int | float) for limit in limits) else None


def _leaky_relu(negative_slope: float = 0.01, inplace: bool = False) -> Activation:
    return Activation("leaky_relu", (negative_slope,))


def _elu(alpha: float = 1.0, inplace: bool = False) -> Activation:
    return Activation("elu", (alpha,))


def _gelu(approximate: str = "none") -> Activation:
    return Activation("gelu" if approximate == "none" else "gelu_tanh")


def _max_pool(
    axes: int,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> MaxPool | None:
    extent = kernel_size if isinstance(kernel_size, int) else tuple(kernel_size)
    if isinstance(extent, tuple) and len(extent) != axes:
        return None
    same = stride is None or stride in (extent, [])
    if not same and isinstance(stride, Sequence) and isinstance(extent, int):
        same = set(stride) == {extent}
    if not same and isinstance(stride, int) and isinstance(extent, tuple):
        same = set(extent) == {stride}
    if not same and isinstance(stride, Sequence) and isinstance(extent, tuple):
        same = tuple(stride) == extent
    plain = padding in (0, (0,), (0, 0), (0, 0, 0)) and dilation in (1, (1,), (1, 1), (1, 1, 1))
    return MaxPool(extent, axes) if same and plain and not ceil_mode and not return_indices else None


def _dropout(p: float = 0.5, training: bool = True, inplace: bool = False) -> Nothing | None:
    return None if training else Nothing()


def _pad(pad: Any, mode: str = "constant", value: float | None = None) -> Spatial | None:
    zeros = mode == "constant" and not value and isinstance(pad, Sequence)
    return Spatial() if zeros else None


def _spatial(axes: int | None) -> Callable[..., Spatial]:
    return lambda *args, **kwargs: Spatial(axes)


def _join(tensors: Any, dim: int = 0) -> Join | None:
    return Join(tuple(tensors), dim) if isinstance(tensors, list | tuple) else None


_FUNCTIONS: Final[dict[Any, Callable[..., Operation | None]]] = {
    **dict.fromkeys((F.relu, F.relu_, torch.relu, torch.relu_, "relu", "relu_"), _activation("relu")),
    **dict.fromkeys((F.relu6,), _activation("hardtanh", 0.0, 6.0)),
    **dict.fromkeys((F.hardtanh, F.hardtanh_), _hardtanh),
    **dict.fromkeys((torch.clamp, torch.clamp_, "clamp", "clamp_"), _clamp),
    **dict.fromkeys((F.leaky_relu, F.leaky_relu_), _leaky_relu),
    **dict.fromkeys((F.elu, F.elu_), _elu),
    **dict.fromkeys((F.sigmoid, torch.sigmoid, torch.sigmoid_, "sigmoid", "sigmoid_"), _activation("sigmoid")),
    **dict.fromkeys((F.tanh, torch.tanh, torch.tanh_, "tanh", "tanh_"), _activation("tanh")),
    F.silu: _activation("silu"),
    F.hardswish: _activation("hardswish"),
    F.gelu: _gelu,
    **dict.fromkeys((F.max_pool1d, torch.max_pool1d), partial(_max_pool, 1)),
    **dict.fromkeys((F.max_pool2d, torch.max_pool2d), partial(_max_pool, 2)),
    **dict.fromkeys((F.max_pool3d, torch.max_pool3d), partial(_max_pool, 3)),
    **dict.fromkeys((F.dropout, F.dropout1d, F.dropout2d, F.dropout3d), _dropout),
    F.pad: _pad,
    F.interpolate: _spatial(None),
    **dict.fromkeys((F.avg_pool1d, F.adaptive_avg_pool1d), _spatial(1)),
    **dict.fromkeys((F.avg_pool2d, F.adaptive_avg_pool2d), _spatial(2)),
    **dict.fromkeys((F.avg_pool3d, F.adaptive_avg_pool3d), _spatial(3)),
}

_SPATIAL: Final[dict[type[nn.Module], int | None]] = {
    **dict.fromkeys((nn.AvgPool1d, nn.AdaptiveAvgPool1d, nn.ZeroPad1d), 1),
    **dict.fromkeys((nn.AvgPool2d, nn.AdaptiveAvgPool2d, nn.ZeroPad2d), 2),
    **dict.fromkeys((nn.AvgPool3d, nn.AdaptiveAvgPool3d, nn.ZeroPad3d), 3),
    **dict.fromkeys((nn.Upsample, nn.UpsamplingNearest2d, nn.UpsamplingBilinear2d)),
}
_MAX_POOLS: Final[dict[type[nn.Module], int]] = {nn.MaxPool1d: 1, nn.MaxPool2d: 2, nn.MaxPool3d: 3}
_NOTHING: Final = (nn.Identity, nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d)


def _of_module(module: nn.Module) -> Operation | None:
    if is_watched(module):
        return None
    kind, m = type(module), module  # exact type: subclasses may behave differently
    if kind in BATCH_NORMS:
        return module
    if kind in _SPATIAL:
        return Spatial(_SPATIAL[kind])
    if kind in _NOTHING:
        return Nothing()
    attributes = vars(m)
    if kind in _MAX_POOLS:
        names = ("kernel_size", "stride", "padding", "dilation", "ceil_mode", "return_indices")
        return _max_pool(_MAX_POOLS[kind], *(attributes[name] for name in names))
    if kind in (nn.Hardtanh, nn.ReLU6):
        return Activation("hardtanh", (attributes["min_val"], attributes["max_val"]))
    if kind is nn.LeakyReLU:
        return Activation("leaky_relu", (attributes["negative_slope"],))
    if kind is nn.ELU:
        return Activation("elu", (attributes["alpha"],))
    if kind is nn.GELU:
        return _gelu(attributes["approximate"])
    name = {nn.ReLU: "relu", nn.Sigmoid: "sigmoid", nn.Tanh: "tanh", nn.SiLU: "silu", nn.Hardswish: "hardswish"}.get(
        kind
    )
    return None if name is None else Activation(name)
