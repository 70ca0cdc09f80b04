"""The Tucker form of a weight: a small core times one trained factor along some of its axes."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from typing import Any, Final

import torch
from torch import Tensor, nn
from torch.nn.utils.parametrize import ParametrizationList, is_parametrized, type_before_parametrizations

from frformat.checkpoints.regularized import Facts
from frformat.torch.lowrank.cost import Run
from frformat.torch.lowrank.products import Movement, convolve, multiply

ITERATIONS: Final = 30
"""Rounds of orthogonal iteration at most."""

TOLERANCE: Final = 1e-7
"""It ends when a round adds less than this share of the weight's energy to the core."""


class Tucker(nn.Module):
    """For :func:`torch.nn.utils.parametrize.register_parametrization`: a weight as a core times a factor along axes.

    The original parameters become the core and one factor of shape (n, r) for each axis that has one. All are trained.

    Attributes:
        shape: of the weight.
        ranks: by axis, in ascending order, the rank of its factor.
    """

    def __init__(self, shape: Sequence[int], ranks: Mapping[int, int]) -> None:
        """Prepare for weights of one shape.

        Raises:
            ValueError: there is no such axis, or a rank is not from 1 to the axis's length.
        """
        super().__init__()
        self.shape, self.ranks = tuple(shape), dict(sorted(ranks.items()))
        for axis, rank in self.ranks.items():
            if not 0 <= axis < len(self.shape) or not 1 <= rank <= self.shape[axis]:
                raise ValueError(f"rank {rank} along axis {axis} of a weight of shape {list(self.shape)}")

    @property
    def core_shape(self) -> tuple[int, ...]:
        """Shape of the core."""
        return tuple(self.ranks.get(axis, n) for axis, n in enumerate(self.shape))

    @property
    def parameters_needed(self) -> int:
        """How many numbers core and factors have."""
        return math.prod(self.core_shape) + sum(self.shape[axis] * rank for axis, rank in self.ranks.items())

    def forward(self, core: Tensor, *factors: Tensor) -> Tensor:
        """The weight: core (…, r, …), factors (n, r) → shape :attr:`shape`."""
        for axis, factor in zip(self.ranks, factors, strict=True):
            core = torch.tensordot(factor, core, dims=([1], [axis])).movedim(0, axis)
        return core

    def right_inverse(self, weight: Tensor) -> tuple[Tensor, ...]:
        """The core and the factors that come nearest to a weight of :attr:`shape`."""
        core, factors = partial_tucker(weight.detach(), self.ranks)
        return tuple(each.to(weight.dtype) for each in (core, *factors))

    def get_extra_state(self) -> Tensor:
        """For state dicts, in which the parts alone would not tell what they are of."""
        return Facts("tucker", self.shape).pack()

    def set_extra_state(self, state: object) -> None:
        """Nothing: parts of other shapes do not load."""

    def extra_repr(self) -> str:
        """Shape of weight and core."""
        return f"{list(self.shape)}, core={list(self.core_shape)}"


def partial_tucker(weight: Tensor, ranks: Mapping[int, int]) -> tuple[Tensor, list[Tensor]]:
    """The Tucker decomposition along some axes, by higher-order orthogonal iteration (HOOI).

    Factors are orthonormal, and their columns are in the order of HOSVD: slice i of the core along an axis has at least
    the energy of slice i + 1. So a corner of the core, with the first columns, is a smaller decomposition.

    L. De Lathauwer, B. De Moor, J. Vandewalle, "On the best rank-1 and rank-(R1, …, RN) approximation of higher-order
    tensors", SIAM J. Matrix Anal. Appl. 21, 2000.

    Args:
        weight: any shape.
        ranks: by axis.

    Returns:
        The core, in float64, and for each axis of ``ranks``, in their order, a factor (n, r).
    """
    wide = weight.double()
    factors = {axis: _leading(wide, axis, rank) for axis, rank in ranks.items()}
    energy = before = 0.0
    for _ in range(ITERATIONS if len(ranks) > 1 else 0):
        for axis, rank in ranks.items():
            others = {other: factor for other, factor in factors.items() if other != axis}
            factors[axis] = _leading(_projected(wide, others), axis, rank)
        energy = float(_projected(wide, factors).square().sum())
        if energy - before <= TOLERANCE * float(wide.square().sum()):
            break
        before = energy
    core = _projected(wide, factors)
    turns = {axis: _leading(core, axis, rank) for axis, rank in ranks.items()}
    return _projected(core, turns), [factors[axis] @ turns[axis] for axis in ranks]


