"""Kernels for tensors of symbolic shape that do not decide by lengths where PyTorch's own kernels do."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from math import prod
from typing import Any, Final

import torch
from torch import SymInt, Tensor
from torch._C import DispatchKey
from torch._guards import detect_fake_mode
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._pytree import tree_leaves

KEY: Final = DispatchKey.CompositeImplicitAutograd
"""The key of the kernels to replace: of operators that consist of others."""

_ATEN: Final = torch.ops.aten


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


def _original(operator: Any) -> Callable[..., Any]:
    """Return PyTorch's own kernel."""

    def call(*args: Any, **kwargs: Any) -> Any:
        return operator._op_dk(KEY, *args, **kwargs)

    return call


def _linear(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Any:
    """Multiply by a weight, whichever of the tensors are contiguous in memory."""
    if x.dim() and weight.dim():
        torch._check(x.shape[-1] == weight.shape[-1], lambda: f"{x.shape} and {weight.shape} do not match")
    return unguarded(_original(_ATEN.linear.default))(x, weight, bias)


def _reshape(x: Tensor, shape: Sequence[Any]) -> Any:
    """Reshape a tensor, whether or not it is contiguous in memory."""
    open_axes = [n for n in shape if isinstance(n, int) and n == -1]
    known = prod(n for n in shape if not (isinstance(n, int) and n == -1))
    if open_axes:
        torch._check(x.numel() % known == 0, lambda: f"{x.shape} cannot have shape {shape}")
    else:
        torch._check(x.numel() == known, lambda: f"{x.shape} cannot have shape {shape}")
    return unguarded(_original(_ATEN.reshape.default))(x, shape)


def _einsum(equation: str, operands: Sequence[Tensor], *, path: Any = None) -> Any:
    """Multiply tensors along axes that do not have length 1 in the example, whatever their lengths are later."""
    terms = equation.replace(" ", "").partition("->")[0].split(",")
    lengths: dict[str, list[Any]] = {}
    for term, operand in zip(terms, operands, strict=False):
        for label, length in zip(term, operand.shape, strict=False):
            lengths.setdefault(label, []).append(length)
    general = all(term.isalpha() and len(term) == operand.dim() for term, operand in zip(terms, operands, strict=False))
    one = any(example(length) in (1, None) for found in lengths.values() for length in found)
    if not general or one or len(terms) != len(operands):
        return _original(_ATEN.einsum.default)(equation, operands, path=path)
    for first, *others in lengths.values():
        for other in others:
            torch._check(first == other)
    return unguarded(_original(_ATEN.einsum.default))(equation, operands, path=path)


def example(length: Any) -> int | None:
    """Return a length in the example; None if it depends on values."""
    if isinstance(length, int):
        return length
    return int(length.node.hint) if length.node.has_hint() else None


def _averaging(operator: Any) -> Callable[..., Any]:
    """Return a kernel for adaptive pooling to given lengths, which averages windows of variable length."""

    def call(x: Tensor, size: Sequence[int]) -> Any:
        first = x.dim() - len(size)
        if all(isinstance(n, int) and n == 1 for n in size):  # PyTorch's kernel decides by the batch size
            return x.mean(tuple(range(first, x.dim())), keepdim=True)
        if not any(isinstance(n, SymInt) for n in x.shape[first:]):
            return _original(operator)(x, size)
        for axis, count in enumerate(size, first):
            x = _averages(x, axis, count)
        return x

    return call


def _averages(x: Tensor, axis: int, count: Any) -> Tensor:
    """Divide an axis into windows, which overlap if their number does not divide its length, and average each."""
    length: Any = x.shape[axis]
    if str(count) == str(length):  # either can be symbolic
        return x
    if str(count) == "1":
        return x.mean(axis, keepdim=True)
    number = torch.arange(count, device=x.device)
    start = number * length // count
    end = ((number + 1) * length + count - 1) // count
    width = (length + count - 1) // count + 1  # of the widest window, or more
    place = start[:, None] + torch.arange(width, device=x.device)
    inside = (place < end[:, None]).view(count, width, *(1,) * (x.dim() - axis - 1))
    chosen = x.index_select(axis, place.clamp(max=length - 1).view(-1))
    chosen = chosen.view(*x.shape[:axis], count, width, *x.shape[axis + 1 :])
    sums = torch.where(inside, chosen, 0).sum(axis + 1)
    averages: Tensor = sums / (end - start).view(count, *(1,) * (x.dim() - axis - 1)).to(x.dtype)
    return averages


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
def kernels() -> Iterator[None]:
    """Replace PyTorch's kernels for tensors of symbolic shape."""
    replaced: dict[Any, Callable[..., Any]] = {
        _ATEN.linear.default: _linear,
        _ATEN.contiguous.default: unguarded(_original(_ATEN.contiguous.default)),
        _ATEN.reshape.default: _reshape,
        _ATEN.einsum.default: _einsum,
        _ATEN.max_pool1d.default: _max_pool1d,
    }
    for averages in (_ATEN.adaptive_avg_pool1d, _ATEN.adaptive_avg_pool2d, _ATEN.adaptive_avg_pool3d):
        replaced[averages.default] = _averaging(averages.default)
    originals = [(operator, operator.py_kernels.get(KEY)) for operator in replaced]
    try:
        for operator, kernel in replaced.items():
            operator.py_kernels[KEY] = kernel
            operator._dispatch_cache.clear()
        yield
    finally:
        for operator, original in originals:
            operator.py_kernels.pop(KEY, None)
            if original is not None:
                operator.py_kernels[KEY] = original
            operator._dispatch_cache.clear()
