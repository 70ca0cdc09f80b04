"""Replace the forward method of a parametrized layer where there is a cheaper way than rebuilding its weight."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

from torch import Tensor, nn
from torch.nn.utils.parametrize import type_before_parametrizations

Attempt = Callable[[Any, Tensor], Tensor | None]
"""Function of a layer and its input that returns the output, or None to use the layer's own forward method."""


def override(layer: nn.Module, attempt: Attempt) -> None:
    """Make a parametrized layer call ``attempt`` before its own forward method.

    This changes only the class that PyTorch created for this layer, as :mod:`torch.nn.utils.parametrize` itself does.
    Nothing is left behind when the parametrization is removed.

    Args:
        layer: a layer with a parametrization.
        attempt: the function to call unless the layer receives additional arguments. It is the key of a cache, so do
            not pass a new function for each layer.
    """
    type(layer).forward = _forward(type_before_parametrizations(layer), attempt)


@cache
def _forward(plain: Any, attempt: Attempt) -> Callable[..., Tensor]:
    def forward(layer: Any, *args: Any, **kwargs: Any) -> Tensor:
        if len(args) == 1 and not kwargs:
            out = attempt(layer, args[0])
            if out is not None:
                return out
        rebuilt: Tensor = plain.forward(layer, *args, **kwargs)
        return rebuilt

    return forward
