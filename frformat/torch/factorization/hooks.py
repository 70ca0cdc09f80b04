"""Hooks, and forward methods of single modules: what users add to a model, and what must not get lost."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final, TypeVar

from torch import nn

Model = TypeVar("Model", bound=nn.Module)

HOOKS: Final = (
    "_forward_hooks",
    "_forward_hooks_with_kwargs",
    "_forward_hooks_always_called",
    "_forward_pre_hooks",
    "_forward_pre_hooks_with_kwargs",
    "_backward_hooks",
    "_backward_pre_hooks",
    "_is_full_backward_hook",
)
"""Attributes of modules that have to do with hooks which are called when a model runs."""

CALLED: Final = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")
"""Those that hold the hooks."""


def is_watched(module: nn.Module) -> bool:
    """Return whether more happens when a module is called than what its class says: hooks, or a forward method of its own."""
    return "forward" in vars(module) or any(getattr(module, name) for name in CALLED)


def copied(model: Model) -> Model:
    """Return a copy of a model with the same hooks: those that are methods of its modules become those of the copies."""
    own = set(map(id, model.modules()))
    memo: dict[int, Any] = {}
    for module in model.modules():
        for name in CALLED:
            for hook in getattr(module, name).values():
                bound = getattr(hook, "__self__", hook)
                if id(bound) not in own:
                    memo[id(bound)] = bound  # a collector, say, that somebody will read
    return copy.deepcopy(model, memo)


def hand_over(source: nn.Module, target: nn.Module) -> None:
    """Give a module the hooks of another."""
    for name in HOOKS:
        setattr(target, name, copy.copy(getattr(source, name)))


@contextmanager
def without_hooks(model: nn.Module) -> Iterator[None]:
    """Run a model unseen, for a while."""
    kept = [(module, name, getattr(module, name)) for module in model.modules() for name in CALLED]
    for module, name, hooks in kept:
        setattr(module, name, type(hooks)())
    try:
        yield
    finally:
        for module, name, hooks in kept:
            setattr(module, name, hooks)
