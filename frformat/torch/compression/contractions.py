"""Rewrite products with a matrix, such as ``torch.einsum("bi,oi->bo", x, weight)``, as linear layers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

LEFT: Final = (torch.matmul, torch.mm, torch.mv, Tensor.matmul, Tensor.mm, Tensor.mv, Tensor.__matmul__)


class Product(NamedTuple):
    """A product with a matrix.

    Attributes:
        weight: the matrix.
        run: function that computes the product by a linear layer or a matrix product whose second operand is the
            matrix.
    """

    weight: Tensor
    run: Callable[[], Tensor]


def products(func: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> list[Product]:
    """Return the ways to regard a call as a product with one of its operands, each of which may be the weights."""
    if kwargs or not all(isinstance(each, Tensor) for each in args[1 if func is torch.einsum else 0 :]):
        return []
    if func in LEFT and len(args) == 2 and args[0].dim() == 2 and args[1].dim() >= 1:
        weight, x = args
        if x.dim() == 1:
            return [Product(weight, lambda: F.linear(x, weight))]
        return [Product(weight, lambda: F.linear(x.mT, weight).mT)]
    if func is torch.einsum and len(args) == 3 and isinstance(args[0], str):
        inputs, arrow, out = args[0].replace(" ", "").partition("->")
        terms = inputs.split(",")
        if arrow and len(terms) == 2:
            ways = ((args[1], terms[0], args[2], terms[1]), (args[2], terms[1], args[1], terms[0]))
            return [found for way in ways if (found := _product(*way, out)) is not None]
    return []


def _product(x: Tensor, labels: str, weight: Tensor, own: str, out: str) -> Product | None:
    """Return the product of ``x`` and a matrix, given the labels of their axes; None if it is not a linear layer."""
    if weight.dim() != 2 or len(own) != 2 or len(set(own)) != 2 or not own.isalpha():
        return None
    before, after = _axes(labels, x.dim()), _axes(out, x.dim())
    if len(before) != x.dim() or len(set(before)) != len(before):
        return None
    summed = [label for label in own if label in before and label not in after]
    kept = [label for label in own if label in after and label not in before]
    if len(summed) != 1 or len(kept) != 1:
        return None
    rest = [label for label in before if label != summed[0]]
    if sorted(after) != sorted([*rest, *kept]):
        return None
    order = [[*rest, *kept].index(label) for label in after]
    last = before.index(summed[0])

    def run() -> Tensor:
        moved = x.movedim(last, -1)
        found = F.linear(moved, weight) if own[1] == summed[0] else torch.matmul(moved, weight)
        return found.permute(order)

    return Product(weight, run)


def _axes(labels: str, dim: int) -> list[str]:
    """Return one label for each axis; an ellipsis stands for all axes that have none."""
    head, dots, tail = labels.partition("...")
    missing = dim - len(head) - len(tail) if dots else 0
    return [*head, *(f"...{axis}" for axis in range(missing)), *tail]
