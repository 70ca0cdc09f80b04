"""The Tucker form of a weight: a small core, and trained factors along some of its axes."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import torch
from torch import Tensor, nn
from torch.nn.utils.parametrize import ParametrizationList

from frformat.checkpoints.regularized import Facts
from frformat.torch.capacity import Tiered
from frformat.torch.lowrank.cost import Run
from frformat.torch.lowrank.override import override
from frformat.torch.lowrank.products import Movement, convolve, multiply
from frformat.torch.modes import full_precision
from frformat.torch.parametrizations import is_parametrized

ITERATIONS: Final = 30
"""Maximum number of rounds of orthogonal iteration."""

TOLERANCE: Final = 1e-7
"""The iteration ends when a round adds less than this share of the weight's energy to the core."""


Ranks = dict[int, int]
"""The rank of the factor of each decomposed axis, in ascending axis order."""


class Tucker(Tiered, nn.Module):
    """A PyTorch parametrization that represents a weight as a core times factors along some axes.

    The parameters of the parametrized weight are the core and, for each decomposed axis, a factor of shape (n, r). All
    of them are trained. A smaller tier uses a corner of the core and the first columns of the factors.

    Attributes:
        shape: shape of the weight.
        ranks: the ranks of the largest tier.
        smaller: the ranks of the other tiers, ascending.
    """

    def __init__(self, shape: Sequence[int], ranks: Mapping[int, int]) -> None:
        """Prepare for weights of a given shape.

        Raises:
            ValueError: an axis does not exist, or a rank is not between 1 and the axis's length.
        """
        super().__init__()
        self.shape, self.ranks = tuple(shape), dict(sorted(ranks.items()))
        self.smaller: list[Ranks] = []
        self.tier = 0
        for axis, rank in self.ranks.items():
            if not 0 <= axis < len(self.shape) or not 1 <= rank <= self.shape[axis]:
                raise ValueError(f"rank {rank} along axis {axis} of a weight of shape {list(self.shape)}")

    @property
    def tiers(self) -> int:
        """Number of tiers."""
        return len(self.smaller) + 1

    @property
    def used(self) -> Ranks:
        """The ranks of the current tier."""
        return [*self.smaller, self.ranks][self.tier]

    @property
    def core_shape(self) -> tuple[int, ...]:
        """Shape of the core in the current tier."""
        return self.core_of(self.used)

    @property
    def parameters_needed(self) -> int:
        """Number of parameters of core and factors in the current tier."""
        return math.prod(self.core_shape) + sum(self.shape[axis] * rank for axis, rank in self.used.items())

    def core_of(self, ranks: Ranks) -> tuple[int, ...]:
        """Return the shape of a core with these ranks."""
        return tuple(ranks.get(axis, n) for axis, n in enumerate(self.shape))

    def cut(self, smaller: Sequence[Ranks]) -> None:
        """Set the ranks of the smaller tiers, ascending."""
        self.smaller = [dict(sorted(ranks.items())) for ranks in smaller]
        self.tier = len(self.smaller)

    def corner(self, core: Tensor, *factors: Tensor) -> list[Tensor]:
        """Return the parts of the core and the factors that the current tier uses, as views."""
        if self.tier == len(self.smaller):
            return [core, *factors]
        ranks = self.used
        for axis, rank in ranks.items():
            core = core.narrow(axis, 0, rank)
        return [core, *(factor[:, :rank] for factor, rank in zip(factors, ranks.values(), strict=True))]

    def forward(self, core: Tensor, *factors: Tensor) -> Tensor:
        """Return the weight of shape :attr:`shape` from the core (…, r, …) and factors (n, r)."""
        core, *factors = self.corner(core, *factors)  # type: ignore[assignment]
        with full_precision(core):
            for axis, factor in zip(self.ranks, factors, strict=True):
                core = torch.tensordot(factor, core, dims=([1], [axis])).movedim(0, axis)
        return core

    def right_inverse(self, weight: Tensor) -> tuple[Tensor, ...]:
        """Return the core and factors that best approximate a weight of :attr:`shape`."""
        with full_precision(weight):
            core, factors = partial_tucker(weight.detach(), self.ranks)
        return tuple(each.to(weight.dtype).contiguous() for each in (core, *factors))

    def get_extra_state(self) -> Tensor:
        """Return the description for state dicts, where the parts alone would not identify the weight."""
        return Facts("tucker", self.shape).pack()

    def set_extra_state(self, state: object) -> None:
        """Do nothing: PyTorch already rejects parts with the wrong shapes."""

    def extra_repr(self) -> str:
        """Return the shapes of weight and core."""
        return f"{list(self.shape)}, core={list(self.core_shape)}"


