"""Check in a trace, on every run, that the model's code would make the same decisions as for the example.

A trace contains only one branch of each decision, and one value of each number that Python computes. All of these start
with a conversion of a traced tensor, such as the length of an axis, to a Python number.
"""

from __future__ import annotations

import linecache
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from types import FunctionType
from typing import Any, Final

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_leaves

from frformat.runtimes.pytorch_mobile.opening import opened
from frformat.runtimes.pytorch_mobile.quiet import quietly

TRUTH: Final = (Tensor.__bool__, Tensor.is_nonzero, torch.is_nonzero)
"""Conversions of which only the truth of the tensor matters."""
VALUES: Final = (
    Tensor.__int__,
    Tensor.__index__,
    Tensor.__float__,
    Tensor.__complex__,
    Tensor.item,
    Tensor.tolist,
    Tensor.numpy,
    Tensor.__array__,
    Tensor.__contains__,
    Tensor.data.__get__,  # type: ignore[attr-defined]
    Tensor.equal,
    torch.equal,
    Tensor.allclose,
    torch.allclose,
    torch.tensor,
    torch.as_tensor,
    Tensor.new_tensor,
)
"""Conversions of which every element matters, and other functions whose result a trace does not follow."""
MEMORY: Final = (
    Tensor.stride,
    Tensor.nbytes.__get__,  # type: ignore[attr-defined]
    Tensor.untyped_storage,
    Tensor.is_same_size,
    Tensor.is_contiguous,
    Tensor.storage_offset,
)
"""Functions whose result depends on the shapes of tensors, or on how they are arranged in memory."""
PARTS: Final = (
    "__iter__",
    "unbind",
    "chunk",
    "split",
    "split_with_sizes",
    "tensor_split",
    "unsafe_chunk",
    "unsafe_split",
    "vsplit",
    "hsplit",
    "dsplit",
)
"""Functions that return a number of tensors that depends on lengths. Only a use of the tensors checks the number."""
RESIZING: Final = ("upsample", "_upsample")
"""How the names of functions begin that fail if a result would be empty, but that phones can run nevertheless."""
CONVERSIONS: Final = ("aten::Int", "aten::IntImplicit", "aten::FloatImplicit", "aten::ScalarImplicit")
"""Operators with which a trace converts a tensor to a number that it passes on, or forgets."""
CLOSED: Final = ("__repr__", "__deepcopy__", "__reduce_ex__")
"""Functions in Python that convert tensors without computing with them."""
LONGEST: Final = 120
"""Maximum number of characters to quote from a line of code."""

OWN: Final = tuple(
    os.path.dirname(os.path.abspath(file)) + os.sep for file in (torch.__file__, __file__, linecache.__file__)
)
"""The folders of PyTorch and of this module. Lines of code in them are not the model's."""


def same_truth(x: Tensor, truth: bool, where: str) -> Tensor:
    """Raise an error unless a tensor is true or false, as in the example."""
    if bool(x) != truth:
        raise RuntimeError("frz: the model cannot run on these inputs. With the example's shapes and values, " + where)
    return x


def same_values(x: Tensor, values: Tensor, where: str) -> Tensor:
    """Raise an error unless a tensor is the same as in the example."""
    same = x.shape == values.shape
    if same:
        same = bool(((x == values) | ((x != x) & (values != values))).all())
    if not same:
        raise RuntimeError("frz: the model cannot run on these inputs. With the example's shapes and values, " + where)
    return x


def same_shape(x: Tensor, shape: list[int], where: str) -> Tensor:
    """Raise an error unless a tensor has the same shape as in the example."""
    if list(x.shape) != shape:
        raise RuntimeError(f"frz: the model cannot run on these inputs. {where} needs a tensor of shape {shape}")
    return x


def same_contiguity(x: Tensor, contiguous: bool, where: str) -> Tensor:
    """Raise an error unless a tensor is contiguous, or is not, as in the example."""
    if x.is_contiguous() != contiguous:
        raise RuntimeError("frz: the model cannot run on these inputs. With the example's shapes and values, " + where)
    return x


