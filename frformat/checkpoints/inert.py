"""PyTorch files that name code: read without it, with something inert in the place of every object that needs it.

Files of everyday life hold an ``argparse.Namespace``, a path, a number of NumPy's, or a whole module beside or around
the tensors. PyTorch's reader for weights refuses all of these; here they are replaced, and nothing named in the file is
imported or called. Of a module's state the tensors are found where :class:`torch.nn.Module` keeps them.
"""

from __future__ import annotations

import pickle
import re
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

import torch

from frformat.errors import EncodeError

TRIES: Final = 400
"""How often a file is read at most; each time one more name is known."""

MODULES: Final = 1 << 18
"""A module with more modules in it is none."""

TENSORS: Final = (torch.Tensor, torch.storage.TypedStorage, torch.UntypedStorage)
"""What tensors are made of: where unknown code takes it, a tensor would be lost without the code."""

UNKNOWN: Final = re.compile(r"GLOBAL (\S+) was not an allowed global")
"""What PyTorch says of a name that it does not know."""

NO_OBJECT: Final = re.compile(r"Can only (SETITEM|SETITEMS|append|extend) .* but got <class '[^']*\.Inert<(.+)>'>")
"""What it says where an object has entries; only real dicts and lists may have some."""


class Inert:
    """Stands for an object of which only the class's name and the state are known.

    Attributes:
        state: what the object would have been given; None if nothing.
    """

    state: object = None

    def __new__(cls, *args: object, **options: object) -> Inert:
        """Takes any arguments but those that tensors are made of, and does nothing with them."""
        if any(isinstance(arg, TENSORS) for arg in args):
            raise EncodeError(f"a tensor is made by code of {cls.__name__[6:-1]}, or the file is damaged")
        return super().__new__(cls)

    def __init__(self, *args: object, **options: object) -> None:
        pass

    def __setstate__(self, state: object) -> None:
        self.state = state


def load(read: Callable[[], object]) -> tuple[object, list[str]]:
    """What a file holds.

    Args:
        read: loads the file by PyTorch's reader for weights.

    Returns:
        The content, and the names of what was replaced.

    Raises:
        UnpicklingError: PyTorch refuses the file for another reason.
    """
    kinds: dict[str, type] = {}
    for _ in range(TRIES):
        try:
            with torch.serialization.safe_globals([(kind, name) for name, kind in kinds.items()]):
                return read(), list(kinds)
        except pickle.UnpicklingError as error:
            unknown, entries = UNKNOWN.search(str(error)), NO_OBJECT.search(str(error))
            name = unknown[1] if unknown else ""
            name = name if "." in name else f"builtins.{name}"  # of which PyTorch does not tell the module
            if unknown and name not in kinds:
                kinds[name] = _inert(name, Inert)
            elif entries and entries[2] in kinds:
                kinds[entries[2]] = _inert(entries[2], _List if entries[1] in ("append", "extend") else _Dict)
            else:
                raise
    raise pickle.UnpicklingError(f"more than {TRIES} names of code")


def state_of(value: object) -> Mapping[Any, Any] | None:
    """The state of an inert object: of a module its tensors by name, as its state dict has them; None without one."""
    state = value.state if isinstance(value, Inert) else None
    if not isinstance(state, Mapping):
        return None
    return dict(_tensors(state)) if is_module(value) else state


def is_module(value: object) -> bool:
    """Whether an inert object was a :class:`torch.nn.Module`."""
    state = value.state if isinstance(value, Inert) else None
    return isinstance(state, Mapping) and all(
        isinstance(state.get(part), Mapping) for part in ("_parameters", "_buffers", "_modules")
    )


def _tensors(state: Mapping[Any, Any]) -> Iterator[tuple[str, torch.Tensor]]:
    """Parameters and persistent buffers of a module, then those of the modules in it."""
    visits = 0
    stack: list[tuple[str, Mapping[Any, Any]]] = [("", state)]
    while stack:
        visits += 1
        if visits > MODULES:
            raise EncodeError(f"its modules hold each other, or are more than {MODULES:,}")
        prefix, state = stack.pop()
        passing = state.get("_non_persistent_buffers_set") or ()
        for part in ("_parameters", "_buffers"):
            for name, value in state[part].items():
                if isinstance(value, torch.Tensor) and not (part == "_buffers" and name in passing):
                    yield f"{prefix}{name}", value
        inner = [(f"{prefix}{name}.", module.state) for name, module in state["_modules"].items() if is_module(module)]
        stack += reversed(inner)


class _Dict:
    """Gives a real dict, which may have entries and attributes."""

    def __new__(cls, *args: object) -> Any:
        return OrderedDict()


class _List:
    """Gives a real list."""

    def __new__(cls, *args: object) -> Any:
        return []


def _inert(name: str, base: type) -> type:
    """A class of its own for a name, which PyTorch's errors tell."""
    return type(f"Inert<{name}>", (base,), {})
