"""Trace pooling with ``ceil_mode`` so that the trace is valid for inputs of any size."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import torch
import torch._meta_registrations as registrations

NAME: Final = "pooling_output_shape_pad_lr"
"""The function that computes how many windows fit. For ``ceil_mode``, PyTorch's own decides by the length."""


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


@contextmanager
def without_decisions() -> Iterator[None]:
    """Replace PyTorch's function by :func:`windows`. Without that, traces would be valid for fewer sizes."""
    original = getattr(registrations, NAME, None)
    if original is None:
        yield
        return
    setattr(registrations, NAME, windows)
    try:
        yield
    finally:
        setattr(registrations, NAME, original)
