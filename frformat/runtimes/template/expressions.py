"""What the nodes of a static network stand for: constants, thin values, and products that are not yet computed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from frformat.runtimes.template.layout import Basis, Product, Value


@dataclass(frozen=True)
class Constant:
    """An array that a filler computes, rearranged.

    Attributes:
        value: how to compute the elements.
        shape: their shape.
        steps: the functions to apply in order, each with its arguments after the first. They only move elements.
    """

    value: Value
    shape: tuple[int, ...]
    steps: tuple[tuple[Callable[..., Tensor], tuple[Any, ...]], ...] = ()

    def then(self, step: Callable[..., Tensor], *args: Any) -> Constant:
        """Return the constant after one more function."""
        return replace(self, steps=(*self.steps, (step, tuple(map(_hashable, args)))))

    def arranged(self, elements: Tensor) -> Tensor:
        """Return the constant, given the elements of its value."""
        found = elements.reshape(self.shape)
        for step, args in self.steps:
            found = step(found, *args)
        return found.contiguous()


@dataclass
class Thin:
    """Thin values without their last coefficient.

    Attributes:
        z: the other coefficients.
        ones: computes the last coefficient if it is not 1 everywhere, because an operation has been applied to all.
    """

    z: Tensor
    ones: Callable[[], Tensor] | None = None


@dataclass(frozen=True)
class Mean:
    """Means of thin values.

    Attributes:
        z: the thin values.
        mean: their means, broadcastable to them.
        centered: the thin values less their means.
    """

    z: Tensor
    mean: Tensor
    centered: Tensor


@dataclass(frozen=True)
class Spread:
    """Maps thin values to all channels: ``(basis @ (z - mean) + bias) * scale + shift``.

    Attributes:
        basis: (n, r).
        bias: (n,), or None for 0.
        mean: means of the thin values, or None for 0. If present, ``bias`` is None.
        scale: (n,), or None for 1.
        shift: (n,), or None for 0.
    """

    basis: Constant
    bias: Constant | None = None
    mean: Mean | None = None
    scale: Tensor | Constant | None = None
    shift: Tensor | Constant | None = None


@dataclass(frozen=True)
class Composed:
    """A projection of all channels that are spread from thin values."""

    projection: Any
    spread: Spread

    def constant(self) -> Constant | None:
        """Return the product as a constant; None if it does not consist of two bases."""
        projection, spread = self.projection, self.spread
        if spread.bias is not None or spread.mean is not None or spread.scale is not None:
            return None
        if not isinstance(projection, Constant) or not isinstance(projection.value, Basis):
            return None
        if not isinstance(spread.basis.value, Basis) or spread.basis.steps:
            return None
        (narrow, (_, start, _)), (transpose, _) = projection.steps
        assert narrow is torch.narrow
        assert transpose is torch.t
        product = Product(projection.value.axes, start, spread.basis.value.axes)
        return Constant(product, (projection.shape[1], spread.basis.shape[1]))


def _hashable(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value
