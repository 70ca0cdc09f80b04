"""Convert models to TorchScript."""

from __future__ import annotations

import copy
import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import torch
from torch import Tensor, nn
from torch.jit._trace import TracerWarning
from torch.jit.mobile import _load_for_lite_interpreter
from torch.nn.parameter import is_lazy
from torch.utils._pytree import tree_leaves

from frformat.runtimes.errors import ExportError
from frformat.runtimes.pytorch_mobile.decisions import checked
from frformat.runtimes.pytorch_mobile.probe import Probe
from frformat.runtimes.pytorch_mobile.quiet import quietly
from frformat.runtimes.rounding import NOISE, NUMBERS, shaken
from frformat.torch import copying
from frformat.torch.parametrizations import is_parametrized

CLOSE: Final = 1e-3
"""By how much results of a trace can differ from those of its model, in units of the largest one.

If the terms of sums cancel each other, rounding errors can be larger."""


def scripted(
    model: nn.Module,
    example: tuple[Any, ...] | None = None,
    probe: bool = False,
    trace: bool = False,
    compare: bool = True,
) -> tuple[torch.jit.ScriptModule, bool]:
    """Convert a model to TorchScript by scripting it or, if that fails and there is an example, by tracing it.

    Args:
        model: the module. A TorchScript module is returned unchanged.
        example: all inputs of the model.
        probe: whether to trace the model inside a :class:`Probe`, whose attribute ``model`` it becomes.
        trace: whether to trace the model without trying to script it.
        compare: whether to check that a trace computes the same as the model.

    Returns:
        The module, and whether it was traced.

    Raises:
        ExportError: the model can be neither scripted nor traced. The message says why.
    """
    if probe:
        return _traced(Probe(model), example or (), compare), True
    if trace:
        return _traced(model, example or (), compare), True
    if isinstance(model, torch.jit.ScriptModule):
        return model, False
    with quietly():
        try:
            if any(is_parametrized(module) for module in model.modules()):
                raise ValueError("it has parametrizations; torch.nn.utils.parametrize.remove_parametrizations helps")
            return torch.jit.script(model), False
        except Exception as error:  # the compiler or the model can raise anything
            if example is None:
                raise ExportError(
                    f"{type(model).__name__} cannot be scripted: {reason(error)}. Pass an example input to trace it "
                    "instead (decisions that depend on its values become fixed), or rewrite the line for TorchScript"
                ) from error
    return _traced(model, example, compare), True


def _traced(model: nn.Module, example: tuple[Any, ...], compare: bool) -> torch.jit.ScriptModule:
    try:
        with quietly(), torch.no_grad(), warnings.catch_warnings():
            if isinstance(model, Probe):  # in a comparison, the example fixes the same decisions on both sides
                warnings.simplefilter("ignore", TracerWarning)
            expected = _outputs(copying.copied(model), example) if compare else []
            with checked(model), _undone(model):
                module = torch.jit.trace(model, copy.deepcopy(example), check_trace=False, strict=False)  # type: ignore[no-untyped-call]
            runs = _runs(module, example) if compare else []
    except Exception as error:  # the model can raise anything
        raise ExportError(f"{type(model).__name__} cannot be traced with the example: {reason(error)}") from error
    assert isinstance(module, torch.jit.ScriptModule)
    difference = next(filter(None, (_difference(found, expected, expected) for found in runs)), "")
    if difference == NUMBERS:
        changed = shaken(model, example, expected)
        difference = next(filter(None, (_difference(found, expected, changed) for found in runs)), "")
    if difference:
        raise ExportError(
            f"{type(model).__name__} cannot be traced: with the example, its trace returns {difference}. In a trace, "
            "lengths are tensors: the model must not use them as keys, for example, or as numbers from which the dtype "
            "of a result follows; convert them with int()"
        )
    return module


def _runs(module: torch.jit.ScriptModule, example: tuple[Any, ...]) -> list[list[Tensor]]:
    """Return what a trace computes from an example in TorchScript and, if it supports the trace, the lite interpreter.

    Their results can differ, and TorchScript rejects some traces that the lite interpreter runs.
    """
    try:
        data = module._save_to_buffer_for_lite_interpreter()
    except RuntimeError:
        data = None
    found = []
    try:
        with _undone(module):
            found.append(_outputs(module, example))
    except RuntimeError:
        if data is None:
            raise
    if data is not None:
        found.append(_outputs(_load_for_lite_interpreter(io.BytesIO(data)), example))  # type: ignore[no-untyped-call]
    return found


def _outputs(module: Any, example: tuple[Any, ...]) -> list[Tensor]:
    """Return the tensors that a module computes from an example, always with the same random numbers."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        found = module(*copy.deepcopy(example))
    return [each for each in tree_leaves(found) if isinstance(each, Tensor)]


def _difference(found: list[Tensor], expected: list[Tensor], changed: list[Tensor]) -> str:
    """Describe the first difference between the results of a trace and those of its model; empty if there is none.

    Args:
        found: the results of the trace.
        expected: those of the model.
        changed: those of the model with rounding errors; see :func:`frformat.runtimes.rounding.shaken`.
    """
    if len(found) != len(expected):
        return f"{len(found)} tensors instead of {len(expected)}"
    for one, other, near in zip(found, expected, changed, strict=True):
        if one.dtype != other.dtype or one.shape != other.shape:
            return f"{one.dtype} of shape {list(one.shape)} instead of {other.dtype} of shape {list(other.shape)}"
        if not one.is_floating_point():
            same = torch.equal(one, other)
        else:
            finite = other[other.isfinite()].abs().double()
            slack = CLOSE * float(finite.max()) if finite.numel() else 0.0
            if near.numel():
                slack += NOISE * float((near.double() - other.double()).nan_to_num(0, 0, 0).abs().max())
            same = torch.allclose(one.double(), other.double(), rtol=0, atol=slack, equal_nan=True)
        if not same:
            return NUMBERS
    return ""


@contextmanager
def _undone(module: nn.Module) -> Iterator[None]:
    """Restore the buffers that a run of a module changes."""
    before = [(each, each.clone()) for each in module.buffers() if not is_lazy(each)]
    try:
        yield
    finally:
        with torch.no_grad():
            for each, value in before:
                if not torch.equal(each, value):
                    each.copy_(value)


def reason(error: Exception) -> str:
    """Return the message of a compiler error and its location in the source, on one line."""
    lines = [line.strip() for line in str(error).splitlines()]
    what = next((line for line in lines if line), type(error).__name__).rstrip(":.")
    places = [line.rstrip(":") for line in lines if line.startswith('File "')]
    return f"{what} ({places[0]})" if places else what
