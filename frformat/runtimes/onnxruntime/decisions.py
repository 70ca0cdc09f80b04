"""Avoid decisions by length that PyTorch makes while tracing, but that do not change results.

Without this, traces would be valid for fewer lengths: PyTorch decides how many windows of a pooling layer with
``ceil_mode`` fit, how to arrange results in memory, and how to multiply tensors that are contiguous in memory. One
decision is missing, however: that an axis of length 1 is repeated to the length of another.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

import torch
import torch._meta_registrations as registrations
from torch import Tensor
from torch._subclasses import fake_impls
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.onnx._internal.exporter import _capture_strategies as strategies

from frformat.runtimes.onnxruntime.kernels import example, kernels, unguarded

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

STRATEGIES: Final = "CAPTURE_STRATEGIES"
"""The ways of PyTorch's exporter to trace a model. It tries one after the other."""
DRAFT: Final = "Draft"
"""A part of the name of the one that takes the example's branch of a decision by values, and records no condition."""
LOOP: Final = "while_loop"
"""The loop over the steps of recurrent layers. Whether it can use an earlier trace of its body depends on lengths."""
BROADCAST: Final = "infer_size"
"""The function of PyTorch that computes the shape of the result of an operation on two tensors."""
OVERLAP: Final = "_debug_has_internal_overlap"
"""The function of PyTorch that finds out whether elements of a tensor that is written to share memory."""


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


def broadcasting(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function of two shapes that fixes lengths of 1 that are repeated. Otherwise, PyTorch would fail."""

    def call(a: Sequence[Any], b: Sequence[Any]) -> Any:
        for one, other in zip(reversed(a), reversed(b), strict=False):
            first, second = example(one), example(other)
            if 1 in (first, second) and first != second and None not in (first, second):
                torch._check((one if first == 1 else other) == 1)
        return function(a, b)

    return call


@contextmanager
def without_decisions() -> Iterator[None]:
    """Replace PyTorch's functions while a model is traced."""
    replaced: list[tuple[Any, str, Callable[..., Any]]] = [(registrations, POOLING, lambda _: windows)]
    replaced += [(torch._C, name, unguarded) for name in LAYOUT]
    replaced.append((FakeTensorMode, CACHED, unguarded))
    replaced.append((fake_impls, BROADCAST, broadcasting))
    replaced.append((Tensor, "contiguous", unguarded))
    replaced.append((torch, OVERLAP, unguarded))
    replaced.append((strategies, STRATEGIES, lambda known: [each for each in known if DRAFT not in each.__name__]))
    replaced.append((patches, LOOP, unguarded))
    originals = [(place, name, getattr(place, name)) for place, name, _ in replaced if hasattr(place, name)]
    try:
        for place, name, make in replaced:
            if hasattr(place, name):
                setattr(place, name, make(getattr(place, name)))
        with kernels():
            yield
    finally:
        for place, name, original in originals:
            setattr(place, name, original)
