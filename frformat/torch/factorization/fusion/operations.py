"""Classify the nodes of a traced graph by how they act on thin values."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, cast

import torch
from torch import fx, nn
from torch.nn import functional as F

from frformat.torch.batch_norm import BATCH_NORMS
from frformat.torch.factorization.hooks import is_watched

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
    """Maxima over adjacent windows; one extent for all axes, or one for each."""

    window: int | tuple[int, ...]

    def extents(self, axes: int) -> list[int]:
        """Return the extents of the windows."""
        return [self.window] * axes if isinstance(self.window, int) else list(self.window)


@dataclass(frozen=True)
class Spatial:
    """A linear operation that is the same for every channel, so that it commutes with a basis."""


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
        return _join(*args, **kwargs)
    if node.target is getattr and node.args[1] == "shape":
        return Size(None)
    if node.target == "size":
        axis = node.args[1] if len(node.args) > 1 else None
        return Size(axis if isinstance(axis, int) else None)
    make = _FUNCTIONS.get(node.target)
    try:
        return None if make is None else make(*node.args[1:], **{k: v for k, v in node.kwargs.items() if k != "input"})
    except TypeError:  # unsupported arguments
        return None


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
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> MaxPool | None:
    extent = kernel_size if isinstance(kernel_size, int) else tuple(kernel_size)
    same = stride is None or stride in (extent, [])
    if not same and isinstance(stride, Sequence) and isinstance(extent, int):
        same = set(stride) == {extent}
    if not same and isinstance(stride, int) and isinstance(extent, tuple):
        same = set(extent) == {stride}
    if not same and isinstance(stride, Sequence) and isinstance(extent, tuple):
        same = tuple(stride) == extent
    plain = padding in (0, (0,), (0, 0), (0, 0, 0)) and dilation in (1, (1,), (1, 1), (1, 1, 1))
    return MaxPool(extent) if same and plain and not ceil_mode and not return_indices else None


def _dropout(p: float = 0.5, training: bool = True, inplace: bool = False) -> Nothing | None:
    return None if training else Nothing()


def _pad(pad: Any, mode: str = "constant", value: float | None = None) -> Spatial | None:
    zeros = mode == "constant" and not value and isinstance(pad, Sequence)
    return Spatial() if zeros else None


def _spatial(*args: Any, **kwargs: Any) -> Spatial:
    return Spatial()


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
    **dict.fromkeys((F.max_pool1d, F.max_pool2d, F.max_pool3d), _max_pool),
    **dict.fromkeys((torch.max_pool1d, torch.max_pool2d, torch.max_pool3d), _max_pool),
    **dict.fromkeys((F.dropout, F.dropout1d, F.dropout2d, F.dropout3d), _dropout),
    F.pad: _pad,
    **dict.fromkeys((F.avg_pool1d, F.avg_pool2d, F.avg_pool3d, F.interpolate), _spatial),
    **dict.fromkeys((F.adaptive_avg_pool1d, F.adaptive_avg_pool2d, F.adaptive_avg_pool3d), _spatial),
}

_SPATIAL: Final = (
    nn.AvgPool1d, nn.AvgPool2d, nn.AvgPool3d, nn.AdaptiveAvgPool1d, nn.AdaptiveAvgPool2d, nn.AdaptiveAvgPool3d,
    nn.Upsample, nn.UpsamplingNearest2d, nn.UpsamplingBilinear2d, nn.ZeroPad1d, nn.ZeroPad2d, nn.ZeroPad3d,
)  # fmt: skip
_NOTHING: Final = (nn.Identity, nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d)


def _of_module(module: nn.Module) -> Operation | None:
    if is_watched(module):
        return None
    kind, m = type(module), module  # exact type: subclasses may behave differently
    if kind in BATCH_NORMS:
        return module
    if kind in _SPATIAL:
        return Spatial()
    if kind in _NOTHING:
        return Nothing()
    attributes = vars(m)
    if kind in (nn.MaxPool1d, nn.MaxPool2d, nn.MaxPool3d):
        names = ("kernel_size", "stride", "padding", "dilation", "ceil_mode", "return_indices")
        return _max_pool(*(attributes[name] for name in names))
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
