"""Preserve hooks and forward methods that users add to individual modules."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final, TypeVar

from torch import nn

from frformat.torch import copying

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
"""Attributes of modules that contain, or describe, the hooks called when a model runs."""

CALLED: Final = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")
"""The attributes that contain the hooks."""


def is_watched(module: nn.Module) -> bool:
    """Return whether calling a module does more than its class defines, because of hooks or its own forward method."""
    return "forward" in vars(module) or any(getattr(module, name) for name in CALLED)


def copied(model: Model) -> Model:
    """Copy a model with its hooks. Hooks that are methods of its modules become methods of the copies."""
    own = set(map(id, model.modules()))
    memo: dict[int, Any] = {}
    for module in model.modules():
        for name in CALLED:
            for hook in getattr(module, name).values():
                bound = getattr(hook, "__self__", hook)
                if id(bound) not in own:
                    memo[id(bound)] = bound  # for example, a collector that the user will read
    return copying.copied(model, memo)


def hand_over(source: nn.Module, target: nn.Module) -> None:
    """Copy a module's hooks to another module."""
    for name in HOOKS:
        setattr(target, name, copy.copy(getattr(source, name)))


@contextmanager
def without_hooks(model: nn.Module) -> Iterator[None]:
    """Within a ``with`` block, disable a model's hooks."""
    kept = [(module, name, getattr(module, name)) for module in model.modules() for name in CALLED]
    for module, name, hooks in kept:
        setattr(module, name, type(hooks)())
    try:
        yield
    finally:
        for module, name, hooks in kept:
            setattr(module, name, hooks)