def form_of(layer: Any) -> Any:
    """What holds the weight of a layer in Tucker form alone: a ``ParametrizationList``; None if nothing does."""
    held = layer.parametrizations["weight"] if is_parametrized(layer, "weight") else None
    return held if held is not None and len(held) == 1 and isinstance(held[0], Tucker) else None


def tucker_tensors(model: nn.Module) -> dict[str, ParametrizationList]:
    """What holds the weights in Tucker form, by their names in the plain model."""
    found = {}
    for path, layer in model.named_modules(remove_duplicate=False):
        held = form_of(layer)
        if held is not None:
            found[f"{path}.weight" if path else "weight"] = held
    return found


def parts(held: Any) -> list[Tensor]:
    """The core and the factors that are trained."""
    return [getattr(held, f"original{number}") for number in range(1 + len(held[0].ranks))]


def install(layer: nn.Module) -> None:
    """Let a layer with a weight in Tucker form run on its factors where that takes fewer multiply-adds.

    Like :mod:`torch.nn.utils.parametrize` does for its properties, this changes the class that was made for this layer
    alone, so that nothing is left when the parametrization is removed.
    """
    type(layer).forward = _forward(type_before_parametrizations(layer))


@cache
def _forward(plain: Any) -> Callable[..., Tensor]:
    """The method for a kind of layer."""

    def forward(layer: Any, x: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        held = form_of(layer)
        if held is not None and not args and not kwargs:
            (shape, core), pixels = (held[0].shape, held[0].core_shape), _pixels(layer, x.shape)
            if _work(layer, shape, core, *pixels) < _work(layer, shape, shape, *pixels):
                return _factored(layer, x, held)
        rebuilt: Tensor = plain.forward(layer, x, *args, **kwargs)
        return rebuilt

    return forward


def _factored(layer: Any, x: Tensor, held: Any) -> Tensor:
    core, *factors = parts(held)
    along = dict(zip(held[0].ranks, factors, strict=True))
    entering = 0 if getattr(layer, "transposed", False) else 1
    into, out = along.get(entering), along.get(1 - entering)
    if isinstance(layer, nn.Linear):
        return multiply(x, into, core, out, layer.bias)
    return convolve(x, None if into is None else into.T, core, out, layer.bias, Movement.of(layer))


def multiply_adds(layer: nn.Module, shape: Sequence[int], core: Sequence[int], runs: Iterable[Run]) -> int:
    """What some calls of a layer take whose weight, of a shape, has a core of another one: the better of both ways."""
    pixels = [_pixels(layer, run.before) for run in runs]
    return sum(min(_work(layer, shape, each, *some) for each in (core, shape)) for some in pixels)


def _pixels(layer: Any, shape: Sequence[int]) -> tuple[int, int]:
    """Pixels of the input of a layer, and about how many its output has."""
    if isinstance(layer, nn.Linear):
        pixels = math.prod(shape[:-1])
        return pixels, pixels
    before, stride = math.prod(shape) // layer.in_channels, math.prod(layer.stride)
    return before, before * stride if layer.transposed else max(before // stride, 1)


def _work(layer: nn.Module, shape: Sequence[int], core: Sequence[int], before: int, after: int) -> int:
    """Multiply-adds of one call; a core as long as the weight has no factor there."""
    entering = 0 if getattr(layer, "transposed", False) else 1
    total = math.prod(core) * (after if entering else before)
    if core[entering] < shape[entering]:
        total += before * shape[entering] * core[entering]
    if core[1 - entering] < shape[1 - entering]:
        total += after * shape[1 - entering] * core[1 - entering]
    return total


def _leading(tensor: Tensor, axis: int, rank: int) -> Tensor:
    """The leading left singular vectors of an unfolding: (n, rank); signs are fixed by the largest entry."""
    unfolded = tensor.movedim(axis, 0).flatten(1)
    vectors = torch.linalg.eigh(unfolded @ unfolded.T).eigenvectors.flip(1)[:, :rank]
    largest = vectors.gather(0, vectors.abs().argmax(0, keepdim=True))
    found: Tensor = vectors * torch.where(largest < 0, -1.0, 1.0)
    return found


def _projected(tensor: Tensor, factors: Mapping[int, Tensor]) -> Tensor:
    """The coefficients of a tensor in orthonormal factors."""
    for axis, factor in factors.items():
        tensor = torch.tensordot(factor, tensor, dims=([0], [axis])).movedim(0, axis)
    return tensor
