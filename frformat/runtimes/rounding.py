"""Find out by how much rounding errors change the results of a model."""

from __future__ import annotations

import copy
from typing import Any, Final

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves, tree_map_only

from frformat.runtimes.copies import state
from frformat.torch import copying

NUMBERS: Final = "other numbers"
"""The fault of a result that has the right shape and dtype, but differs by more than rounding errors."""

ERRORS: Final = 8
"""By how many rounding errors to change each weight and each input."""

NOISE: Final = 16
"""By how many times as much as :func:`shaken` the results of another implementation can differ."""


def shaken(model: nn.Module, example: tuple[Any, ...], expected: list[Tensor]) -> list[Tensor]:
    """Return the results of a model whose weights and inputs have changed by a few rounding errors, at random.

    If terms of a sum cancel each other, the result changes by much more than its own rounding error.

    Args:
        model: the model, which is not modified.
        example: all inputs.
        expected: the results of the model, which are returned if the changed model fails or returns other shapes.
    """
    try:
        with torch.no_grad(), torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            changed = copying.copied(model).eval()
            for weight in {id(each): each for each in state(changed).values()}.values():
                weight.copy_(_shaken(weight))
            inputs = tree_map_only(Tensor, _shaken, copy.deepcopy(example))
            torch.manual_seed(0)
            found = [each for each in tree_leaves(changed(*inputs)) if isinstance(each, Tensor)]
    except Exception:  # the model can raise anything
        return expected
    return found if [each.shape for each in found] == [each.shape for each in expected] else expected


def _shaken(tensor: Tensor) -> Tensor:
    if not tensor.is_floating_point():
        return tensor
    error = ERRORS * torch.finfo(tensor.dtype).eps
    return tensor * (1 + error * (2 * torch.rand(tensor.shape) - 1)).to(tensor.dtype)
