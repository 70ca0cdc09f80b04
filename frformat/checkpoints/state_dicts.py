"""Find the intended state dict among everything that a PyTorch file contains."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import torch

from frformat.checkpoints import inert
from frformat.errors import EncodeError
from frformat.wording import listed

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
    """

    key: str
    tensors: Mapping[str, Any]
    weights: int

    def names(self) -> list[str]:
        """Return the names of its tensors in the file."""
        prefix = "" if self.key == WHOLE else f"{self.key}."
        return [prefix + name for name, value in self.tensors.items() if isinstance(value, torch.Tensor)]


def choose(content: object, entry: str | None) -> tuple[Mapping[str, Any], list[str]]:
    """Return the intended state dict, and notes for the user on the choice.

    The intended state dict is the only one with tensors that could be weights. Scalars and the states of optimizers and
    random generators do not count.

    Args:
        content: the content of the file: nested dicts, lists and other objects.
        entry: the key of the state dict to return, as listed in the error; None if there is only one.

    Raises:
        EncodeError: there is no state dict, none with that key, or several candidates, which the message lists.
    """
    found = list(_state_dicts(content))
    if not found:
        raise EncodeError(f"contains no named tensors{_instead(content)}; save model.state_dict() with torch.save")
    if entry is not None:
        for each in found:
            if each.key == entry:
                return each.tensors, []
        raise EncodeError(f"has no entry {entry!r} with tensors, but {_listed(found)}")
    meant = [each for each in found if each.weights] or found
    own = sorted((each for each in meant if each.key in RUN), key=lambda each: RUN.index(each.key))
    meant = own[:1] or meant
    if len(meant) > 1:
        raise EncodeError(f"contains several state dicts; select one with --entry: {_listed(meant)}")
    notes = [f"read the entry {meant[0].key!r} of the file"] if meant[0].key != WHOLE else []
    others = [name for each in found if each not in (meant[0], *own) for name in each.names()]
    notes += [f"left out other entries: {listed(others, SHOWN)}"] if others else []
    return meant[0].tensors, notes


def _state_dicts(content: object) -> Iterator[Found]:
    """Yield every dict of named tensors once, outer ones first. Objects of a file can contain themselves."""
    seen: dict[int, object] = {}  # the objects live as long as their ids are used
    queue: list[tuple[str, object]] = [("", content)]
    for key, value in queue:
        if id(value) in seen:
            continue
        seen[id(value)] = value
        value = _opened(value)
        if isinstance(value, Mapping) and not value.keys() >= OPTIMIZER:
            named = {name: each for name, each in value.items() if isinstance(name, str)}
            if any(isinstance(each, torch.Tensor) for each in named.values()):
                yield Found(key or WHOLE, named, sum(_is_weight(f"{key}.{name}", each) for name, each in named.items()))
            inner: Iterable[tuple[object, object]] = value.items()
        elif isinstance(value, list | tuple):
            inner = enumerate(value)
        else:
            continue
        queue += [
            (f"{key}.{name}" if key else f"{name}", each)
            for name, each in inner
            if isinstance(each, HOLDERS) and not str(name).endswith(OWN_STATE)
        ]


def _opened(value: object) -> object:
    """Return the content of an object: a module's state dict, or an inert object's state."""
    if isinstance(value, torch.nn.Module):
        return value.state_dict()
    return inert.state_of(value) if isinstance(value, inert.Inert) else value


def _is_weight(name: str, value: object) -> bool:
    """Return whether a tensor could be a weight, not a metric, a counter or the state of a random generator."""
    return isinstance(value, torch.Tensor) and value.dim() > 0 and "rng" not in name.lower()


def _listed(found: list[Found]) -> str:
    counts = [(each.key, len(each.names())) for each in found]
    return listed([f"{key!r} ({count} tensor{'s' * (count > 1)})" for key, count in counts], SHOWN)


def _instead(content: object) -> str:
    """Describe the content of a file without a state dict."""
    if isinstance(content, torch.Tensor):
        return ", but one tensor"
    if isinstance(content, list | tuple) and any(isinstance(each, torch.Tensor) for each in content):
        return ", but a list of tensors"
    if isinstance(content, Mapping) and any(isinstance(each, torch.Tensor) for each in content.values()):
        return ", but tensors with numbers as keys"
    return f", but something else ({type(content).__name__})"