def not_empty(x: Tensor, where: str) -> Tensor:
    """Raise an error if a tensor is empty."""
    if x.numel() == 0:
        raise RuntimeError(f"frz: the model cannot run on these inputs. The result of {where} would be empty")
    return x


def same_offset(x: Tensor, offset: int, where: str) -> Tensor:
    """Raise an error unless a tensor begins at the same place in memory as in the example."""
    if x.storage_offset() != offset:
        raise RuntimeError("frz: the model cannot run on these inputs. With the example's shapes and values, " + where)
    return x


def same_rank(x: Tensor, rank: int) -> Tensor:
    """Raise an error unless a tensor has as many axes as in the example."""
    if x.dim() != rank:
        raise RuntimeError(f"frz: the model was traced with an input with {rank} axes, not {x.dim()}")
    return x


def used(part: Tensor) -> Tensor:
    """Use one of the parts of a tensor, so that a trace fails if there are more or fewer than in the example."""
    if part.numel() < 0:  # never true, but only the run knows that
        raise RuntimeError("frz: a tensor has a negative number of elements")
    return part


@contextmanager
def checked(model: nn.Module) -> Iterator[None]:
    """While a model is being traced, add checks of its decisions, and of the number of axes of its inputs."""
    rank = _scripted(same_rank)

    def check(_: nn.Module, inputs: Any) -> None:
        for each in tree_leaves(inputs):
            if isinstance(each, Tensor):
                rank(each, each.dim())

    hook = model.register_forward_pre_hook(check)
    try:
        with _Decisions(), _checked_range():
            yield
    finally:
        hook.remove()


class _Decisions(TorchFunctionMode):
    """Adds a check wherever a trace does not follow a computation, such as the conversion of a tensor to a number."""

    def __init__(self) -> None:
        super().__init__()
        self.opened: list[Any] = []  # the functions whose code is running

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if torch._C._get_tracing_state() is None:
            return func(*args, **kwargs)
        name = getattr(func, "__name__", "")
        if isinstance(func, FunctionType) and func not in VALUES and func not in self.opened and name not in CLOSED:
            self.opened.append(func)
            try:
                with self:
                    return opened(func)(*args, **kwargs)
            finally:
                self.opened.pop()
        numbers = _numbers((args, kwargs))
        result = func(*args, **kwargs)
        with torch._C.DisableTorchFunction():
            if func in TRUTH:
                _scripted(same_truth)(args[0], bool(result), f"{_place()} was {bool(result)}")
            elif func in VALUES:
                shown = f"{result} there" if isinstance(result, int | float) else "other numbers there"
                for each in tree_leaves((args[1:] if func is Tensor.new_tensor else args, kwargs)):
                    if isinstance(each, Tensor):
                        _scripted(same_values)(each, _constant(each), f"{_place()} had {shown}")
            elif func in MEMORY:
                _check_memory(func, args, kwargs, result)
            elif name in PARTS:
                parts = list(result)
                if parts and isinstance(parts[0], Tensor):
                    _scripted(used)(parts[0])
                result = iter(parts) if func is Tensor.__iter__ else result
            elif func is Tensor.__setitem__ or any(isinstance(each, Tensor) for each in tree_leaves(result)):
                for number in numbers:
                    if number.tensor is not result and not number.is_followed():
                        number.check()
            if name.startswith(RESIZING):
                _scripted(not_empty)(result, _place())
        return result


def _check_memory(func: Any, args: Any, kwargs: Any, result: Any) -> None:
    """Add a check that a function would say the same about how tensors are arranged in memory."""
    if func is Tensor.is_contiguous and not args[1:] and not kwargs:
        _scripted(same_contiguity)(args[0], result, f"{_place()} was {result}")
    elif func is Tensor.storage_offset:
        _scripted(same_offset)(args[0], result, f"{_place()} had {result} there")
    else:
        for each in args:
            if isinstance(each, Tensor):
                _scripted(same_shape)(each, list(each.shape), _place())


