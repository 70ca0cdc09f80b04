"""Turn a network into one with nested tiers, and back into plain networks."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.parametrize import ParametrizationList, register_parametrization

import frformat
from frformat.checkpoints.torch_tensors import overlapping
from frformat.torch.batch_norm import BATCH_NORMS
from frformat.torch.capacity import set_tier, tier_count
from frformat.torch.copying import copied
from frformat.torch.corners import Corner, Shape, corner_of, cornered
from frformat.torch.matching import Way
from frformat.torch.models import computed_weights, load_model, matched
from frformat.torch.nesting.filters import LAYERS, TRANSPOSED, Groups
from frformat.torch.parametrizations import is_parametrized
from frformat.torch.regularization.regularize import check_changeable
from frformat.torch.regularization.tiers import STATISTICS, Statistics, statistics
from frformat.torch.regularization.undo import take_off
from frformat.torch.wrappers import plain_names

StrPath = str | os.PathLike[str]
Widths = Mapping[str, int]
"""Number of filters, by the name of their layer."""


@torch.inference_mode(False)  # the network can be trained
def make_nested(model: nn.Module, groups: Groups, widths: Sequence[Widths]) -> nn.Module:
    """Add smaller tiers with fewer filters to a network, in place. The whole network is the largest tier.

    A smaller tier uses the first filters of each layer, so its weights are leading corners. Each tier has its own
    biases of convolutions and linear layers, its own statistics of batch normalization, and its own copies of other
    vectors that do not grow. To switch between tiers, use :func:`frformat.torch.set_tier`;
    :func:`frformat.torch.save_model` stores all tiers in one file.

    Args:
        model: a plain network.
        groups: its filters; see :func:`frformat.torch.nesting.filter_groups`.
        widths: the number of filters in each smaller tier, ascending; layers that are not named keep all filters.

    Raises:
        ValueError: there are no filters or no smaller tiers, a layer or a tensor does not exist, a number of filters is
            not possible, tensors are tied, normalization uses cumulative averages, or the model already has tiers, is
            wrapped in DistributedDataParallel, or was created in inference mode. The model is unchanged.
    """
    _check_plain(model)
    whole = {name: group.count for name, group in groups.items()}
    rows = [{**whole, **each} for each in widths] + [whole]
    tensors = _tensors(model)
    _check(groups, rows)
    _check_members(groups, tensors)
    shapes = {name: [list(tensor.shape) for _ in rows] for name, tensor in tensors.items()}
    for name, group in groups.items():
        for member in group.members:
            for tier, row in enumerate(rows):
                shapes[member.tensor][tier][member.axis] = row[name] * member.block
    corners, apart = {}, {}
    for name, each in shapes.items():
        path, _, attribute = name.rpartition(".")
        layer, constant = model.get_submodule(path), each[0] == each[-1]
        own = attribute in STATISTICS or (attribute == "bias" and isinstance(layer, LAYERS))
        vector = len(each[0]) == 1 and not isinstance(layer, nn.RNNBase)  # which reads its weights directly
        if vector and (own or constant):
            apart[name] = [tuple(shape) for shape in each]
        elif not constant:
            corners[name] = [tuple(shape) for shape in each]
    _install(model, corners, apart, len(rows))
    return model


@torch.inference_mode(False)  # the network can be trained
def load_nested(model: nn.Module, path: StrPath) -> nn.Module:
    """Load a file with nested tiers into a plain network, in place, and add these tiers to the network.

    Switch between them with :func:`frformat.torch.set_tier`.

    Args:
        model: a plain network with the widths of the file's largest tier.
        path: the file; all tiers that are present are used.

    Raises:
        MismatchError, FrzError, OSError: see :func:`frformat.torch.load_model`.
        ValueError: see :func:`make_nested`.
    """
    _check_plain(model)
    with frformat.open(path, tier=0) as file:
        matched(model, file, path, Way(), strict=True)  # reports everything that does not fit before the model changes
        own = {plain: name for name, plain in plain_names(model, _tensors(model)).items()}
        tiers = file.tiers_present
        infos = [file.info(name) for name in file]
        apart = {own[info.name]: list(info.corners[:tiers] or [info.shape] * tiers) for info in infos if info.per_tier}
        corners = {own[info.name]: list(info.corners[:tiers]) for info in infos if info.corners and not info.per_tier}
    _install(model, corners, apart, tiers)
    load_model(model, path)
    return model


@torch.inference_mode(False)  # the network can be trained
def descendant(model: nn.Module, tier: int) -> nn.Module:
    """Return a plain network with the weights of one tier; the model is unchanged.

    Args:
        model: a network with nested tiers.
        tier: the tier; 0 is the smallest.
    """
    plain = copied(model)
    set_tier(plain, tier)
    modules: list[Any] = list(plain.modules())
    for module in modules:
        if not is_parametrized(module):
            continue
        for name in list(module.parametrizations):
            if isinstance(module.parametrizations[name][0], Corner | Statistics):
                own = module.parametrizations[name].original
                value = getattr(module, name).detach().clone(memory_format=torch.contiguous_format)
                take_off(module, name, keep=False)
                setattr(
                    module, name, nn.Parameter(value, own.requires_grad) if isinstance(own, nn.Parameter) else value
                )
        _name_widths(module)
    return plain


def widths(model: nn.Module) -> list[dict[str, int]]:
    """Return the number of filters of each layer that grows, by its name, for each tier."""
    found: dict[str, list[int]] = {}
    for name, held in cornered(model).items():
        path, _, attribute = name.rpartition(".")
        layer, corner = model.get_submodule(path), held[0]
        if isinstance(layer, LAYERS) and isinstance(corner, Corner) and attribute == "weight":
            counts = [shape[1 if isinstance(layer, TRANSPOSED) else 0] for shape in corner.corners]
            if counts[0] < counts[-1]:
                found[path] = counts
    return [{path: counts[tier] for path, counts in found.items()} for tier in range(tier_count(model))]


def originals(model: nn.Module) -> dict[str, Tensor]:
    """Return the parameters and buffers, complete for all tiers, by their names in the plain network.

    Tensors that differ from tier to tier have the tiers as an additional last axis. All share the model's memory.
    """
    apart = {name: held.original.detach().movedim(0, -1) for name, held in statistics(model).items()}
    return _tensors(model) | {name: held.original for name, held in cornered(model).items()} | apart


def parts(model: nn.Module) -> dict[str, ParametrizationList]:
    """Return the parametrizations of the tensors that differ between tiers, by their names in the plain network."""
    return cornered(model) | statistics(model)


def frozen_part(held: Any, tier: int) -> tuple[slice, ...]:
    """Return the index of the entries that belong to the tiers below ``tier``."""
    return corner_of(held[0].corners[tier - 1]) if isinstance(held[0], Corner) else (slice(tier),)


def _tensors(model: nn.Module) -> dict[str, Tensor]:
    named = [*model.named_parameters(remove_duplicate=False), *model.named_buffers(remove_duplicate=False)]
    return {name: tensor for name, tensor in named if ".parametrizations." not in f".{name}"}


def _check(groups: Groups, rows: Sequence[Widths]) -> None:
    *smaller, whole = rows
    if not groups or not smaller:
        raise ValueError(f"{'groups' if smaller else 'widths'} is empty: a smaller tier needs filters to remove")
    for name in rows[0]:
        if name not in groups:
            raise ValueError(f"{name!r} has no filters to remove; these have: {', '.join(groups) or 'none'}")
    for name, group in groups.items():
        counts = [row[name] for row in rows]
        if counts[0] < 1 or counts != sorted(counts):
            raise ValueError(
                f"{name}: {counts} filters in the tiers; numbers must be ascending, from 1 to {group.count}"
            )
    if smaller[0] == whole:
        raise ValueError("the smallest tier has as many filters as the largest")


def _check_plain(model: nn.Module) -> None:
    check_changeable(model)
    if tier_count(model) > 1:
        raise ValueError(f"{type(model).__name__} already has tiers; start with a plain network")
    computed = computed_weights(model)
    if computed:
        raise ValueError(f"{computed[0]} is not a plain weight; start with recompose(unregularize(model))")


def _check_members(groups: Groups, tensors: Mapping[str, Tensor]) -> None:
    for group in groups.values():
        for name, axis, block in ((member.tensor, member.axis, member.block) for member in group.members):
            if name not in tensors:
                raise ValueError(f"{group.layer}: the model has no tensor {name!r}")
            shape, wanted = list(tensors[name].shape), group.count * block
            if not 0 <= axis < len(shape) or shape[axis] != wanted:
                raise ValueError(f"{group.layer}: axis {axis} of {name!r}, {shape}, does not have {wanted} entries")


def _install(
    model: nn.Module, corners: Mapping[str, Sequence[Shape]], apart: Mapping[str, Sequence[Shape]], tiers: int
) -> None:
    _check_plain(model)
    modules = dict(model.named_modules())
    cumulative = [path for path, each in modules.items() if isinstance(each, BATCH_NORMS) and each.momentum is None]
    if cumulative:
        raise ValueError(f"{', '.join(cumulative)}: averages over all batches cannot have tiers; set momentum")
    known, buffers = dict(model.named_parameters()), dict(model.named_buffers())
    tensors = known | buffers
    tied = [name for name in (*corners, *apart) if name not in tensors]
    if tied:
        raise ValueError(f"{', '.join(tied)}: tied to other tensors, which cannot have tiers")
    shared = overlapping(tensors.values())
    entangled = [name for name in (*corners, *apart) if id(tensors[name]) in shared]
    if entangled:
        raise ValueError(f"{', '.join(entangled)}: elements share memory with others, so they cannot have tiers")
    for name, each in corners.items():
        path, _, attribute = name.rpartition(".")
        register_parametrization(modules[path], attribute, Corner(each), unsafe=True)
    for name, each in apart.items():
        path, _, attribute = name.rpartition(".")
        full = modules[path].get_parameter(attribute) if name in known else modules[path].get_buffer(attribute)
        used = None if set(each) == {tuple(full.shape)} else each
        register_parametrization(modules[path], attribute, Statistics(tiers, used), unsafe=True)


def _name_widths(module: Any) -> None:
    """Adjust a layer's attributes to the shape of its weight."""
    if isinstance(module, nn.Linear):
        module.out_features, module.in_features = module.weight.shape
    elif isinstance(module, LAYERS):
        first, second = module.weight.shape[:2]
        swap = isinstance(module, TRANSPOSED)
        module.out_channels, module.in_channels = (second, first) if swap else (first, second)
    elif isinstance(module, BATCH_NORMS) and module.affine:
        module.num_features = len(module.weight)
