"""Export models to files for phone runtimes."""

from __future__ import annotations

import inspect
import os
from collections.abc import Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from frformat.format.atomic import check_writable
from frformat.format.reader import FrzFile, Source, open
from frformat.runtimes.errors import ExportError
from frformat.runtimes.written import Export

if TYPE_CHECKING:
    from torch import Tensor, nn

    from frformat.torch.factorization.candidates import Preference

StrPath = str | os.PathLike[str]


class _Runtime(NamedTuple):
    """The properties of a runtime.

    Attributes:
        extension: extension of its skeletons.
        complete: extension of its files with weights, if that is different.
        package: the package whose ``write`` function writes the files.
        options: options of ``write`` that are specific to this runtime.
        fixed: arguments that are always passed.
        static: whether bases and cores of factored networks must be constants.
        pooled: see :func:`frformat.runtimes.template.static.static_network`.
    """

    extension: str
    package: str
    options: tuple[str, ...] = ()
    fixed: dict[str, Any] = {}  # noqa: RUF012 — never modified
    complete: str | None = None
    static: bool = False
    pooled: bool = False


RUNTIMES: Final = {
    "onnxruntime": _Runtime(".onnx", "onnxruntime", ("dynamic", "weights_as_inputs")),
    "pytorch_mobile": _Runtime(".ptl", "pytorch_mobile", ("release", "probe")),
    "torchscript": _Runtime(".pt", "pytorch_mobile", ("probe",), {"lite": False}),
    "litert": _Runtime(".tflite.frt", "litert", complete=".tflite", static=True),
    "executorch": _Runtime(".pte.frt", "executorch", ("delegate",), complete=".pte", static=True, pooled=True),
}
"""The supported runtimes."""


def export(
    model: nn.Module,
    path: StrPath,
    *,
    runtime: str | None = None,
    factored: bool = False,
    example: Tensor | Sequence[Any] | None = None,
    weights: StrPath | None = None,
    tier: int | None = None,
    base: Source | FrzFile | None = None,
    with_weights: bool = False,
    prefer: Preference = "speed",
    **options: Any,
) -> Export:
    """Write a model for a runtime, either as a skeleton without weights or as a complete model.

    The model is written in evaluation mode and is not modified.

    Args:
        model: any module that the runtime's exporter supports, including modules with Frequency Regularization and
            results of :func:`frformat.torch.factorization.portable`.
        path: destination. An existing file is replaced only after the new one is complete.
        runtime: a key of :data:`RUNTIMES`; None selects it by extension: ``.onnx`` for ONNX Runtime, ``.ptl`` for the
            lite interpreter of PyTorch Mobile, ``.pt`` for TorchScript (LibTorch, DJL, ``torch.jit.load``),
            ``.tflite.frt`` for LiteRT, and ``.pte.frt`` for ExecuTorch.
        factored: run on the coefficients of ``weights`` without ever rebuilding the tensors. This requires ``example``,
            and the result is optimized for inputs of about its size.
        example: an input, or a sequence of all inputs. ``.onnx`` and ``.frt`` require an example. Inputs other than
            tensors become constants. A trace contains only one branch of each decision: that for the example. Runs
            on inputs for which the model's code would decide otherwise fail: with :class:`LengthError` in ONNX
            Runtime, where a model that decides by values is refused unless it states its conditions with
            ``torch._check``, and with an error that starts with ``frz:`` in PyTorch Mobile. The sizes of inputs of
            ``.frt`` files are fixed.
        weights: an ``.frz`` file, which must fit the model.
        tier: the capacity tier of that file; None for the largest one present.
        base: the base of that file if it is a delta file; see :func:`frformat.open`.
        with_weights: include the model's own weights, for comparison.
        prefer: which layers of a factored model run on coefficients: those that are faster that way (``speed``), or
            those whose coefficients and bases take less memory than their weights (``memory``).
        options: for ONNX Runtime, ``dynamic=False`` fixes input sizes to those of the example, and
            ``weights_as_inputs=True`` makes the weights inputs of the graph, so the runtime does not copy them (see
            :mod:`frformat.runtimes.onnxruntime`). For PyTorch Mobile, ``release`` is the oldest release that must be
            able to run the file, and ``probe=True`` also returns the outputs of layers. For ExecuTorch,
            ``delegate=None`` runs the model without XNNPACK.

    Raises:
        ExportError: the runtime cannot run the model, or the weights do not fit it. The message says where and why.
        FrzError: ``weights`` is damaged, or its base is missing or is a different file.
        OSError: a file cannot be read or written.
    """
    from frformat.runtimes import copies, models

    path = os.fspath(path)
    name = runtime_of(path, runtime, with_weights)
    check_writable(path)
    chosen = RUNTIMES[name]
    for option in options:
        if option not in chosen.options:
            raise ExportError(f"{name} has no option {option!r}; omit it")
    writer = import_module(f"frformat.runtimes.{chosen.package}.writing")
    inputs = _inputs(model, example)
    if factored:
        if weights is None or inputs is None:
            raise ExportError("a factored network needs an .frz file and an example input; pass both")
        model = models.factored(
            model,
            os.fspath(weights),
            inputs,
            tier=tier,
            base=base,
            prefer=prefer,
            static=chosen.static,
            pooled=chosen.pooled,
        )
    elif prefer != "speed":
        raise ExportError("prefer applies only to factored networks; pass factored=True as well, or omit it")
    model = copies.plain(model)
    if weights is not None:
        with open(weights, tier=tier, base=base) as file:
            misfit = copies.contract(model).misfit(file)
        if misfit:
            raise ExportError(f"{os.fspath(weights)}: the file does not fit {type(model).__name__}: {misfit}")
    written: Export = writer.write(model, path, example=inputs, with_weights=with_weights, **chosen.fixed, **options)
    return written


def runtime_of(path: str, runtime: str | None, with_weights: bool) -> str:
    """Return the runtime for which to export to a path; ``runtime`` if it is given.

    Raises:
        ExportError: there is no such runtime, or none for this extension.
    """
    if runtime is not None:
        if runtime not in RUNTIMES:
            raise ExportError(f"there is no runtime {runtime!r}; choose one of {', '.join(RUNTIMES)}")
        return runtime
    for name, each in RUNTIMES.items():
        if path.endswith((with_weights and each.complete) or each.extension):
            return name
        if each.complete is not None and path.endswith(each.complete):
            raise ExportError(f"{path} would contain the weights; a file without them is a template, {path}.frt")
    known = ", ".join(f"{each.extension} ({name})" for name, each in RUNTIMES.items())
    raise ExportError(f"{path}: no runtime has this extension; choose one of {known}")


def _inputs(model: nn.Module, example: Tensor | Sequence[Any] | None) -> tuple[Any, ...] | None:
    """Return copies of all inputs. PyTorch cannot trace some models with views, and models can modify their inputs.

    Raises:
        ExportError: the model takes another number of inputs.
    """
    import torch
    from torch import Tensor
    from torch.utils._pytree import tree_map_only

    if example is None:
        return None
    inputs = (example,) if isinstance(example, Tensor) else tuple(example)
    if not isinstance(model, torch.jit.ScriptModule):  # which has no signature
        signature = inspect.signature(model.forward)
        try:
            signature.bind(*inputs)
        except TypeError as error:
            raise ExportError(
                f"{type(model).__name__}.forward{signature} cannot run on the example: {error}; pass an example of "
                "each input, in this order (on the command line, one --example for each)"
            ) from error
    copies: tuple[Any, ...] = tree_map_only(Tensor, lambda each: each.detach().clone(), inputs)
    return copies
