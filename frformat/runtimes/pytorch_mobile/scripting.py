"""Convert models to TorchScript."""

from __future__ import annotations

import warnings
from typing import Any

import torch
from torch import nn
from torch.jit._trace import TracerWarning
from torch.nn.utils.parametrize import is_parametrized

from frformat.runtimes.errors import ExportError
from frformat.runtimes.pytorch_mobile.decisions import checked
from frformat.runtimes.pytorch_mobile.probe import Probe
from frformat.runtimes.pytorch_mobile.quiet import quietly


def scripted(
    model: nn.Module, example: tuple[Any, ...] | None = None, probe: bool = False, trace: bool = False
) -> tuple[torch.jit.ScriptModule, bool]:
    """Convert a model to TorchScript by scripting it or, if that fails and there is an example, by tracing it.

    Args:
        model: the module. A TorchScript module is returned unchanged.
        example: all inputs of the model.
        probe: whether to trace the model inside a :class:`Probe`, whose attribute ``model`` it becomes.
        trace: whether to trace the model without trying to script it.

    Returns:
        The module, and whether it was traced.

    Raises:
        ExportError: the model can be neither scripted nor traced. The message says why.
    """
    if probe:
        return _traced(Probe(model), example or ()), True
    if trace:
        return _traced(model, example or ()), True
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
    return _traced(model, example), True


def _traced(model: nn.Module, example: tuple[Any, ...]) -> torch.jit.ScriptModule:
    try:
        with quietly(), torch.no_grad(), warnings.catch_warnings(), checked(model):
            if isinstance(model, Probe):  # in a comparison, the example fixes the same decisions on both sides
                warnings.simplefilter("ignore", TracerWarning)
            module = torch.jit.trace(model, example, check_trace=False, strict=False)  # type: ignore[no-untyped-call]
    except Exception as error:  # the model can raise anything
        raise ExportError(f"{type(model).__name__} cannot be traced with the example: {reason(error)}") from error
    assert isinstance(module, torch.jit.ScriptModule)
    return module


def reason(error: Exception) -> str:
    """Return the message of a compiler error and its location in the source, on one line."""
    lines = [line.strip() for line in str(error).splitlines()]
    what = next((line for line in lines if line), type(error).__name__).rstrip(":.")
    places = [line.rstrip(":") for line in lines if line.startswith('File "')]
    return f"{what} ({places[0]})" if places else what
