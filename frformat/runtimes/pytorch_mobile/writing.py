"""Write models for PyTorch Mobile."""

from __future__ import annotations

import io
import re
from itertools import takewhile
from typing import Any, Final

import torch
from torch import nn
from torch.jit.mobile import _backport_for_mobile_to_buffer

from frformat.format.atomic import replacing
from frformat.runtimes.copies import copied, state
from frformat.runtimes.errors import ExportError
from frformat.runtimes.pytorch_mobile.archive import pack
from frformat.runtimes.pytorch_mobile.bytecode import Bytecode
from frformat.runtimes.pytorch_mobile.decisions import OWN
from frformat.runtimes.pytorch_mobile.operators import Runtime
from frformat.runtimes.pytorch_mobile.quiet import quietly
from frformat.runtimes.pytorch_mobile.scripting import reason, scripted
from frformat.runtimes.pytorch_mobile.skeleton import skeleton
from frformat.runtimes.written import Export
from frformat.torch.lowrank.layers import forms

TRACE: Final = "Pass an example input to trace it instead"
TRACED: Final = r"\S.*\(\d+\): "
"""The place of a node in a trace: the file, the line, and the function."""
WRAP: Final = "Wrap the part of it that takes and returns tensors in a module"


def write(
    model: nn.Module,
    path: str,
    *,
    example: tuple[Any, ...] | None = None,
    with_weights: bool = False,
    probe: bool = False,
    release: str | None = None,
    lite: bool = True,
) -> Export:
    """Write a model for the lite interpreter or as TorchScript; see :func:`frformat.runtimes.export`.

    Args:
        model: a result of :func:`frformat.runtimes.copies.plain`.
        path: destination.
        example: all inputs, used to trace the model if it cannot be scripted.
        with_weights: whether to include the weights and leave out ``load_weights``.
        probe: whether to return the outputs of layers, too. The model is then traced, which requires an example.
        release: the oldest release of PyTorch Mobile that must be able to run the file, one of
            :data:`frformat.runtimes.pytorch_mobile.operators.RUNTIMES`; 1.12 if None.
        lite: whether to write for the lite interpreter and check operators against the release. Otherwise, the same
            module is written as TorchScript for LibTorch, DJL and ``torch.jit.load``.

    Raises:
        ExportError: the model cannot be scripted, has weights of an unsupported dtype, or uses an operator that the
            release lacks. The message says where.
        OSError: the file cannot be written.
    """
    inputs, target = example, Runtime.of(release or "1.12")
    if probe and inputs is None:
        raise ExportError("a probe needs a trace; pass an example input (on the command line, --example)")

    def make(trace: bool) -> tuple[torch.jit.ScriptModule, bool]:
        if with_weights:
            return scripted(copied(model, lambda weight: weight), inputs, probe, trace)
        return skeleton(model, inputs, probe, trace)

    module, traced = make(trace=False)
    code = None
    if lite:
        try:
            if not (traced or inputs is None or _is_lite(module)):
                module, traced = make(trace=True)
            data = _lite(module, target)
        except ExportError as error:
            traceable = inputs is None and not isinstance(model, torch.jit.ScriptModule)
            advice = TRACE if traceable else WRAP
            raise ExportError(
                f"PyTorch Mobile {target.name} cannot run {type(model).__name__}: {error}. {advice}"
            ) from error
        data = data if with_weights else pack(data)
        code = Bytecode.of(data)
        _check(code, target, module)
    else:
        for name in state(model):
            if not name.isascii():  # torch.jit.load would not read the file
                raise ExportError(f"TorchScript files do not support the name {name!r}; use only ASCII characters")
        with quietly():
            data = module.save_to_buffer()
    with replacing(path) as file:
        file.write(data)
    return Export(
        path=path,
        bytes=len(data),
        runtime="PyTorch Mobile" if lite else "TorchScript",
        release=target.name if lite else None,
        tensors=list(state(model)),
        coefficients=list(forms(model)),
        operators=sorted(code.operators) if code else [],
        bytecode=code.version if code else None,
        traced=traced,
    )


def _lite(module: torch.jit.ScriptModule, target: Runtime | None) -> bytes:
    """Serialize a module for the lite interpreter of a release, or of any release if ``target`` is None.

    Raises:
        ExportError: the module contains something that lite interpreters do not support.
    """
    with quietly():
        try:
            data = module._save_to_buffer_for_lite_interpreter()
        except RuntimeError as error:
            found = re.search(r"The problematic type is: __torch__\.(\S+)", str(error))
            raise ExportError(f"it computes with values of class {found[1]}" if found else reason(error)) from error
        Bytecode.of(data)
        return data if target is None else _backported(data, target)


def _is_lite(module: torch.jit.ScriptModule) -> bool:
    """Return whether lite interpreters support everything in a module."""
    try:
        _lite(module, None)
    except ExportError:
        return False
    return True


def _backported(data: bytes, target: Runtime) -> bytes:
    """Convert a file to the newest bytecode version that the runtime reads, unless it already reads the file."""
    if Bytecode.of(data).version <= target.bytecode[1]:
        return data
    return bytes(_backport_for_mobile_to_buffer(io.BytesIO(data), target.bytecode[1]))  # type: ignore[no-untyped-call]


def _check(code: Bytecode, target: Runtime, module: torch.jit.ScriptModule) -> None:
    """Raise one error that lists everything that the runtime cannot run."""
    found = [f"{what} {fault}{_place(module, what)}" for what, fault in target.obstacles(code)]
    if found:
        raise ExportError(
            f"PyTorch Mobile {target.name} cannot run this model: {'; '.join(found)}. Rewrite these lines"
        )


def _place(module: torch.jit.ScriptModule, operator: str) -> str:
    """Return the place where the model uses an operator, if known: ``(File "model.py", line 3)``."""
    for name in module._c._method_names():
        graph = getattr(module, name).inlined_graph  # kept in a variable because it owns the nodes
        for node in graph.findAllNodes(operator.partition(".")[0]):
            text, *rest = node.sourceRange().strip().splitlines() or [""]
            if re.match(TRACED, text):  # the stack during tracing
                stack = takewhile(lambda line: not line.startswith(torch.jit._trace.__file__), [text, *rest])
                text = next((line for line in stack if not line.startswith(OWN)), text)
            if text:
                return f" ({text.rstrip(':')})"
    return ""
