"""Absorb the running statistics of batch normalization into its regularized scale and shift."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Final

import torch
from torch import Tensor, nn

from frformat.torch.batch_norm import BATCH_NORMS, owners, reset_statistics, scale
from frformat.torch.regularization.rounding import level_of
from frformat.torch.regularization.spectral_tensor import SpectralTensor, spectral_tensors

BITS: Final = 9
"""Number of bits to which learned steps round absorbed scales and shifts."""


def absorb_statistics(model: nn.Module) -> int:
    """Replace the running statistics of batch normalization with a mean of 0 and a variance of 1, in place.

    The scale and the shift change so that outputs in evaluation mode stay the same, except for rounding. The statistics
    then take almost no space in a file. Outputs in training mode, by contrast, change.

    Only modules whose scale and shift are both regularized, keep all of their coefficients and have no tiers are
    changed, and only if no other module owns these or the statistics. Learned steps are reset so that they round
    coefficients to 9 bits.

    Args:
        model: a regularized model.

    Returns:
        The number of changed modules.
    """
    found = list(_absorbable(model))
    _absorb(found)
    return len(found)


@contextmanager
def absorbed(model: nn.Module) -> Iterator[None]:
    """Absorb statistics during a ``with`` block, and restore the model afterwards."""
    found, held = list(_absorbable(model)), list[Tensor]()
    for module, weight, bias in found:
        held += [module.running_mean, module.running_var, weight.coefficients, bias.coefficients]
        held += [tensor.spectral.level for tensor in (weight, bias) if tensor.spectral.level is not None]
    before = [tensor.detach().clone() for tensor in held]
    _absorb(found)
    try:
        yield
    finally:
        with torch.no_grad():
            for tensor, value in zip(held, before, strict=True):
                tensor.copy_(value)


Absorbable = tuple[Any, SpectralTensor, SpectralTensor]
"""A module whose statistics can be absorbed, its scale, and its shift."""


@torch.no_grad()
def _absorb(found: Iterable[Absorbable]) -> None:
    for module, weight, bias in found:
        factor = scale(module)
        moved = module.bias.double() - module.running_mean.double() * factor
        _set(weight, factor * reset_statistics(module))
        _set(bias, moved)


def _absorbable(model: nn.Module) -> Iterator[Absorbable]:
    whole = {
        name: tensor
        for name, tensor in spectral_tensors(model).items()
        if tensor.kept == tensor.elements and tensor.spectral.tiers == 1
    }
    count = owners(model)
    for path, module in model.named_modules():
        weight, bias = (whole.get(f"{path}.{name}".removeprefix(".")) for name in ("weight", "bias"))
        batch = isinstance(module, BATCH_NORMS) and module.running_mean is not None
        if batch and weight is not None and bias is not None:
            held = (weight.parametrizations, bias.parametrizations, module.running_mean, module.running_var)
            if all(count[id(each)] == 1 for each in held):
                yield module, weight, bias


def _set(tensor: SpectralTensor, values: Tensor) -> None:
    """Set the coefficients of a tensor to those of its new values, and adapt its step if it is learned."""
    spectral, coefficients = tensor.spectral, tensor.coefficients
    coefficients.copy_(spectral.analyze(values.to(coefficients.dtype)))
    largest = float(coefficients.abs().max())
    if spectral.level is not None and largest:
        spectral.level.fill_(level_of(largest / (2 ** (BITS - 1) - 1)))
