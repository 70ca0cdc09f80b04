"""Write models for ExecuTorch."""

from __future__ import annotations

from importlib.metadata import version
from typing import Any, Final

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_map_only

from frformat.errors import DependencyError
from frformat.runtimes.errors import ExportError
from frformat.runtimes.exporters import quietly
from frformat.runtimes.template.writing import Exporter
from frformat.runtimes.template.writing import write as write_template
from frformat.runtimes.written import Export

DELEGATES: Final = ("xnnpack", None)
"""The backends that run parts of a model: XNNPACK, or only ExecuTorch's portable operators."""


def write(
    model: nn.Module,
    path: str,
    *,
    example: tuple[Any, ...] | None = None,
    with_weights: bool = False,
    delegate: str | None = "xnnpack",
) -> Export:
    """Write a model for ExecuTorch; see :func:`frformat.runtimes.template.writing.write`.

    Args:
        model: a result of :func:`frformat.runtimes.copies.plain`.
        path: destination.
        example: all inputs.
        with_weights: whether to write the complete file.
        delegate: one of :data:`DELEGATES`.

    Raises:
        ExportError: the model cannot be exported. The message says why.
        DependencyError: the package ``executorch`` is not installed.
        OSError: the file cannot be written.
    """
    if delegate not in DELEGATES:
        raise ExportError(f"there is no delegate {delegate!r}; use 'xnnpack', or None for portable operators")
    try:
        with quietly():
            from executorch.backends.xnnpack.partition.xnnpack_partitioner import XnnpackPartitioner
            from executorch.exir import EdgeCompileConfig, to_edge_transform_and_lower
    except ImportError as error:
        raise DependencyError("exporting for ExecuTorch", error) from error

    def convert(module: nn.Module, inputs: tuple[Any, ...]) -> bytes:
        # The program would otherwise require inputs with the strides of the example, and fail with other strides.
        inputs = tree_map_only(Tensor, Tensor.contiguous, inputs)
        program = to_edge_transform_and_lower(
            torch.export.export(module, inputs, strict=False),
            partitioner=[XnnpackPartitioner()] if delegate else None,
            compile_config=EdgeCompileConfig(_check_ir_validity=False),
        )
        return bytes(program.to_executorch().buffer)

    exporter = Exporter("ExecuTorch", f"executorch {version('executorch')}", convert)
    return write_template(model, path, exporter, example=example, with_weights=with_weights)
