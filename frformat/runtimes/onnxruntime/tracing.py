"""Trace models as ONNX graphs."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

import torch
from torch import Tensor, nn
from torch.export import Dim
from torch.utils._pytree import tree_map_only

from frformat.runtimes.errors import ExportError

if TYPE_CHECKING:
    import onnx_ir as ir

OPSET: Final = 20
"""The version of the ONNX operator set: the newest one that ONNX Runtime 1.20 supports completely."""


def traced(model: nn.Module, example: tuple[Any, ...], dynamic: bool) -> tuple[ir.Model, set[str]]:
    """Trace a model as an ONNX graph that names its weights.

    Args:
        model: the model, in evaluation mode.
        example: all inputs.
        dynamic: whether to allow any length for every input axis, unless the model's own code fixes it.

    Returns:
        The graph, and the names of parameters and buffers that it does not use.

    Raises:
        ExportError: the model cannot be exported. The message says why.
    """
    shapes = tree_map_only(Tensor, lambda x: dict.fromkeys(range(x.dim()), Dim.AUTO), example) if dynamic else None
    try:
        with _quietly(), torch.no_grad():
            program = torch.onnx.export(
                model,
                example,
                dynamo=True,
                opset_version=OPSET,
                optimize=False,  # otherwise, normalizations would be folded into other weights
                dynamic_shapes=shapes,
                external_data=False,
                verbose=False,
            )
    except Exception as error:  # the exporter or the model can raise anything
        raise ExportError(f"{type(model).__name__} cannot be exported to ONNX: {_reason(error)}") from error
    assert program is not None
    assert program.exported_program is not None
    users = {node.name: len(node.users) for node in program.exported_program.graph.nodes}
    specs = program.exported_program.graph_signature.input_specs
    unused = {str(spec.target) for spec in specs if spec.target is not None and users.get(spec.arg.name) == 0}
    return program.model, unused


def _reason(error: BaseException) -> str:
    """Return the message of the original cause of an error, on one line."""
    while error.__cause__ is not None:
        error = error.__cause__
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__


@contextmanager
def _quietly() -> Iterator[None]:
    """Suppress the exporter's warnings and logs, which are about its internals."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)
