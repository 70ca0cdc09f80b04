"""Find the intended state dict among everything that a PyTorch file contains."""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import torch

from frformat.checkpoints import inert
from frformat.checkpoints.quantized import PACKED
from frformat.errors import EncodeError
from frformat.wording import count, listed

WHOLE: Final = "."
"""The name with which users select a file's outermost dict."""

RUN: Final = ("state.run.average", "state.run.model")
"""The entries of ``frformat train`` checkpoints that contain the weights, best first: averaged, then current."""

HOLDERS: Final = (Mapping, list, tuple, torch.nn.Module, inert.Inert)
"""Types that can contain a state dict."""

SHOWN: Final = 12
"""Largest number of state dicts to list in an error."""

OPTIMIZER: Final = {"state", "param_groups"}
"""Keys that identify an optimizer's state, whose tensors are not weights."""

OWN_STATE: Final = "_extra_state"
"""The last part of the name of a module's extra state, which may be a dict of tensors."""


@dataclass(frozen=True)
class Found:
    """A dict of named tensors.

    Attributes:
        key: the keys that lead to it in the file, joined with dots; :data:`WHOLE` for the outermost one.
        tensors: its content, of any type.
        weights: how many of its entries are tensors that could be weights.
        elements: total number of elements of those tensors.
    """

    key: str
    tensors: Mapping[str, Any]
    weights: int
    elements: int

    @classmethod
    def of(cls, key: str, tensors: Mapping[str, Any]) -> Found:
        """Describe a dict."""
        weights = [value for name, value in tensors.items() if _is_weight(f"{key}.{name}", value)]
        return cls(key or WHOLE, tensors, len(weights), sum(value.numel() for value in weights))

    def names(self) -> list[str]:
        """Return the names of its tensors in the file."""
        prefix = "" if self.key == WHOLE else f"{self.key}."
        return [prefix + name for name, value in self.tensors.items() if isinstance(value, torch.Tensor)]


def choose(content: object, entry: str | None) -> tuple[Mapping[str, Any], list[str]]:
    """Return the intended state dict, and notes for the user on the choice.

    The intended state dict is the only one with tensors that could be weights or, in a checkpoint of
    ``frformat train``, the first of :data:`RUN`. Scalars and the states of optimizers and random generators do not
    count. Tensors without names, such as those of a list, must not have more elements than the intended state dict.

    Args:
        content: the content of the file: nested dicts, lists and other objects.
        entry: the key of the state dict to return, as listed in the error; None if there is only one.

    Raises:
        EncodeError: there is no state dict, none with that key, or several candidates, which the message lists; or
            some of its tensors have no names.
    """
    found, unnamed, arrays = _state_dicts(content)
    if not found:
        raise EncodeError(f"contains no named tensors{_instead(content, arrays)}")
    if entry is not None:
        meant = [each for each in found if each.key == entry]
        if not meant:
            raise EncodeError(f"has no entry {entry!r} with tensors, but {_listed(found)}")
        if len(meant) > 1:
            raise EncodeError(f"has {len(meant)} entries {entry!r}: rename all but one, so that their keys differ")
        _check_named(meant[0], unnamed)
        return meant[0].tensors, []
    meant = [each for each in found if each.weights] or found
    own = sorted((each for each in meant if each.key in RUN), key=lambda each: RUN.index(each.key))
    meant = own[:1] or meant
    if len(meant) > 1:
        raise EncodeError(f"contains several state dicts; select one with --entry: {_listed(meant)}")
    _check_named(meant[0], unnamed)
    notes = [f"read the entry {meant[0].key!r} of the file"] if meant[0].key != WHOLE else []
    used = {id(each) for each in (meant[0], *own)}
    others = [name for each in found if id(each) not in used for name in each.names()]
    others += [f"{each.key} ({count(each.weights, 'tensor')} without names)" for each in unnamed if each.weights]
    notes += [f"left out other entries: {listed(others, SHOWN)}"] if others else []
    largest = max(unnamed, key=lambda each: each.elements, default=meant[0])
    if largest.elements > meant[0].elements:
        raise EncodeError(
            f"the tensors in {largest.key!r} have no names, but more elements than the named ones; if the named ones "
            f"are the network, use --entry {meant[0].key}; otherwise, save model.state_dict() with torch.save"
        )
    numpy = max(arrays, key=lambda each: each.elements, default=meant[0])
    if numpy.elements > meant[0].elements:
        raise EncodeError(
            f"the NumPy arrays in {numpy.key!r} have more elements than the tensors in {meant[0].key!r}; if these "
            f"tensors are the network, use --entry {meant[0].key}; otherwise, save the arrays with numpy.savez"
        )
    return meant[0].tensors, notes


