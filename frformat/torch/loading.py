"""Which tensor of a file goes where in a module, and putting it there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy
from torch.nn.utils.parametrize import ParametrizationList

from frformat import FrzFile, TensorInfo
from frformat.checkpoints.torch_tensors import TORCH_DTYPES, aliases, to_torch
from frformat.torch.regularization.parametrization import resize, spectral_of
from frformat.torch.regularization.spectral_tensor import places
from frformat.torch.regularization.state import plain_state
from frformat.torch.regularization.tiers import make_tiers, statistics


class Difference(NamedTuple):
    """Names that a file and a model do not share.

    Attributes:
        missing: names of the model that the file does not hold; their tensors are left as they were.
        unexpected: names of the file that the model does not have; they are not read.
    """

    missing: list[str]
    unexpected: list[str]


@dataclass(frozen=True)
class Target:
    """Where a tensor of the file goes.

    Attributes:
        name: its name in the plain model.
        tensor: as the model's users see it, or its coefficients.
        held: what holds its coefficients, if it is regularized.
        own: whether it is a parameter or buffer, so that writing to it changes the model.
    """

    name: str
    tensor: Tensor
    held: ParametrizationList | None
    own: bool


def _targets(model: nn.Module) -> dict[str, Target]:
    """All that can be loaded, by its name in the plain model."""
    state = plain_state(model, keep_vars=True)
    own = {id(tensor) for tensors in (model.parameters(), model.buffers()) for tensor in tensors}
    found = {name: Target(name, tensor, None, id(tensor) in own) for name, tensor in state.items()}
    found |= {name: Target(name, held(), None, True) for name, held in statistics(model).items()}
    return found | {name: Target(name, held.original, held, True) for _, name, held in places(model)}


def match(model: nn.Module, file: FrzFile) -> tuple[dict[str, Target], Difference, list[str]]:
    """Which tensor of the file goes where, names that only one side has, and what stands in the way of loading."""
    targets = _targets(model)
    ties = aliases({name: target.tensor for name, target in targets.items()})
    plan: dict[str, Target] = {}
    sources: dict[str, str] = {}
    faults = []
    for name, target in targets.items():
        if name not in file:
            continue
        info = file.info(name)
        fault = (
            _fault(info, target.tensor, target.own) if target.held is None else _misfit(info, target.held, file.tier)
        )
        if fault:
            faults.append(f"{name}: {fault}")
            continue
        first, source = ties.get(name, name), file.aliases.get(name, name)
        known = sources.setdefault(first, source)
        if known == source:
            plan[source] = target
        elif file[known].tobytes() != file[source].tobytes():
            faults.append(f"{first}, {name}: one tensor in the model, but two that differ in the file")
    missing = [name for name in targets if ties.get(name, name) not in sources and name not in file]
    unexpected = [name for name in file.model if name not in targets]
    return plan, Difference(missing, unexpected), faults


@torch.no_grad()
def load(model: nn.Module, file: FrzFile, plan: Mapping[str, Target]) -> None:
    """Write what the file holds to its places."""
    smaller = {}
    for source, target in plan.items():
        if target.held is not None:
            resize(target.held, to_torch(file.spectrum(source).coefficients).to(target.tensor.device))
            smaller[target.name] = file.info(source).kept[: file.tier]
    if smaller:
        make_tiers(model, smaller)
    kept_apart = statistics(model)
    for source, target in plan.items():
        if target.held is None:
            value, held = to_torch(file[source]), kept_apart.get(target.name)
            if held is None:
                target.tensor.copy_(value)
            else:
                held.original.copy_(value)  # for all tiers
                if source in file.rows:
                    held.original[:-1].copy_(to_torch(file[file.rows[source]])[: file.tier])


def _fault(info: TensorInfo, target: object, own: bool) -> str | None:
    """Why a tensor of the file cannot be copied into ``target``, an entry of a model's state dict."""
    if not (isinstance(target, Tensor) and own):
        return "the model makes this entry of its state dict anew; load it with model.load_state_dict(load_file(…))"
    if is_lazy(target):
        return "not initialized in the model; run it once"
    if target.device.type == "meta":
        return "on the meta device in the model; call model.to_empty(device=…) first"
    if info.shape != tuple(target.shape):
        return f"shape {list(info.shape)} in the file, {list(target.shape)} in the model"
    dtype = TORCH_DTYPES[info.dtype]
    if dtype != target.dtype and not (dtype.is_floating_point and target.dtype.is_floating_point):
        return f"{dtype} in the file, {target.dtype} in the model"
    return None


def _misfit(info: TensorInfo, held: ParametrizationList, tier: int) -> str | None:
    """Why the coefficients of a regularized tensor cannot be taken from the file."""
    spectral = spectral_of(held)
    if info.coding != "dct" or len(held) > 1:
        return "not stored as coefficients; load the file before regularize(model, trained=True)"
    if (info.shape, info.view) != (spectral.shape, spectral.view):
        stored, wanted = list(info.view or info.shape), list(spectral.view or spectral.shape)
        return f"a spectrum in shape {stored} in the file, {wanted} in the model"
    if 0 in info.kept[: tier + 1]:
        return f"no coefficient at tier {info.kept.index(0)} of the file"
    return None
