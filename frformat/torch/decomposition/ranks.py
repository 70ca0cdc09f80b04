"""Choose which layers to decompose, along which axes, and to which ranks."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import torch
from torch import nn
from torch.nn.utils.parametrize import type_before_parametrizations

from frformat.checkpoints.torch_tensors import overlapping
from frformat.torch.decomposition.vbmf import evbmf
from frformat.torch.lowrank.factors import KINDS
from frformat.torch.lowrank.tucker import Tucker, form_of
from frformat.torch.parametrizations import is_parametrized
from frformat.torch.regularization.spectral_tensor import is_sharded
from frformat.wording import listed

Rank = int | float
Ranks = str | float | Mapping[str, Rank | Sequence[Rank]]
"""``"vbmf"``, a share of each axis, or a mapping from a weight's name to a rank for each axis (an int, or a share)."""

DTYPES: Final = (torch.float32, torch.float64)

SHOWN: Final = 5
"""Largest number of names to list in an error."""

BISECTIONS: Final = 40
"""Number of bisections in the search for the ranks that meet a budget."""


@dataclass(frozen=True)
class Layer:
    """A convolution or a linear layer.

    Attributes:
        name: name of its weight.
        module: the layer.
        axes: axes of the weight that can have factors: the channel axes; for a matrix, only the first.
        problem: why the weight cannot be decomposed, or an empty string.
    """

    name: str
    module: nn.Module
    axes: tuple[int, ...]
    problem: str

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the weight."""
        weight: Any = self.module.weight
        return tuple(weight.shape)

    @cached_property
    def estimated(self) -> dict[int, int]:
        """The ranks that EVBMF estimates along the axes, at least 1."""
        weight: Any = self.module.weight
        unfolded = (weight.detach().movedim(axis, 0).flatten(1) for axis in self.axes)
        ranks = (evbmf(matrix.cpu().numpy()).rank for matrix in unfolded)
        return {axis: max(rank, 1) for axis, rank in zip(self.axes, ranks, strict=True)}

    def tucker(self, ranks: Mapping[int, int]) -> Tucker | None:
        """Return the Tucker form with these ranks, without factors that save nothing; None if no factor is left."""
        best: Tucker | None = None
        fewest = math.prod(self.shape)
        for axes in ((), *((axis,) for axis in self.axes), self.axes):
            form = Tucker(self.shape, {axis: ranks[axis] for axis in axes})
            if form.parameters_needed < fewest:
                best, fewest = form, form.parameters_needed
        return best


def layers(model: nn.Module) -> list[Layer]:
    """Return the convolutions and linear layers, whether or not they can be decomposed."""
    uses = Counter(id(parameter) for _, parameter in model.named_parameters(remove_duplicate=False))
    shared = overlapping((*model.parameters(), *model.buffers()))
    found = []
    for path, module in model.named_modules():
        kind: Any = type_before_parametrizations(module)
        if kind in KINDS:
            name, axes = f"{path}.weight" if path else "weight", (0,) if kind is nn.Linear else (0, 1)
            found.append(Layer(name, module, axes, _problem(module, uses, shared)))
    return found


def choose(found: Sequence[Layer], ranks: Ranks, weaken: float, refused: Sequence[Layer] = ()) -> list[dict[int, int]]:
    """Return the rank along each axis of each layer.

    Args:
        found: the layers that can be decomposed.
        ranks: see :data:`Ranks`; layers that a mapping does not name keep their full ranks.
        weaken: how far to move from the ranks of EVBMF (0) toward full ranks (1).
        refused: the other layers.

    Raises:
        ValueError: a name, a rank or ``weaken`` is not valid.
    """
    if isinstance(ranks, str):
        if ranks != "vbmf":
            raise ValueError(f"ranks={ranks!r} is neither 'vbmf', nor a share, nor ranks by name")
        if not 0 <= weaken <= 1:
            raise ValueError(f"weaken={weaken!r} is not from 0 (the ranks of EVBMF) to 1 (full ranks)")
        return estimated(found, weaken)
    if weaken:
        raise ValueError("weaken requires ranks='vbmf'")
    if not isinstance(ranks, Mapping):
        if not isinstance(ranks, float):
            raise ValueError(
                f"ranks={ranks!r} is not a share of each axis, such as 0.25; ranks themselves are given by name, "
                f"such as {{{found[0].name!r}: 8}}"
            )
        return [{axis: _rank(layer, axis, ranks) for axis in layer.axes} for layer in found]
    for name in sorted(ranks.keys() - {layer.name for layer in found}):
        problem = next((layer.problem for layer in refused if layer.name == name), None)
        if problem:
            raise ValueError(f"{name} cannot be decomposed: {problem}")
        there = listed([layer.name for layer in found], SHOWN)
        raise ValueError(f"{name!r} is not a weight that can be decomposed; these are: {there}")
    return [_named(layer, ranks.get(layer.name, layer.shape[: len(layer.axes)])) for layer in found]


def estimated(found: Sequence[Layer], weaken: float) -> list[dict[int, int]]:
    """Return the ranks between those of EVBMF and full ranks, or rank 1; see :func:`weakened`."""
    return [weakened(layer, layer.estimated, weaken) for layer in found]


def within(found: Sequence[Layer], cost: Callable[[Sequence[Mapping[int, int]]], int], budget: int) -> float:
    """Return the largest ``weaken`` at which the ranks of EVBMF meet a budget.

    Raises:
        ValueError: even rank 1 everywhere exceeds the budget, or it is not a number.
    """
    if math.isnan(budget):
        raise ValueError("a budget must be a number, not nan")

    def at(weaken: float) -> int:
        return cost(estimated(found, weaken))

    if at(1) <= budget:
        return 1.0
    low, high = -1.0, 1.0
    if at(low) > budget:
        raise ValueError(f"a budget of {budget:,} is less than the {at(low):,} that rank 1 everywhere needs")
    for _ in range(BISECTIONS):
        middle = (low + high) / 2
        low, high = (middle, high) if at(middle) <= budget else (low, middle)
    return low


def weakened(layer: Layer, ranks: Mapping[int, int], weaken: float) -> dict[int, int]:
    """Interpolate from the given ranks to full ranks or, if ``weaken`` < 0, to 1 (J. Gusak et al., "MUSCO", 2019)."""
    target = {axis: layer.shape[axis] if weaken >= 0 else 1 for axis in ranks}
    return {axis: round(rank + abs(weaken) * (target[axis] - rank)) for axis, rank in ranks.items()}


def _named(layer: Layer, given: Rank | Sequence[Rank]) -> dict[int, int]:
    each = list(given) if isinstance(given, Sequence) else [given] * len(layer.axes)
    if len(each) != len(layer.axes):
        raise ValueError(f"{layer.name}: {len(each)} ranks for {len(layer.axes)} axes")
    return {axis: _rank(layer, axis, rank) for axis, rank in zip(layer.axes, each, strict=True)}


def _rank(layer: Layer, axis: int, given: Rank) -> int:
    length = layer.shape[axis]
    rank = given if isinstance(given, int) else math.ceil(given * length) if 0 < given <= 1 else 0
    if isinstance(given, bool) or not 1 <= rank <= length:
        raise ValueError(f"{layer.name}: rank {given!r} is neither an int from 1 to {length} nor a share up to 1.0")
    return rank


def _problem(module: Any, uses: Mapping[int, int], shared: Set[int]) -> str:
    """Return why a layer cannot be decomposed, or an empty string."""
    if form_of(module) is not None:
        return "it is already decomposed"
    if is_parametrized(module, "weight") or not isinstance(module.weight, nn.Parameter):
        return "its weight is parametrized"
    weight = module.weight
    if uses[id(weight)] > 1:
        return "its weight is tied"
    if id(weight) in shared:
        return "its elements share memory with others"
    if getattr(module, "groups", 1) != 1:
        return "its channels are in groups"
    if is_sharded(weight):
        return "its weight is sharded: decompose the model before fully_shard(model)"
    if weight.dtype not in DTYPES:
        return f"its weight has type {weight.dtype}: convert the model to float32 first"
    if weight.device.type == "meta":
        return "its weight is on the meta device: load the weights first"
    if not weight.numel():
        return "its weight has no elements"
    return "" if bool(torch.isfinite(weight).all()) else "a weight is not finite"
