"""Write models for LiteRT."""

from __future__ import annotations

import os
import tempfile
from importlib.metadata import version
from typing import Any

from torch import nn

from frformat.errors import DependencyError
from frformat.runtimes.exporters import quietly
from frformat.runtimes.template.writing import Exporter
from frformat.runtimes.template.writing import write as write_template
from frformat.runtimes.written import Export


def write(model: nn.Module, path: str, *, example: tuple[Any, ...] | None = None, with_weights: bool = False) -> Export:
    """Write a model for LiteRT; see :func:`frformat.runtimes.template.writing.write`.

    Raises:
        ExportError: the model cannot be exported. The message says why.
        DependencyError: the package ``litert-torch`` is not installed.
        OSError: the file cannot be written.
    """
    try:
        with quietly():
            import litert_torch
    except ImportError as error:
        raise DependencyError("exporting for LiteRT", error) from error

    def convert(module: nn.Module, inputs: tuple[Any, ...]) -> bytes:
        with tempfile.TemporaryDirectory() as folder:
            file = os.path.join(folder, "model.tflite")
            litert_torch.convert(module, inputs).export(file)
            with open(file, "rb") as written:
                return written.read()

    exporter = Exporter("LiteRT", f"litert-torch {version('litert-torch')}", convert)
    return write_template(model, path, exporter, example=example, with_weights=with_weights)
