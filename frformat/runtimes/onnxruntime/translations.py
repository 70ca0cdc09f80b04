"""ONNX operators for operations that PyTorch's exporter translates wrongly."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any


def translations() -> dict[Callable[..., Any], Callable[..., Any]]:
    """Return, for operations on lengths, functions that the exporter calls to create nodes."""
    from onnxscript import opset18 as op

    def floordiv(a: Any, b: Any) -> Any:
        if _is_length(a) and isinstance(b, int) and b > 0:
            return op.Div(a, b)
        return op.Div(op.Sub(a, op.Mod(a, b)), b)  # Div, the exporter's choice, rounds towards zero

    return {operator.floordiv: floordiv}


def _is_length(value: Any) -> bool:
    """Return whether a value is the length of an axis, and therefore not negative."""
    node = getattr(value, "producer", lambda: None)()
    return node is not None and (node.op_type == "Shape" or (node.op_type == "Squeeze" and _is_length(node.inputs[0])))
