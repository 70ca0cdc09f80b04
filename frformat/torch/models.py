"""Modules ↔ files, in place."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

import frformat
from frformat import FrzFile, TensorInfo, limits
from frformat.torch.files import save_file
from frformat.torch.regularization.state import formats, spectral_state
from frformat.torch.tensors import TORCH_DTYPES, aliases, to_torch
from frformat.writer import Progress

SHOWN: Final = 20
"""At most so many names are listed in an error."""

StrPath = str | os.PathLike[str]


class MismatchError(ValueError):
    """A file and a model that do not fit together; the message lists every name concerned, with both shapes."""


class Difference(NamedTuple):
    """Names that a file and a model do not share.

    Attributes:
        missing: names of the model that the file does not hold; their tensors are left as they were.
        unexpected: names of the file that the model does not have; they are not read.
    """

    missing: list[str]
    unexpected: list[str]


def save_model(
    model: nn.Module,
    path: StrPath,
    *,
    metadata: Mapping[str, str] | None = None,
    format: str | Mapping[str, str] = "auto",
    tiers: Sequence[int | float] = (),
    compression: str = "auto",
    progress: Progress | None = None,
) -> None:
    """Write a model's parameters and persistent buffers, losslessly; tied ones once.

    Of a model that :func:`frformat.torch.regularize` changed, the coefficients are written under the names of the plain
    model, in the number formats that they were trained for unless ``format`` says otherwise.

    Arguments and errors as :func:`frformat.torch.save_file`.
    """
    save_file(
        spectral_state(model),
        path,
        metadata=metadata,
        format=formats(model) if format == "auto" else format,
        tiers=tiers,
        compression=compression,
        progress=progress,
    )


def load_model(
    model: nn.Module,
    path: StrPath,
    *,
    strict: bool = True,
    tier: int | None = None,
    memory_budget: int = limits.MEMORY_BUDGET,
) -> Difference:
    """Load a file into a model's parameters and buffers, in place: they keep their device and dtype.

    Names, shapes and dtypes are all checked before the first tensor is written to, and tensors are decoded one at a
    time. A tensor of the model with several names (tied weights) is loaded if the file holds one of them.

    Args:
        model: the module.
        path: the file.
        strict: whether missing and unexpected names are errors; other shapes always are.
        tier: decode at this capacity tier; None for the largest that is present.
        memory_budget: bytes that one tensor and its working memory may take.

    Returns:
        Missing and unexpected names, both empty if ``strict``.

    Raises:
        MismatchError: the file and the model do not fit together; the model is as it was.
        FrzError: the file is not valid, does not hold the tier, or needs more memory than allowed.
        OSError: the file cannot be read.
    """
    with frformat.open(path, tier=tier, memory_budget=memory_budget) as file:
        plan, difference, faults = _match(model, file)
        if strict:
            faults = _named("missing from the file", difference.missing) + faults
            faults = _named("not in the model", difference.unexpected) + faults
        if faults:
            raise MismatchError("\n  ".join([f"{os.fspath(path)} does not fit {type(model).__name__}:", *faults]))
        with torch.no_grad():
            for name, target in plan.items():
                target.copy_(to_torch(file[name]))
    return difference


def _match(model: nn.Module, file: FrzFile) -> tuple[dict[str, Tensor], Difference, list[str]]:
    """Which tensor of the file goes where, names that only one side has, and what stands in the way of loading."""
    state = model.state_dict(keep_vars=True)
    own = {id(tensor) for tensors in (model.parameters(), model.buffers()) for tensor in tensors}
    ties = aliases(state)
    plan: dict[str, Tensor] = {}
    sources: dict[str, str] = {}
    faults = []
    for name, target in state.items():
        if name not in file:
            continue
        fault = _fault(file.info(name), target, id(target) in own)
        if fault:
            faults.append(f"{name}: {fault}")
            continue
        first, source = ties.get(name, name), file.aliases.get(name, name)
        known = sources.setdefault(first, source)
        if known == source:
            plan[source] = target
        elif file[known].tobytes() != file[source].tobytes():
            faults.append(f"{first}, {name}: one tensor in the model, but two that differ in the file")
    missing = [name for name in state if ties.get(name, name) not in sources and name not in file]
    return plan, Difference(missing, [name for name in file if name not in state]), faults


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


def _named(what: str, names: list[str]) -> list[str]:
    shown = ", ".join(names[:SHOWN]) + (f" and {len(names) - SHOWN} more" if len(names) > SHOWN else "")
    return [f"{what}: {shown}"] if names else []