def _check_named(chosen: Found, unnamed: list[Found]) -> None:
    """Check that all tensors of a dict have names."""
    for each in unnamed:
        if each.key == chosen.key:
            keys = listed(list(each.tensors), SHOWN)
            raise EncodeError(f"tensors must have strings as keys, not {keys}; save model.state_dict() with torch.save")


def _state_dicts(content: object) -> tuple[list[Found], list[Found], list[Found]]:
    """Return every dict of named tensors once, outer ones first; the tensors without names; and the NumPy arrays.

    For example, the tensors in a list have no names. Objects in a file can contain themselves.
    """
    found, unnamed, arrays = [], [], []
    seen: dict[int, object] = {}  # the objects live as long as their ids are used
    queue: list[tuple[str, object]] = [("", content)]
    for key, value in queue:
        if id(value) in seen:
            continue
        seen[id(value)] = value
        value = _opened(value)
        if isinstance(value, Mapping) and not value.keys() >= OPTIMIZER:
            inner: list[tuple[object, object]] = list(value.items())
        elif isinstance(value, list | tuple):
            inner = list(enumerate(value))
        else:
            continue
        named = OrderedDict((name, each) for name, each in inner if isinstance(name, str))
        if hasattr(value, "_metadata"):
            named.__dict__["_metadata"] = value._metadata  # PyTorch's description of the modules
        if any(isinstance(each, torch.Tensor) for each in named.values()):
            found.append(Found.of(key, named))
        others = {f"{name}": each for name, each in inner if not isinstance(name, str)}
        if any(isinstance(each, torch.Tensor) for each in others.values()) and not key.endswith(PACKED):
            unnamed.append(Found.of(key, others))
        sizes = {f"{name}": inert.array_elements(each) for name, each in inner}
        if any(sizes.values()) and not re.search("rng|random", key.lower()):
            arrays.append(Found(key or WHOLE, sizes, len(sizes), sum(sizes.values())))
        queue += [
            (f"{key}.{name}" if key else f"{name}", each)
            for name, each in inner
            if isinstance(each, HOLDERS) and str(name).rpartition(".")[2] != OWN_STATE
        ]
    return found, unnamed, arrays


def _opened(value: object) -> object:
    """Return the content of an object: a module's state dict, or an inert object's state."""
    if isinstance(value, torch.nn.Module):
        return value.state_dict()
    return inert.state_of(value) if isinstance(value, inert.Inert) else value


def _is_weight(name: str, value: object) -> bool:
    """Return whether a tensor could be a weight, not a metric, a counter or the state of a random generator."""
    if not isinstance(value, torch.Tensor) or value.dim() == 0:
        return False
    return not (value.dtype == torch.uint8 and "rng" in name.lower())


def _listed(found: list[Found]) -> str:
    return listed([f"{each.key!r} ({count(len(each.names()), 'tensor')})" for each in found], SHOWN)


def _instead(content: object, arrays: list[Found]) -> str:
    """Describe the content of a file without a state dict, and say what to do."""
    if arrays:
        return ", but NumPy arrays; save them with numpy.savez"
    return f"{_tensors(content)}; save model.state_dict() with torch.save"


def _tensors(content: object) -> str:
    if isinstance(content, torch.Tensor):
        return ", but one tensor"
    if isinstance(content, list | tuple) and any(isinstance(each, torch.Tensor) for each in content):
        return ", but a list of tensors"
    if isinstance(content, Mapping) and any(isinstance(each, torch.Tensor) for each in content.values()):
        return ", but tensors with keys that are not strings"
    return f", but something else ({inert.kind_of(content)})"
