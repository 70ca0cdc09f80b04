"""Load the tensors of a file into a module."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.parametrize import ParametrizationList

from frformat import FrzFile
from frformat.checkpoints.fitting import BATCHES
from frformat.checkpoints.torch_tensors import to_torch
from frformat.torch import memory, wrappers
from frformat.torch.lowrank import tucker_files
from frformat.torch.lowrank.tucker import parts, tucker_tensors
from frformat.torch.matching import Plan, Way
from frformat.torch.regularization.parametrization import resize
from frformat.torch.regularization.spectral_tensor import SpectralTensor, spectral_tensors
from frformat.torch.regularization.tiers import set_tiers, statistics


@torch.no_grad()
def load(model: nn.Module, file: FrzFile, plan: Plan, way: Way) -> None:
    """Write the tensors of the file to their targets."""
    smaller = _load_spectra(file, plan, way, spectral_tensors(model))
    names = {id(held): name for name, held in tucker_tensors(model).items()}
    for source, target in plan.steps:
        if target.tucker is not None:
            _load_parts(target.tucker, tucker_files.read(file, source), way)
            smaller[names[id(target.tucker)]] = tucker_files.smaller_ranks(file.info(source), target.tucker, file.tier)
    if smaller:
        set_tiers(model, smaller, file.tier + 1)
    kept_apart = statistics(model)
    others: dict[int, Tensor] = {}
    extras: list[tuple[Any, Tensor]] = []
    for source, target in plan.steps:
        if target.held is not None or target.tucker is not None:
            continue
        value, held = target.read(file, source), kept_apart.get(target.path)
        if target.extra is not None:
            extras.append((target.extra, value))
        elif held is not None:
            if way.assign:
                device, dtype = way.device_for(held.original), way.dtype_for(held.original)
                (held.to_empty(device=device) if held.original.is_meta else held).to(device, dtype)
            held.original.copy_(value)  # for all tiers
            if file.info(source).per_tier:
                for tier, row in enumerate(held.original[: file.tier]):
                    row.copy_(to_torch(file.stored(source, tier=tier).rebuild()))
        elif way.assign:
            own = target.tensor
            moved = memory.arranged(value.to(way.device_for(own), way.dtype_for(own)), own)
            others[id(own)] = nn.Parameter(moved, own.requires_grad) if isinstance(own, nn.Parameter) else moved
        else:
            memory.write(target.tensor, value)
    if way.assign:
        others |= _counters(model, others, way)
    memory.replace(model, others)
    for module, value in extras:
        module.set_extra_state(value)
    for average in wrappers.averages(model):
        average.get_buffer("n_averaged").clamp_(min=1)  # otherwise the next update would overwrite the loaded values


def _counters(model: nn.Module, others: Collection[int], way: Way) -> dict[int, Tensor]:
    """Return zeros for the counters of batches that are on the meta device and not in the file, by their ids."""
    found = (buffer for name, buffer in model.named_buffers() if name.endswith(BATCHES))
    return {
        id(buffer): torch.zeros_like(buffer, device=way.device_for(buffer))
        for buffer in found
        if buffer.is_meta and id(buffer) not in others
    }


def _load_spectra(
    file: FrzFile, plan: Plan, way: Way, tensors: Mapping[str, SpectralTensor]
) -> dict[str, Sequence[int | tuple[int, ...]]]:
    """Write coefficients, whose number can change; return how much the smaller tiers keep, by name."""
    smaller: dict[str, Sequence[int | tuple[int, ...]]] = {}
    first_names = {id(each.parametrizations): name for name, each in tensors.items()}
    for source, target in plan.steps:
        held = target.held
        if held is not None:
            if held.original.is_meta:
                held.to_empty(device=way.device_for(held.original))
            resize(held, target.read(file, source).to(held.original.device))
            if way.assign:
                held.to(way.device_for(held.original), way.dtype_for(held.original))
            smaller[first_names[id(held)]] = file.info(source).kept[: file.tier]
    return smaller


def _load_parts(held: ParametrizationList, values: list[Tensor], way: Way) -> None:
    """Write a core and its factors to their targets."""
    if way.assign:
        first = parts(held)[0]
        held.to_empty(device=way.device_for(first)).to(way.dtype_for(first))
    for part, value in zip(parts(held), values, strict=True):
        part.copy_(value)
