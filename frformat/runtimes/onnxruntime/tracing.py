"""Trace models as ONNX graphs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import torch
from torch import Tensor, nn
from torch.export import Dim, ExportedProgram
from torch.utils._pytree import tree_map

from frformat.runtimes.errors import ExportError
from frformat.runtimes.exporters import quietly, reason

if TYPE_CHECKING:
    import onnx_ir as ir

OPSET: Final = 20
"""The version of the ONNX operator set: the newest one that ONNX Runtime 1.20 supports completely."""


def traced(model: nn.Module, example: tuple[Any, ...], dynamic: bool) -> tuple[ir.Model, set[str]]:
    """Trace a model as an ONNX graph that names its weights.

    Args:
        model: the model, in evaluation mode.
        example: all inputs.
        dynamic: whether to allow any length for every input axis, unless the model's own code fixes it, for example
            because it computes with the length as a Python number.

    Returns:
        The graph, and the names of parameters and buffers that it does not use.

    Raises:
        ExportError: the model cannot be exported. The message says why.
    """
    shapes = tree_map(_any_lengths, example) if dynamic else None
    try:
        with quietly(), torch.no_grad():
            program = torch.onnx.export(
                model,
                (*example, {}),  # the exporter takes a final dictionary for keyword arguments
                dynamo=True,
                opset_version=OPSET,
                optimize=False,  # otherwise, normalizations would be folded into other weights
                dynamic_shapes=shapes,
                external_data=False,
                verbose=False,
            )
    except Exception as error:  # the exporter or the model can raise anything
        raise ExportError(f"{type(model).__name__} cannot be exported to ONNX: {reason(error)}") from error
    assert program is not None
    assert program.exported_program is not None
    users = {node.name: len(node.users) for node in program.exported_program.graph.nodes}
    specs = program.exported_program.graph_signature.input_specs
    _fix_lengths(program.model, program.exported_program)
    unused = {str(spec.target) for spec in specs if spec.target is not None and users.get(spec.arg.name) == 0}
    return program.model, unused


def _any_lengths(value: Any) -> dict[int, Any] | None:
    """Return the axes of an input whose length is variable."""
    return dict.fromkeys(range(value.dim()), Dim.AUTO) if isinstance(value, Tensor) else None


def _fix_lengths(model: ir.Model, program: ExportedProgram) -> None:
    """Fix the lengths of those axes of inputs that can have only one length because the model's code fixed it."""
    ranges = program.range_constraints.items()
    fixed = {str(symbol): int(each.lower) for symbol, each in ranges if each.lower == each.upper}
    for value in model.graph.inputs:
        assert value.shape is not None
        for axis, length in enumerate(value.shape):
            if not isinstance(length, int) and length.value in fixed:
                value.shape[axis] = fixed[length.value]
