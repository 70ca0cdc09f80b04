"""Tiers of a model: fewer of the same coefficients or ranks, and separate running statistics."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.parametrize import ParametrizationList, register_parametrization

from frformat.checkpoints.regularized import Facts
from frformat.format.grouping import kept_per_tier
from frformat.torch.capacity import Tiered, set_tier, tier_count
from frformat.torch.corners import Shape, corner_of
from frformat.torch.lowrank.tucker import order, tucker_tensors
from frformat.torch.parametrizations import parametrized
from frformat.torch.regularization.spectral_tensor import spectral_tensors

Cuts = Sequence[int | float] | Mapping[str, Sequence[int | float]]
"""Numbers of coefficients or ranks (int), or shares below 1 (float), that the smaller tiers keep, in ascending order,
for all tensors or by name."""

STATISTICS = ("running_mean", "running_var")
"""Buffers of normalization layers: statistics of the layer's inputs, which differ from tier to tier."""


class Statistics(Tiered, nn.Module):
    """The parametrization of a tensor that differs from tier to tier: tensor (tiers, …) → the row of the tier.

    The row is a view, so a layer that updates its running average in place updates that of its current tier.

    Args:
        tiers: number of tiers.
        corners: the shape of the leading part of its row that each tier uses; None means the whole row.
    """

    def __init__(self, tiers: int, corners: Sequence[Shape] | None = None) -> None:
        super().__init__()
        self._tiers = tiers
        self.corners = corners
        self.tier = tiers - 1

    @property
    def tiers(self) -> int:
        """Number of rows."""
        return self._tiers

    def get_extra_state(self) -> Tensor:
        """Return the description for state dicts that distinguishes rows from ordinary buffers."""
        return Facts("statistics", (), tiers=self._tiers).pack()

    def set_extra_state(self, state: object) -> None:
        """Do nothing: the state contains only the shape of the rows."""

    def forward(self, rows: Tensor) -> Tensor:
        """Return the row of the current tier."""
        return self.used(rows, self.tier)

    def used(self, rows: Tensor, tier: int) -> Tensor:
        """Return the part of its row that a tier uses."""
        return rows[tier] if self.corners is None else rows[tier][corner_of(self.corners[tier])]

    def right_inverse(self, row: Tensor) -> Tensor:
        """Return the same row for every tier."""
        return row.expand(self._tiers, *row.shape).contiguous()


def make_tiers(model: nn.Module, keep: Cuts) -> None:
    """Add smaller capacity tiers to a regularized or decomposed model. Its current capacity becomes the largest tier.

    Tiers share their parameters. A smaller tier uses the first coefficients of each regularized tensor. For
    each decomposed tensor, it uses a corner of the core and the first columns of the factors, which are put in HOSVD
    order beforehand, the most important ones first. Each tier gets its own running statistics (batch normalization),
    initially equal to the existing ones; :func:`frformat.torch.decomposition.reestimate` computes them for the current
    tier. Switch between tiers with :func:`frformat.torch.set_tier`. Train all tiers with the sum of their losses, or
    with ``Settings.tiers`` of :mod:`frformat.train`.

    >>> make_tiers(model, [0.25, 0.5])  # three tiers: a quarter, a half, and all of each tensor's coefficients or ranks
    >>> make_tiers(model, {"conv1.weight": [10, 20], "fc1.weight": [50, 200]})  # others: the same in each tier

    Args:
        model: a regularized or decomposed model.
        keep: how much the smaller tiers keep: an int is a number of coefficients, or a rank along every decomposed
            axis; a float is a share of the coefficients, or of every rank. An empty value removes the tiers.

    Raises:
        ValueError: a name or number is not valid. The model is unchanged.
    """
    spectra, decomposed = spectral_tensors(model), tucker_tensors(model)
    tensors = [*spectra, *decomposed]
    if not tensors:
        raise ValueError(f"{type(model).__name__} has no regularized tensor: call regularize(model) first")
    by_name = dict(keep) if isinstance(keep, Mapping) else dict.fromkeys(tensors, keep)
    lengths = {len(each) for each in by_name.values()}
    if len(lengths) > 1:
        raise ValueError(
            f"all tensors need the same number of tiers, but got {sorted(length + 1 for length in lengths)}"
        )
    for name, each in by_name.items():
        if name not in tensors:
            raise ValueError(f"{name!r} is not a regularized tensor; the model has {', '.join(tensors)}")
        for cut in each:
            if not isinstance(cut, int | float) or not (cut >= 1 if isinstance(cut, int) else 0 < cut < 1):
                raise ValueError(f"{name}: {cut!r} is neither a number of coefficients (an int from 1) nor a share")
    ranks = {name: _ranks(held, by_name[name]) for name, held in decomposed.items() if name in by_name}
    set_tiers(model, {**by_name, **ranks}, (lengths.pop() if lengths else 0) + 1)
    for held in decomposed.values():
        order(held)


