"""Trace models as ONNX graphs."""

from __future__ import annotations

import inspect
import itertools
from collections.abc import Collection
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import torch
from torch import Tensor, fx, nn
from torch.export import Dim, ExportedProgram
from torch.export.graph_signature import InputKind
from torch.fx.experimental import _config as settings
from torch.utils._pytree import tree_flatten, tree_unflatten

from frformat.runtimes.conditions import SQUEEZES, Conditions, conditions
from frformat.runtimes.copies import check_strides
from frformat.runtimes.errors import ExportError
from frformat.runtimes.exporters import quietly, reason
from frformat.runtimes.onnxruntime.decisions import without_decisions
from frformat.runtimes.onnxruntime.translations import translations

if TYPE_CHECKING:
    import onnx_ir as ir

OPSET: Final = 20
"""The version of the ONNX operator set: the newest one that ONNX Runtime 1.20 supports completely."""


AXES: Final = 64
"""Largest number of axes of a tensor that all of PyTorch's operators support."""

VARIABLE_AXES: Final = 8
"""Largest number of axes of an input whose lengths may vary: the time that PyTorch takes grows exponentially."""


class Traced(NamedTuple):
    """A traced model.

    Attributes:
        model: the graph, which names its weights.
        unused: names of parameters and buffers that it does not use.
        conditions: the conditions under which it is valid.
    """

    model: ir.Model
    unused: set[str]
    conditions: Conditions


def traced(model: nn.Module, example: tuple[Any, ...], dynamic: bool) -> Traced:
    """Trace a model as an ONNX graph.

    Args:
        model: the model, in evaluation mode.
        example: all inputs.
        dynamic: whether to allow any length for every input axis, unless the model's own code fixes it, for example
            because it computes with the length as a Python number.

    Raises:
        ExportError: the model cannot be exported. The message says why.
    """
    most = max((leaf.dim() for leaf in tree_flatten(example)[0] if isinstance(leaf, Tensor)), default=0)
    if most > (VARIABLE_AXES if dynamic else AXES):
        raise ExportError(
            f"{type(model).__name__} cannot be exported to ONNX: an input has {most} axes, but at most "
            f"{AXES} work; with variable lengths, {VARIABLE_AXES} (dynamic=False, or --fixed, fixes them)"
        )
    fixed: set[tuple[int, int]] = set()
    while True:
        program = _exported(model, example, _variable(model, example, fixed) if dynamic else None)
        assert program.exported_program is not None
        found = conditions(program.exported_program)
        names = [node.name for node in _placeholders(program.exported_program)]
        broken = {(names.index(each.input), each.axis) for each in found.broken()}
        if broken <= fixed:
            break
        fixed |= broken  # PyTorch assumes that lengths are neither 0 nor, in some operators, 1
    users = {node.name: len(node.users) for node in program.exported_program.graph.nodes}
    specs = program.exported_program.graph_signature.input_specs
    found = found.without(_fix_lengths(program.model, program.exported_program, found))
    check_strides(program.exported_program.graph.nodes)
    _keep_axes(program.model, program.exported_program)
    unused = {str(spec.target) for spec in specs if spec.target is not None and users.get(spec.arg.name) == 0}
    return Traced(program.model, unused, found)


def _exported(model: nn.Module, example: tuple[Any, ...], shapes: Any) -> torch.onnx.ONNXProgram:
    try:
        with quietly(), torch.no_grad(), without_decisions(), _any_length():
            program = torch.onnx.export(
                model,
                (*example, {}),  # the exporter takes a final dictionary for keyword arguments
                dynamo=True,
                opset_version=OPSET,
                optimize=False,  # otherwise, normalizations would be folded into other weights
                dynamic_shapes=shapes,
                custom_translation_table=translations(),
                external_data=False,
                verbose=False,
            )
    except Exception as error:  # the exporter or the model can raise anything
        raise ExportError(f"{type(model).__name__} cannot be exported to ONNX: {reason(error)}") from error
    assert program is not None
    return program


def _any_length() -> AbstractContextManager[Any]:
    """Let PyTorch treat 1 like other lengths. Old versions do so only in a part of the export."""
    patched: AbstractContextManager[Any] = settings.patch(backed_size_oblivious=True)  # type: ignore[attr-defined]
    return patched


def _variable(model: nn.Module, example: tuple[Any, ...], fixed: Collection[tuple[int, int]]) -> Any:
    """Return the axes of all inputs whose length is variable.

    Args:
        model: the model.
        example: all inputs.
        fixed: numbers of tensors and axes whose length is fixed.
    """
    leaves, structure = tree_flatten(example)
    numbers = itertools.count()
    axes: list[dict[int, Any] | None] = []
    for leaf in leaves:
        if isinstance(leaf, Tensor):
            number = next(numbers)
            axes.append({i: Dim.AUTO for i in range(leaf.dim()) if (number, i) not in fixed})
        else:
            axes.append(None)
    return _by_parameter(model, tree_unflatten(axes, structure))


def _by_parameter(model: nn.Module, values: tuple[Any, ...]) -> tuple[Any, ...]:
    """Arrange something for every input as PyTorch's exporter does: all inputs of ``*args`` are one parameter."""
    positional = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    parameters = list(inspect.signature(model.forward).parameters.values())
    count = sum(each.kind in positional for each in parameters)
    return (*values[:count], tuple(values[count:])) if len(values) > count else values


def _placeholders(program: ExportedProgram) -> list[fx.Node]:
    """Return the nodes of those inputs that are tensors."""
    users = {spec.arg.name for spec in program.graph_signature.input_specs if spec.kind == InputKind.USER_INPUT}
    nodes = [node for node in program.graph.nodes if node.op == "placeholder" and node.name in users]
    return [node for node in nodes if isinstance(node.meta.get("val"), Tensor)]


def _fix_lengths(model: ir.Model, program: ExportedProgram, found: Conditions) -> dict[Any, int]:
    """Fix the lengths of those axes of inputs that can have only one length because the model's code fixed it."""
    ranges = program.range_constraints.items()
    named = {str(symbol): int(each.lower) for symbol, each in ranges if each.lower == each.upper}
    lengths = found.fixed()
    fixed = {(found.lengths[symbol].input, found.lengths[symbol].axis): n for symbol, n in lengths.items()}
    for value in model.graph.inputs:
        assert value.shape is not None
        for axis, length in enumerate(value.shape):
            if isinstance(length, int):
                continue
            known = fixed.get((value.name or "", axis), named.get(str(length.value)))
            if known is not None:
                value.shape[axis] = known
    return lengths


def _keep_axes(model: ir.Model, program: ExportedProgram) -> None:
    """Remove the nodes for ``squeeze`` calls that remove no axis. They would fail for lengths other than 1."""
    import onnx_ir as ir

    values = {value.name: value for node in model.graph for value in node.outputs}
    for node in program.graph.nodes:
        if node.target in SQUEEZES and node.name in values and node.args[0].name in values:
            before, after = node.args[0].meta["val"], node.meta["val"]
            if before.dim() == after.dim():
                ir.convenience.replace_all_uses_with(values[node.name], values[node.args[0].name], True)
