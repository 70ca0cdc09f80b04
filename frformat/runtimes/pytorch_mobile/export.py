"""Models → files for PyTorch Mobile."""

from __future__ import annotations

import io
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import torch
from torch import Tensor, nn
from torch.jit.mobile import _backport_for_mobile_to_buffer

from frformat.format.atomic import replacing
from frformat.runtimes.pytorch_mobile.archive import pack
from frformat.runtimes.pytorch_mobile.bytecode import Bytecode
from frformat.runtimes.pytorch_mobile.copies import copied, plain, state
from frformat.runtimes.pytorch_mobile.errors import ExportError
from frformat.runtimes.pytorch_mobile.operators import Runtime
from frformat.runtimes.pytorch_mobile.quiet import quietly
from frformat.runtimes.pytorch_mobile.scripting import reason, scripted
from frformat.runtimes.pytorch_mobile.skeleton import skeleton
from frformat.torch.lowrank.layers import spectra

StrPath = str | os.PathLike[str]
Example = Tensor | Sequence[Any]


@dataclass(frozen=True)
class Export:
    """What was written.

    Attributes:
        path: the file.
        bytes: its size.
        tensors: names of the model's parameters and persistent buffers.
        coefficients: names of those that are coefficients.
        runtime: the oldest release that runs it, such as ``1.12.2``; None for TorchScript.
        bytecode: the version of its bytecode; None for TorchScript.
        operators: operators that it uses, by name and overload.
        traced: whether the model was traced, because it cannot be scripted.
    """

    path: str
    bytes: int
    tensors: list[str]
    coefficients: list[str]
    runtime: str | None
    bytecode: int | None
    operators: list[str]
    traced: bool


TRACE: Final = "Give an example input, by which it is traced instead"
WRAP: Final = "Wrap the part of it that takes and returns tensors into a module of its own"


def export_mobile(
    model: nn.Module,
    path: StrPath,
    *,
    example: Example | None = None,
    with_weights: bool = False,
    probe: bool = False,
    runtime: str = "1.12",
) -> Export:
    """Write a model for PyTorch Mobile: without its weights, or complete.

    The model, which stays as it is, is written in evaluation mode. A name that ends in ``.ptl`` makes a file for the
    lite interpreter, whose operators are checked against what the runtime has; any other name makes the same module in
    TorchScript for LibTorch, DJL and ``torch.jit.load``.

    Args:
        model: any module that can be scripted or traced, also one with Frequency Regularization, and what
            :func:`frformat.torch.factorization.portable` makes of a factored one.
        path: the file. It replaces an older one only when it is whole.
        example: an input, or a sequence of all inputs; used to trace a model that cannot be scripted.
        with_weights: write the model with its weights and without ``load_weights``, to compare with.
        probe: return the outputs of layers, too, see :class:`~frformat.runtimes.pytorch_mobile.probe.Probe`; the model
            is then traced, and needs an example.
        runtime: the oldest release of PyTorch Mobile that must run the file, one of
            :data:`frformat.runtimes.pytorch_mobile.operators.RUNTIMES`.

    Raises:
        ExportError: the model cannot be scripted, has weights of an unknown dtype, or uses an operator that the runtime
            lacks; the message says where.
        OSError: the file cannot be written.
    """
    path, model = os.fspath(path), plain(model)
    inputs = (example,) if isinstance(example, Tensor) else None if example is None else tuple(example)
    target = Runtime.of(runtime)
    if probe and inputs is None:
        raise ExportError("a probe is traced; give an example input")

    def make(trace: bool) -> tuple[torch.jit.ScriptModule, bool]:
        if with_weights:
            return scripted(copied(model, lambda weight: weight), inputs, probe, trace)
        return skeleton(model, inputs, probe, trace)

    module, traced = make(trace=False)
    code = None
    if path.endswith(".ptl"):
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
        with quietly():
            data = module.save_to_buffer()
    with replacing(path) as file:
        file.write(data)
    return Export(
        path=path,
        bytes=len(data),
        tensors=list(state(model)),
        coefficients=list(spectra(model)),
        runtime=target.name if code else None,
        bytecode=code.version if code else None,
        operators=sorted(code.operators) if code else [],
        traced=traced,
    )


def _lite(module: torch.jit.ScriptModule, target: Runtime | None) -> bytes:
    """Return a module as a lite interpreter of this release, or of any, reads it.

    Raises:
        ExportError: it is made of what lite interpreters do not know.
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
    """Return whether lite interpreters know what a module is made of."""
    try:
        _lite(module, None)
    except ExportError:
        return False
    return True


def _backported(data: bytes, target: Runtime) -> bytes:
    """Return the file in the newest version of bytecode that the runtime reads."""
    if Bytecode.of(data).version <= target.bytecode[1]:
        return data
    return bytes(_backport_for_mobile_to_buffer(io.BytesIO(data), target.bytecode[1]))  # type: ignore[no-untyped-call]


def _check(code: Bytecode, target: Runtime, module: torch.jit.ScriptModule) -> None:
    """Refuse what the runtime cannot run, all of it in one error."""
    found = [f"{what} {fault}{_place(module, what)}" for what, fault in target.obstacles(code)]
    if found:
        raise ExportError(
            f"PyTorch Mobile {target.name} cannot run this model: {'; '.join(found)}. Replace these lines by others"
        )


def _place(module: torch.jit.ScriptModule, operator: str) -> str:
    """Return where the model uses an operator, if that can be found: ``(File "model.py", line 3)``."""
    for name in module._c._method_names():
        graph = getattr(module, name).inlined_graph  # it owns the nodes
        for node in graph.findAllNodes(operator.partition(".")[0]):
            place = node.sourceRange().strip().partition("\n")[0].rstrip(":")
            if place:
                return f" ({place})"
    return ""