def set_tiers(model: nn.Module, keep: Mapping[str, Sequence[int | float | tuple[int, ...]]], tiers: int) -> None:
    """Add tiers whose coefficients or ranks are known, such as those of a file.

    Args:
        model: a regularized or decomposed model.
        keep: how much of some tensors the smaller tiers keep: numbers or shares of coefficients, or ranks of factors.
        tiers: number of tiers.
    """
    tensors: Any = spectral_tensors(model)
    shorter: Any = {name: keep.get(name, [tensor.kept] * (tiers - 1)) for name, tensor in tensors.items()}
    made = {name: tensor.spectral.smaller(shorter[name]) for name, tensor in tensors.items()}
    for name, tensor in tensors.items():
        tensor.spectral.cut(shorter[name], made[name])
    for name, held in tucker_tensors(model).items():
        form: Any = held[0]
        given: Any = keep.get(name) or [tuple(form.ranks.values())] * (tiers - 1)
        form.cut([dict(zip(form.ranks, ranks, strict=True)) for ranks in given])
    _separate_statistics(model, tiers)
    set_tier(model, None)


def _ranks(held: Any, cuts: Sequence[int | float]) -> list[tuple[int, ...]]:
    """Return the ranks of the smaller tiers of a decomposed tensor."""
    by_axis = [kept_per_tier(rank, cuts)[:-1] for rank in held[0].ranks.values()]
    return list(zip(*by_axis, strict=True))


def cuts(model: nn.Module) -> dict[str, list[int | tuple[int, ...]]]:
    """Return how much of each tensor the smaller tiers keep, by name, in the form that ``save_file`` accepts."""
    spectra: dict[str, list[int | tuple[int, ...]]] = {
        name: [*kept_per_tier(tensor.kept, tensor.spectral.cuts)[:-1]]
        for name, tensor in spectral_tensors(model).items()
        if tensor.spectral.cuts
    }
    for name, held in tucker_tensors(model).items():
        form: Any = held[0]
        if form.smaller:
            spectra[name] = [form.core_of(ranks) for ranks in form.smaller]
    return spectra


def tier_sizes(model: nn.Module) -> list[dict[str, int]]:
    """Return the number of coefficients of each regularized tensor, by name, for each tier."""
    tensors = spectral_tensors(model)
    counts = {name: kept_per_tier(tensor.kept, tensor.spectral.cuts) for name, tensor in tensors.items()}
    return [{name: kept[tier] for name, kept in counts.items()} for tier in range(tier_count(model))]


def statistics(model: nn.Module) -> dict[str, ParametrizationList]:
    """Return the parametrizations of tensors that differ from tier to tier, by the tensors' names."""
    return {name: held for _, name, held in parametrized(model, Statistics)}


@torch.no_grad()
def _separate_statistics(model: nn.Module, tiers: int) -> None:
    for held in statistics(model).values():
        if len(held.original) != tiers:
            last = held.original[-1].clone()
            held[0] = Statistics(tiers)
            held.original.data = last.expand(tiers, *last.shape).contiguous()
    if tiers == 1:
        return
    for module in list(model.modules()):
        own = {name for name, _ in module.named_buffers(recurse=False)}
        counter = {"num_batches_tracked"} if getattr(module, "momentum", 0) is None else set()
        for name in sorted(own & {*STATISTICS, *counter}):
            register_parametrization(module, name, Statistics(tiers))
