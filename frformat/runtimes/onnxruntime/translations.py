"""ONNX operators for operations that PyTorch's exporter translates wrongly."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any


def translations() -> dict[Callable[..., Any], Callable[..., Any]]:
    """Return, for operations on lengths, functions that the exporter calls to create nodes."""
    from onnxscript import opset18 as op

    def floordiv(a: Any, b: Any) -> Any:
        return op.Div(op.Sub(a, op.Mod(a, b)), b)  # the exporter rounds towards zero

    return {operator.floordiv: floordiv}