@contextmanager
def _checked_range() -> Iterator[None]:
    """Check the arguments of ``torch.range``, which no mode sees, and whose result is a constant of a trace."""
    original = torch.range

    def checked_range(*args: Any, **kwargs: Any) -> Tensor:
        for each in tree_leaves((args, kwargs)):
            if isinstance(each, Tensor) and torch._C._get_tracing_state() is not None:
                constant = _constant(each)
                with _untraced():
                    where = f"{_place()} had {constant.item()} there"
                _scripted(same_values)(each, constant, where)
        return original(*args, **kwargs)

    torch.range = checked_range
    try:
        yield
    finally:
        torch.range = original


class _Number:
    """A tensor of one element that is passed to a function of PyTorch, which can use it as a number.

    Args:
        tensor: the tensor.
    """

    def __init__(self, tensor: Tensor) -> None:
        self.tensor = tensor
        self.value = _traced_value(tensor)
        self.uses = len(self.value.uses())

    def is_followed(self) -> bool:
        """Return whether the trace has used the tensor since, or need not because it is a constant."""
        if self.value.node().kind() == "prim::Constant":
            return True
        users = [use.user for use in self.value.uses()[self.uses :]]
        return any(node.kind() not in CONVERSIONS or node.output().uses() for node in users)

    def check(self) -> None:
        """Add a check that the tensor is that of the example, before anything else that uses it."""
        constant = _constant(self.tensor)
        with _untraced():
            where = f"{_place()} had {constant.item()} there"
        checked = _scripted(same_values)(self.tensor, constant, where)
        check, source = _traced_value(checked).node(), self.value.node()
        needed = [value.node() for value in check.inputs() if value.node().kind() == "prim::Constant"]
        if source.kind() == "prim::Param":  # it has no place among the other nodes
            first = next(torch._C._get_tracing_state().graph().nodes())
            for node in [*needed, check]:
                node.moveBefore(first)
            return
        for node in [*needed, check]:
            node.moveAfter(source)
            source = node


def _traced_value(tensor: Tensor) -> Any:
    return torch._C._get_value_trace(tensor)  # type: ignore[attr-defined]


def _numbers(arguments: Any) -> list[_Number]:
    """Return the tensors of one element among some arguments."""
    tensors = [each for each in tree_leaves(arguments) if isinstance(each, Tensor)]
    with torch._C.DisableTorchFunction(), _untraced():
        tensors = [each for each in tensors if each.layout == torch.strided and each.numel() == 1]
    return [_Number(each) for each in tensors]


@cache
def _scripted(function: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """Return a function in TorchScript, so that a trace calls it."""
    with quietly():
        scripted: Callable[..., Tensor] = torch.jit.script(function)
        return scripted


def _constant(x: Tensor) -> Tensor:
    """Return a copy of a tensor that is a constant in the trace."""
    with _untraced():
        return x.detach().clone()


@contextmanager
def _untraced() -> Iterator[None]:
    """Interrupt the trace."""
    state = torch._C._get_tracing_state()
    torch._C._set_tracing_state(None)  # type: ignore[attr-defined]
    try:
        yield
    finally:
        torch._C._set_tracing_state(state)  # type: ignore[attr-defined]


def _place() -> str:
    """Return the line of the model's code that is being executed: ``if n > 2: (model.py, line 3)``."""
    frame = sys._getframe(1)
    while frame.f_back is not None and frame.f_code.co_filename.startswith(OWN):
        frame = frame.f_back
    file, line = frame.f_code.co_filename, frame.f_lineno
    text = linecache.getline(file, line).strip()[:LONGEST]
    return f"“{text}” ({os.path.basename(file)}, line {line})" if text else f"{os.path.basename(file)}, line {line},"
