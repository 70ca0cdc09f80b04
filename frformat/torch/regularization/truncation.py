"""Shorten prefixes during training; optimizers keep their state for the remaining coefficients."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel
from torch.optim import Optimizer

from frformat.torch.regularization.spectral_tensor import SpectralTensor, is_sharded, spectral_tensors

Counts = int | float | Mapping[str, int | float]
"""A number of coefficients (int) or a share of the element count (float), for all tensors or by tensor name."""


@torch.inference_mode(False)  # training continues with the new tensors
def truncate(model: nn.Module, keep: Counts, optimizer: Optimizer | Iterable[Optimizer] = ()) -> dict[str, int]:
    """Keep at most this many coefficients of each regularized tensor: the first ones in zigzag order.

    Parameters stay the same objects. Their gradients, and the optimizer state of each coefficient (momentum, Adam's
    moments), are truncated with them.

    Args:
        model: a regularized model.
        keep: number to keep; tensors that a mapping does not name are left unchanged.
        optimizer: the optimizers that train the model.

    Returns:
        The new number of coefficients of each tensor, by name.

    Raises:
        ValueError: a name or number is not valid, the model is wrapped in DistributedDataParallel or sharded, or an
            optimizer has state that cannot be truncated. The model is unchanged.
    """
    tensors = check_truncatable(model)
    optimizers = [optimizer] if isinstance(optimizer, Optimizer) else list(optimizer)
    shorter = {}
    for name, count in counts(tensors, keep).items():
        if count < tensors[name].kept:
            shorter[name] = count
            for each in optimizers:
                _check(each, tensors[name])
    for name, count in shorter.items():
        tensor = tensors[name]
        before, parameter = tensor.kept, tensor.coefficients
        tensor.resize(parameter[:count])
        for each in optimizers:
            state = each.state.get(parameter, {})
            state.update(
                {key: value[:count].clone() for key, value in state.items() if _is_per_coefficient(value, before)}
            )
    return {name: tensor.kept for name, tensor in tensors.items()}


def check_truncatable(model: nn.Module) -> dict[str, SpectralTensor]:
    """Return the model's regularized tensors, after checking that they can be truncated.

    Raises:
        ValueError: they cannot; see :func:`truncate`.
    """
    if isinstance(model, DistributedDataParallel):
        raise ValueError(
            "DistributedDataParallel cannot follow parameters that shrink: truncate its .module, then wrap it again"
        )
    tensors = spectral_tensors(model)
    if any(is_sharded(tensor.coefficients) for tensor in tensors.values()):
        raise ValueError("sharded parameters cannot be truncated: truncate before fully_shard(model)")
    return tensors


def counts(tensors: Mapping[str, SpectralTensor], keep: Counts) -> dict[str, int]:
    """Return ``keep`` as a number of coefficients, at least 1, by tensor name.

    Raises:
        ValueError: a name or a number is not valid.
    """
    if not isinstance(keep, Mapping):
        keep = dict.fromkeys(tensors, keep)
    out = {}
    for name, amount in keep.items():
        if name not in tensors:
            raise ValueError(f"{name!r} is not a regularized tensor; the model has {', '.join(tensors) or 'none'}")
        if not isinstance(amount, int | float) or not (amount >= 1 if isinstance(amount, int) else 0 < amount <= 1):
            raise ValueError(f"{name}: {amount!r} is neither a number of coefficients (an int from 1) nor a share")
        out[name] = amount if isinstance(amount, int) else math.ceil(amount * tensors[name].elements)
    return out


def _check(optimizer: Optimizer, tensor: SpectralTensor) -> None:
    problem = "one history of all parameters" if isinstance(optimizer, torch.optim.LBFGS) else None
    for key, value in optimizer.state.get(tensor.coefficients, {}).items():
        if isinstance(value, Tensor) and value.numel() > 1 and not _is_per_coefficient(value, tensor.kept):
            problem = f"{key!r} of shape {list(value.shape)} for the {tensor.kept:,} coefficients of {tensor.name}"
    if problem:
        raise ValueError(
            f"{type(optimizer).__name__} keeps {problem}, which cannot be truncated: omit the optimizer, "
            "then create a new one"
        )


def _is_per_coefficient(value: object, kept: int) -> bool:
    return isinstance(value, Tensor) and value.shape == torch.Size([kept])
