"""Avoid decisions by length that PyTorch makes while tracing, but that do not change results.

Without this, traces would be valid for fewer lengths: PyTorch decides how many windows of a pooling layer with
``ceil_mode`` fit, how to arrange results in memory, and how to multiply tensors that are contiguous in memory.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

import torch
import torch._meta_registrations as registrations
from torch import Tensor
from torch._C import DispatchKey
from torch._guards import detect_fake_mode
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._pytree import tree_leaves

try:
    from torch.export import _patches as patches
except ImportError:  # older versions of PyTorch
    patches = None  # type: ignore[assignment]

POOLING: Final = "pooling_output_shape_pad_lr"
"""The function of PyTorch that computes how many windows of a pooling layer fit."""
LAYOUT: Final = ("_select_conv_backend", "_conv_determine_backend_memory_format")
"""Functions of PyTorch that decide only about the arrangement in memory."""
CACHED: Final = "_get_output_tensor_from_cache_entry"
"""The method that creates a tensor with known strides. It finds out whether they are those of a contiguous tensor."""

LOOP: Final = "while_loop"
"""The loop over the steps of recurrent layers. Whether it can use an earlier trace of its body depends on lengths."""
LINEAR: Final = torch.ops.aten.linear.default
WINDOWS: Final = torch.ops.aten.max_pool1d.default
"""An operator that fixes the length of its input."""
ARRANGED: Final[tuple[Any, ...]] = (LINEAR, torch.ops.aten.contiguous.default)
"""Operators that do the same in other ways for tensors that are contiguous in memory."""


def windows(length: Any, kernel: int, left: int, right: int, stride: int, dilation: int, ceil_mode: bool) -> Any:
    """Return the number of windows along an axis: with ``ceil_mode``, of those that start in the input or to its left.

    Args:
        length: length of the axis, which can be symbolic.
        kernel: size of a window.
        left: padding at the start.
        right: padding at the end.
        stride: distance between windows.
        dilation: distance between the elements of a window.
        ceil_mode: whether windows may be incomplete.
    """
    room = length + left + right - dilation * (kernel - 1) - 1
    if not ceil_mode:
        return room // stride + 1
    return torch.sym_min((room + stride - 1) // stride, (length + left - 1) // stride) + 1


def unguarded(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function whose decisions PyTorch does not record."""

    def call(*args: Any, **kwargs: Any) -> Any:
        modes = (getattr(each, "fake_mode", each) for each in tree_leaves((args, kwargs)))
        mode = next((mode for mode in modes if isinstance(mode, FakeTensorMode)), None) or detect_fake_mode()
        env = mode.shape_env if mode is not None else None
        if env is None:
            return function(*args, **kwargs)
        with env.suppress_guards():
            return function(*args, **kwargs)

    return call


def _kernel(operator: Any) -> Callable[..., Any]:
    """Return a kernel of one of :data:`ARRANGED` that records only its rule for shapes."""

    def call(x: Tensor, *args: Any, **kwargs: Any) -> Any:
        if operator is LINEAR and x.dim() and args[0].dim():
            torch._check(x.shape[-1] == args[0].shape[-1], lambda: f"{x.shape} and {args[0].shape} do not match")
        return unguarded(operator._op_dk)(DispatchKey.CompositeImplicitAutograd, x, *args, **kwargs)

    return call


def _max_pool1d(
    x: Tensor,
    size: list[int],
    stride: list[int] | tuple[()] = (),
    padding: Sequence[int] = (0,),
    dilation: Sequence[int] = (1,),
    ceil_mode: bool = False,
) -> Tensor:
    """Pool windows of one axis as windows of two."""
    steps = [1, *(stride or size)]
    windows: Tensor = torch.ops.aten.max_pool2d.default(
        x.unsqueeze(-2), [1, *size], steps, [0, *padding], [1, *dilation], ceil_mode
    )
    return windows.squeeze(-2)


@contextmanager
def _kernels() -> Iterator[None]:
    """Replace the kernels of :data:`ARRANGED` and :data:`WINDOWS` for tensors of symbolic shape."""
    key = DispatchKey.CompositeImplicitAutograd
    kernels = {**{operator: _kernel(operator) for operator in ARRANGED}, WINDOWS: _max_pool1d}
    originals = [(operator, operator.py_kernels.get(key)) for operator in kernels]
    try:
        for operator, kernel in kernels.items():
            operator.py_kernels[key] = kernel
            operator._dispatch_cache.clear()
        yield
    finally:
        for operator, original in originals:
            operator.py_kernels.pop(key, None)
            if original is not None:
                operator.py_kernels[key] = original
            operator._dispatch_cache.clear()


@contextmanager
def without_decisions() -> Iterator[None]:
    """Replace PyTorch's functions while a model is traced."""
    replaced: list[tuple[Any, str, Callable[..., Any]]] = [(registrations, POOLING, lambda _: windows)]
    replaced += [(torch._C, name, unguarded) for name in LAYOUT]
    replaced.append((FakeTensorMode, CACHED, unguarded))
    replaced.append((Tensor, "contiguous", unguarded))
    replaced.append((patches, LOOP, unguarded))
    originals = [(place, name, getattr(place, name)) for place, name, _ in replaced if hasattr(place, name)]
    try:
        for place, name, make in replaced:
            if hasattr(place, name):
                setattr(place, name, make(getattr(place, name)))
        with _kernels():
            yield
    finally:
        for place, name, original in originals:
            setattr(place, name, original)