def partial_tucker(weight: Tensor, ranks: Mapping[int, int]) -> tuple[Tensor, list[Tensor]]:
    """Return the Tucker decomposition along some axes, by higher-order orthogonal iteration (HOOI).

    Factors are orthonormal, with columns in HOSVD order: slice i of the core along an axis has at least the energy of
    slice i + 1. A corner of the core with the first columns is therefore a smaller decomposition.

    L. De Lathauwer, B. De Moor, J. Vandewalle, "On the best rank-1 and rank-(R1, …, RN) approximation of higher-order
    tensors", SIAM J. Matrix Anal. Appl. 21, 2000.

    Args:
        weight: a weight of any shape.
        ranks: ranks by axis.

    Returns:
        The core in float64, and a factor (n, r) for each axis of ``ranks``, in the same order.
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
    return _turned(_projected(wide, factors), factors)


@torch.no_grad()
def order(held: Any) -> None:
    """Restore the HOSVD order of the columns of trained factors, in place. The weight does not change."""
    core, *factors = (part.double() for part in parts(held))
    orthonormal = {}
    for axis, factor in zip(held[0].ranks, factors, strict=True):
        orthonormal[axis], triangle = torch.linalg.qr(factor)
        core = torch.tensordot(triangle, core, dims=([1], [axis])).movedim(0, axis)
    core, factors = _turned(core, orthonormal)
    for part, value in zip(parts(held), (core, *factors), strict=True):
        part.copy_(value)


def _turned(core: Tensor, factors: Mapping[int, Tensor]) -> tuple[Tensor, list[Tensor]]:
    """Return a core and orthonormal factors in HOSVD order."""
    turns = {axis: _leading(core, axis, core.shape[axis]) for axis in factors}
    return _projected(core, turns), [factor @ turns[axis] for axis, factor in factors.items()]


def form_of(layer: Any) -> Any:
    """Return the ``ParametrizationList`` of a weight whose only parametrization is the Tucker form, or None."""
    held = layer.parametrizations["weight"] if is_parametrized(layer, "weight") else None
    return held if held is not None and len(held) == 1 and isinstance(held[0], Tucker) else None


def tucker_tensors(model: nn.Module) -> dict[str, ParametrizationList]:
    """Return the parametrizations of weights in Tucker form, by the weights' names in the plain model."""
    found = {}
    for path, layer in model.named_modules(remove_duplicate=False):
        held = form_of(layer)
        if held is not None:
            found[f"{path}.weight" if path else "weight"] = held
    return found


def unused(model: nn.Module) -> dict[int, int]:
    """Return how many elements of cores and factors the current tier does not use, by id of the parameter."""
    found = {}
    for held in tucker_tensors(model).values():
        every = parts(held)
        for whole, part in zip(every, held[0].corner(*every), strict=True):  # type: ignore[operator]
            found[id(whole)] = whole.numel() - part.numel()
    return found


def parts(held: Any) -> list[Tensor]:
    """Return the trained core and factors, for all tiers."""
    return [getattr(held, f"original{number}") for number in range(1 + len(held[0].ranks))]


def install(layer: nn.Module) -> None:
    """Make a layer with a weight in Tucker form run on its factors where that takes fewer multiply-adds."""
    override(layer, _attempt)


def _attempt(layer: Any, x: Tensor) -> Tensor | None:
    held = form_of(layer)
    if held is None:
        return None
    (shape, core), pixels = (held[0].shape, held[0].core_shape), _pixels(layer, x.shape)
    if _work(layer, shape, core, *pixels) >= _work(layer, shape, shape, *pixels):
        return None
    return _factored(layer, x, held)


def _factored(layer: Any, x: Tensor, held: Any) -> Tensor:
    core, *factors = held[0].corner(*parts(held))
    along = dict(zip(held[0].ranks, factors, strict=True))
    entering = 0 if getattr(layer, "transposed", False) else 1
    into, out = along.get(entering), along.get(1 - entering)
    if isinstance(layer, nn.Linear):
        return multiply(x, into, core, out, layer.bias)
    return convolve(x, None if into is None else into.T, core, out, layer.bias, Movement.of(layer))


def multiply_adds(layer: nn.Module, shape: Sequence[int], core: Sequence[int], runs: Iterable[Run]) -> int:
    """Return the multiply-adds of some calls of a layer, which runs on its factors if :func:`install` expects fewer."""
    channels: Any = layer.out_features if isinstance(layer, nn.Linear) else layer.out_channels
    total = 0
    for run in runs:
        before, guess = _pixels(layer, run.before)
        used = core if _work(layer, shape, core, before, guess) < _work(layer, shape, shape, before, guess) else shape
        total += _work(layer, shape, used, before, math.prod(run.after) // channels)
    return total


def _pixels(layer: Any, shape: Sequence[int]) -> tuple[int, int]:
    """Return a layer's number of input pixels, and its approximate number of output pixels."""
    if isinstance(layer, nn.Linear):
        pixels = math.prod(shape[:-1])
        return pixels, pixels
    before, stride = math.prod(shape) // layer.in_channels, math.prod(layer.stride)
    return before, before * stride if layer.transposed else max(before // stride, 1)


def _work(layer: nn.Module, shape: Sequence[int], core: Sequence[int], before: int, after: int) -> int:
    """Return the multiply-adds of one call; an axis on which the core is as long as the weight has no factor."""
    entering = 0 if getattr(layer, "transposed", False) else 1
    total = math.prod(core) * (after if entering else before)
    if core[entering] < shape[entering]:
        total += before * shape[entering] * core[entering]
    if core[1 - entering] < shape[1 - entering]:
        total += after * shape[1 - entering] * core[1 - entering]
    return total


def _leading(tensor: Tensor, axis: int, rank: int) -> Tensor:
    """Return the leading left singular vectors of an unfolding: (n, rank); signs are fixed by the largest entry."""
    unfolded = tensor.movedim(axis, 0).flatten(1)
    if rank <= unfolded.shape[1] < unfolded.shape[0]:  # such as a layer with a vocabulary of outputs
        vectors = torch.linalg.svd(unfolded, full_matrices=False).U[:, :rank]
    else:
        vectors = torch.linalg.eigh(unfolded @ unfolded.T).eigenvectors.flip(1)[:, :rank]
    largest = vectors.gather(0, vectors.abs().argmax(0, keepdim=True))
    found: Tensor = vectors * torch.where(largest < 0, -1.0, 1.0)
    return found


def _projected(tensor: Tensor, factors: Mapping[int, Tensor]) -> Tensor:
    """Return the coefficients of a tensor with respect to orthonormal factors."""
    for axis, factor in factors.items():
        tensor = torch.tensordot(factor, tensor, dims=([0], [axis])).movedim(0, axis)
    return tensor
