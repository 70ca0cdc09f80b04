"""Read PyTorch files without running the code that they refer to. Inert placeholders replace objects that need code.

Ordinary files often contain an ``argparse.Namespace``, a path, a NumPy number or a whole module alongside the tensors.
PyTorch's weights-only reader rejects all of these. Here they are replaced, and nothing that the file refers to is
imported or called. The tensors of a module are found where :class:`torch.nn.Module` keeps them in its state.
"""

from __future__ import annotations

import math
import pickle
import re
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

import numpy as np
import torch

from frformat.errors import EncodeError

TRIES: Final = 400
"""Maximum number of attempts to read a file; each attempt allows one more name."""

MODULES: Final = 1 << 18
"""Maximum number of modules in a model, including all nested ones."""

TENSORS: Final = (torch.Tensor, torch.storage.TypedStorage, torch.UntypedStorage)
"""The building blocks of tensors: if unknown code takes one as an argument, skipping that code would lose a tensor."""

UNKNOWN: Final = re.compile(r"GLOBAL (\S+) was not an allowed global")
"""PyTorch's message about a name that is not allowed."""

ARRAYS: Final = ("numpy._core.multiarray._reconstruct", "numpy.core.multiarray._reconstruct")
"""Names of the function that creates the NumPy arrays in a file: in NumPy 2, and in earlier versions."""

NO_LIST: Final = re.compile(r"Can only (?:append|extend) .* but got <class '[^']*\.Inert<(.+)>'>")
"""PyTorch's message about an object with elements that is no real list."""

NO_DICT: Final = re.compile(
    r"Can only SETITEMS? .* but got <class '[^']*\.Inert<(.+)>'>|'Inert<(.+)>' object does not support item assignment"
)
"""PyTorch's message about an object with items that is no real dict; the second one is that of PyTorch 2.8."""


class Inert:
    """A placeholder for an object: only its class name and its state are known.

    Attributes:
        state: the state that the object would have received; None if there is none.
    """

    state: object = None

    def __new__(cls, *args: object, **options: object) -> Inert:
        """Accept any arguments except those with building blocks of tensors, and ignore them."""
        if _contains_tensors(args):
            raise EncodeError(f"loading a tensor requires the code of {cls.__name__[6:-1]}, or the file is damaged")
        return super().__new__(cls)

    def __init__(self, *args: object, **options: object) -> None:
        pass

    def __repr__(self) -> str:
        return kind_of(self)

    def __setstate__(self, state: object) -> None:
        self.state = state


def load(read: Callable[[], object]) -> tuple[object, list[str]]:
    """Load the content of a file.

    Args:
        read: loads the file with PyTorch's weights-only reader.

    Returns:
        The content, and the names of the objects that were replaced.

    Raises:
        EncodeError: a tensor cannot be loaded without the code of its class.
        UnpicklingError: PyTorch rejects the file for a reason other than unknown classes and functions, or the file
            refers to too many of them.
    """
    kinds: dict[str, type] = {}
    for _ in range(TRIES):
        try:
            with torch.serialization.safe_globals([(kind, name) for name, kind in kinds.items()]):
                return read(), list(kinds)
        except (pickle.UnpicklingError, RuntimeError, TypeError) as error:
            if "Tensor subclass" in str(error) and kinds:
                raise EncodeError(
                    f"loading a tensor requires the code of its class, probably {list(kinds)[-1]}; save plain tensors "
                    "instead, or use --trust-pickle to run code from the file"
                ) from error
            unknown, elements, items = (pattern.search(str(error)) for pattern in (UNKNOWN, NO_LIST, NO_DICT))
            name = unknown[1] if unknown else ""
            name = name if "." in name else f"builtins.{name}"  # PyTorch omits the module of built-ins
            if unknown and name not in kinds:
                kinds[name] = _inert(name, Inert)
            elif elements and elements[1] in kinds:
                kinds[elements[1]] = _inert(elements[1], _List)
            elif items and (name := items[1] or items[2]) in kinds:
                kinds[name] = _inert(name, _Dict)
            else:
                raise
    raise pickle.UnpicklingError(f"it refers to more than {TRIES} classes and functions")


