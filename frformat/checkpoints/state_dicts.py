"""The state dict that is meant, among all that a PyTorch file holds."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import torch

from frformat.checkpoints import inert
from frformat.errors import EncodeError

WHOLE: Final = "."
"""How the outermost dict of a file is called where one is to be chosen."""

RUN: Final = ("state.run.average", "state.run.model")
"""The weights in a checkpoint of ``frformat train``, which says which ones count: their average if there is one."""

HOLDERS: Final = (Mapping, list, tuple, torch.nn.Module, inert.Inert)
"""What may hold a state dict."""

SHOWN: Final = 12
"""At most so many state dicts are listed in an error."""

OPTIMIZER: Final = {"state", "param_groups"}
"""Keys by which the state of an optimizer is told: what is in it are no weights."""

OWN_STATE: Final = "_extra_state"
"""The last part of the name of what a module adds to its state dict; it may be a dict of tensors."""


@dataclass(frozen=True)
class Found:
    """A dict with tensors by name.

    Attributes:
        key: its path of keys in the file, joined with dots; :data:`WHOLE` for the outermost one.
        tensors: what it holds, whatever it is.
        weights: how many of these are tensors that could be weights.
    """

    key: str
    tensors: Mapping[str, Any]
    weights: int

    def names(self) -> list[str]:
        """Where its tensors are in the file."""
        prefix = "" if self.key == WHOLE else f"{self.key}."
        return [prefix + name for name, value in self.tensors.items() if isinstance(value, torch.Tensor)]


def choose(content: object, entry: str | None) -> tuple[Mapping[str, Any], list[str]]:
    """The state dict that is meant, and what a user should know of the choice.

    It is the only one with tensors that could be weights: not scalars, and not of an optimizer or a random generator.

    Args:
        content: what the file holds: dicts, lists and whatever else, in one another.
        entry: the key of the one that is wanted, as in the error that lists them; None if there is but one.

    Raises:
        EncodeError: there is none, or none of that key; or several could be meant, which are listed.
    """
    found = list(_state_dicts(content))
    if not found:
        raise EncodeError(f"holds no tensors by name{_instead(content)}; save model.state_dict() with torch.save")
    if entry is not None:
        for each in found:
            if each.key == entry:
                return each.tensors, []
        raise EncodeError(f"has no entry {entry!r} with tensors, but {_listed(found)}")
    meant = [each for each in found if each.weights] or found
    own = sorted((each for each in meant if each.key in RUN), key=lambda each: RUN.index(each.key))
    meant = own[:1] or meant
    if len(meant) > 1:
        raise EncodeError(f"holds several state dicts; choose one with --entry: {_listed(meant)}")
    notes = [f"took the entry {meant[0].key!r} of the file"] if meant[0].key != WHOLE else []
    others = [name for each in found if each not in (meant[0], *own) for name in each.names()]
    notes += [f"left out what is no network: {_shortened(others)}"] if others else []
    return meant[0].tensors, notes


def _state_dicts(content: object) -> Iterator[Found]:
    """All dicts with tensors by name, each once, the outer ones first; a file may hold itself, or nest without end."""
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
    """What an object holds: of a module its state dict, of one that is inert its state."""
    if isinstance(value, torch.nn.Module):
        return value.state_dict()
    return inert.state_of(value) if isinstance(value, inert.Inert) else value


def _is_weight(name: str, value: object) -> bool:
    """Whether a tensor could be one of a network, not a metric, a counter or the state of a random generator."""
    return isinstance(value, torch.Tensor) and value.dim() > 0 and "rng" not in name.lower()


def _listed(found: list[Found]) -> str:
    counts = [(each.key, len(each.names())) for each in found]
    return _shortened([f"{key!r} ({count} tensor{'s' * (count > 1)})" for key, count in counts])


def _shortened(texts: list[str]) -> str:
    return ", ".join(texts[:SHOWN]) + (f" and {len(texts) - SHOWN:,} more" if len(texts) > SHOWN else "")


def _instead(content: object) -> str:
    """What a file without a state dict holds."""
    if isinstance(content, torch.Tensor):
        return ", but one tensor"
    if isinstance(content, list | tuple) and any(isinstance(each, torch.Tensor) for each in content):
        return ", but a list of them"
    if isinstance(content, Mapping) and any(isinstance(each, torch.Tensor) for each in content.values()):
        return ", but tensors by numbers"
    return f", but something else ({type(content).__name__})"
