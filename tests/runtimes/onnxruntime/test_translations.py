"""Replaced translations of PyTorch's operations."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import pytest

pytest.importorskip("onnxscript")

from frformat.runtimes.onnxruntime.translations import translations

OPERATIONS = {str(operation): operation for operation in translations() if hasattr(operation, "_schema")}


@pytest.mark.parametrize("name", OPERATIONS)
def test_parameters_are_those_of_the_operation(name: str):
    """PyTorch 2.8 silently ignores a translation with other parameters."""
    operation: Any = OPERATIONS[name]
    function: Callable[..., Any] = translations()[operation]
    wanted = {each.name for each in operation._schema.arguments}
    assert set(inspect.signature(function).parameters) <= wanted