def state_of(value: object) -> Mapping[Any, Any] | None:
    """Return an inert object's state if it is a mapping, else None; for a module, its tensors as in a state dict."""
    state = value.state if isinstance(value, Inert) else None
    if not isinstance(state, Mapping):
        return None
    return dict(_tensors(state)) if is_module(value) else state


def kind_of(value: object) -> str:
    """Return the name of an object's class, even if the object is inert."""
    return type(value).__name__.removeprefix("Inert<").removesuffix(">")


def array_elements(value: object) -> int:
    """Return the number of elements of a NumPy array, which can be inert; 0 for anything else."""
    if isinstance(value, np.ndarray):
        return value.size
    if not isinstance(value, Inert) or kind_of(value) not in ARRAYS:
        return 0
    shape = value.state[1] if isinstance(value.state, tuple) and len(value.state) > 1 else ()
    lawful = isinstance(shape, tuple) and all(isinstance(length, int) and length >= 0 for length in shape)
    return math.prod(shape) if lawful else 0


def is_packed(value: object) -> bool:
    """Return whether an object, which can be inert, is one of C++, such as the packed weights of a quantized layer."""
    return kind_of(value).rpartition(".")[2] == "ScriptObject"


def is_module(value: object) -> bool:
    """Return whether an inert object was a :class:`torch.nn.Module`."""
    state = value.state if isinstance(value, Inert) else None
    return isinstance(state, Mapping) and all(
        isinstance(state.get(part), Mapping) for part in ("_parameters", "_buffers", "_modules")
    )


def _tensors(state: Mapping[Any, Any]) -> Iterator[tuple[str, torch.Tensor]]:
    """Yield the parameters and persistent buffers of a module, then those of its submodules.

    Raises:
        EncodeError: only the code of a module could tell its tensors, or there are too many modules.
    """
    visits = 0
    stack: list[tuple[str, Mapping[Any, Any]]] = [("", state)]
    while stack:
        visits += 1
        if visits > MODULES:
            raise EncodeError(f"it has modules that contain each other, or more than {MODULES:,} modules")
        prefix, state = stack.pop()
        passing = state.get("_non_persistent_buffers_set") or ()
        for part in ("_parameters", "_buffers"):
            for name, value in state[part].items():
                if isinstance(value, torch.Tensor) and not (part == "_buffers" and name in passing):
                    yield f"{prefix}{name}", value
        inner = {f"{prefix}{name}": module for name, module in state["_modules"].items() if module is not None}
        hidden = {name: module for name, module in inner.items() if not is_module(module)}
        hidden |= {f"{prefix}{name}": value for name, value in state.items() if is_packed(value)}
        for name, value in hidden.items():
            raise EncodeError(
                f"the tensors of {name!r} cannot be read without the code of {kind_of(value)}; save model.state_dict() "
                "instead, or use --trust-pickle to run code from the file"
            )
        stack += reversed([(f"{name}.", module.state) for name, module in inner.items()])


def _contains_tensors(args: object) -> bool:
    """Return whether nested tuples, lists and dicts contain the building blocks of tensors."""
    seen: dict[int, object] = {}
    queue = [args]
    for value in queue:
        if isinstance(value, TENSORS):
            return True
        if id(value) not in seen and isinstance(value, list | tuple | Mapping):
            seen[id(value)] = value
            queue += value.values() if isinstance(value, Mapping) else value
    return False


class _Dict:
    """Creates a real dict, which can have entries and attributes."""

    def __new__(cls, *args: object) -> Any:
        return OrderedDict()


class _List:
    """Creates a real list."""

    def __new__(cls, *args: object) -> Any:
        return []


def _inert(name: str, base: type) -> type:
    """Create a placeholder class that PyTorch's errors identify by ``name``."""
    return type(f"Inert<{name}>", (base,), {})
