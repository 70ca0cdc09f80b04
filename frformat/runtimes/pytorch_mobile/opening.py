"""Run functions of PyTorch that are written in Python so that a mode sees the operators that they call.

Such a function first asks whether a mode overrides it, and the mode then sees only the function as a whole.
"""

from __future__ import annotations

from collections.abc import Callable
from types import CellType, FunctionType
from typing import Any, Final

import torch
from torch.overrides import TorchFunctionMode, _get_current_function_mode, _pop_mode_temporarily

ASKS: Final = "has_torch_function"
"""How the names of the functions begin that find out whether something overrides a function."""

_OPENED: Final[dict[FunctionType, FunctionType]] = {}
_NAMESPACES: Final[dict[int, dict[str, Any]]] = {}


def opened(function: FunctionType) -> FunctionType:
    """Return a function that does the same as one of PyTorch, but that no mode overrides."""
    if function not in _OPENED:
        cells = [(cell, CellType()) for cell in function.__closure__ or ()]
        made = FunctionType(
            function.__code__,
            _namespace(function.__globals__),
            function.__name__,
            function.__defaults__,
            tuple(other for _, other in cells),
        )
        made.__kwdefaults__ = function.__kwdefaults__
        _OPENED[function] = made  # a function can refer to itself
        for cell, other in cells:
            content = cell.cell_contents
            asks = isinstance(content, FunctionType) and _asks(content.__globals__)
            other.cell_contents = opened(content) if asks else content
    return _OPENED[function]


def _namespace(names: dict[str, Any]) -> dict[str, Any]:
    """Return the variables of a module, in which no mode overrides the module's own functions."""
    if not _asks(names):
        return names
    if id(names) in _NAMESPACES:
        return _NAMESPACES[id(names)]
    found = _NAMESPACES[id(names)] = dict(names)
    for name, value in names.items():
        if name.startswith(ASKS):
            found[name] = _by_arguments(value)
        elif _belongs(value, names):
            found[name] = opened(value)
    return found


def _asks(names: dict[str, Any]) -> bool:
    return names is not torch.overrides.__dict__ and any(name.startswith(ASKS) for name in names)


def _belongs(value: Any, names: dict[str, Any]) -> bool:
    """Return whether a value is a function of a module, or a choice between such functions."""
    if not isinstance(value, FunctionType):
        return False
    inner = [cell.cell_contents for cell in value.__closure__ or ()]
    return value.__globals__ is names or any(getattr(each, "__globals__", None) is names for each in inner)


def _by_arguments(asks: Callable[..., bool]) -> Callable[..., bool]:
    """Return a function that finds out whether arguments override a function, whatever the mode does."""

    def call(*arguments: Any) -> bool:
        if not isinstance(_get_current_function_mode(), TorchFunctionMode):  # type: ignore[no-untyped-call]
            return asks(*arguments)
        with _pop_mode_temporarily():
            return asks(*arguments)

    return call
