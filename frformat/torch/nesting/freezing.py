"""Train one tier of a network while the smaller tiers remain unchanged, bit for bit."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from frformat.torch.capacity import get_tier, set_tier, tier_count
from frformat.torch.nesting.structure import frozen_part, parts


@contextmanager
def growing(model: nn.Module, tier: int) -> Iterator[None]:
    """Within the block, train a tier of a network; everything that smaller tiers use is frozen.

    Gradients of frozen entries are exactly zero. If an optimizer changes these entries nevertheless, for example
    through weight decay, they are restored before they are used again, and at the end of the block. Create the
    optimizer within the block.

    Args:
        model: a network with nested tiers; see :func:`frformat.torch.nesting.make_nested`.
        tier: the tier to train; 0 freezes nothing.

    Raises:
        ValueError: the tier does not exist.
    """
    if not 0 <= tier < tier_count(model):
        raise ValueError(f"tier {tier} does not exist; number of tiers in {type(model).__name__}: {tier_count(model)}")
    before = get_tier(model)
    with ExitStack() as stack:
        stack.callback(set_tier, model, before)
        set_tier(model, tier)
        if tier:
            _freeze(model, tier, stack)
        yield


def _freeze(model: nn.Module, tier: int, stack: ExitStack) -> None:
    growable = {id(held.original) for held in parts(model).values()}
    for parameter in model.parameters():
        if id(parameter) not in growable and parameter.requires_grad:
            parameter.requires_grad_(False)
            stack.callback(parameter.requires_grad_, True)
    for held in parts(model).values():
        index, original = frozen_part(held, tier), held.original
        restore = partial(_restore, original, index, original.detach()[index].clone())
        stack.callback(restore)
        stack.callback(held.register_forward_pre_hook(restore).remove)
        if original.requires_grad:
            stack.callback(original.register_hook(partial(_masked, index)).remove)  # type: ignore[no-untyped-call]


def _masked(index: Any, gradient: Tensor) -> Tensor:
    gradient = gradient.clone()
    gradient[index] = 0
    return gradient


@torch.no_grad()
def _restore(tensor: Tensor, index: Any, values: Tensor, *_: object) -> None:
    """Restore frozen entries if anything has changed them; also used as a hook."""
    if not torch.equal(tensor[index], values):
        tensor[index] = values
