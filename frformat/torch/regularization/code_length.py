"""A differentiable model of the bytes that quantized coefficients take in a file."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Final

import numpy as np
import torch
from torch import Tensor, nn

from frformat.spectral import zigzag
from frformat.torch.modes import full_precision
from frformat.torch.regularization.rounding import quotients, step_of
from frformat.torch.regularization.spectral_tensor import SpectralTensor

TAIL: Final = 0.03
"""Share of coefficients from the wide distribution, which limits the estimated cost of a single large coefficient."""

WIDER: Final = 6.0
"""Ratio of the scales of the wide and the narrow distribution, before one step is added to the wide one."""

SCALES: Final = (0.03, 1e4)
"""Smallest and largest scale of a distribution, in steps."""

FALL: Final = -0.3
"""Initial exponent of the power by which scales fall along each axis."""


class CodeLength(nn.Module):
    """Estimates how many bits a coder that has adapted to the coefficients spends on them.

    The integers of a tensor are modeled by a Laplace distribution, integrated over each step. Its scale falls with
    powers of the frequencies along the axes; the exponents are parameters. The estimate is differentiable with respect
    to coefficients, steps and parameters.
    """

    def __init__(self, tensors: Iterable[SpectralTensor]) -> None:
        """Initialize the model.

        Args:
            tensors: regularized tensors with learned steps.
        """
        super().__init__()
        self._tensors = list(tensors)
        self.scales = nn.ParameterList()
        for number, tensor in enumerate(self._tensors):
            spectral, where = tensor.spectral, tensor.coefficients.device
            places = zigzag.prefix(spectral.view or spectral.shape, spectral.kept)
            frequencies = np.log1p(places.astype(np.float32))
            ones = np.ones((len(places), 1), np.float32)
            features = torch.from_numpy(np.concatenate([ones, frequencies], 1)).to(where)
            self.register_buffer(f"features{number}", features, persistent=False)
            self.scales.append(nn.Parameter(self._initial(tensor, features)))

    def forward(self) -> Tensor:
        """Return the estimate in bits, a scalar.

        Raises:
            ValueError: a tensor's step is no longer learned.
        """
        with full_precision(self._tensors[0].coefficients):
            scales = [
                self.get_buffer(f"features{number}")[: tensor.kept] @ weights
                for number, (tensor, weights) in enumerate(zip(self._tensors, self.scales, strict=True))
            ]
            exact = quotients(
                [tensor.coefficients for tensor in self._tensors], [_level(tensor) for tensor in self._tensors]
            )
        return bits(exact, torch.cat(scales).exp().clamp(*SCALES)).sum()

    @staticmethod
    def _initial(tensor: SpectralTensor, features: Tensor) -> Tensor:
        """Return initial parameters that match the mean magnitude of the coefficients."""
        magnitude = float(tensor.coefficients.detach().abs().double().mean() / step_of(_level(tensor)))
        falls = torch.full_like(features[0], FALL)
        falls[0] = 0
        mean = float((features @ falls).exp().mean())
        falls[0] = math.log(max(magnitude, 0.1) / mean)
        return falls


def bits(quotients: Tensor, scales: Tensor) -> Tensor:
    """Return the information in each coefficient once it has been rounded to a whole number of steps, in bits.

    The gradient with respect to a coefficient is the slope between the whole numbers on either side of it. The slope
    at the rounded value is zero for zeros: they would drift outwards until they are no longer rounded to zero, be drawn
    back, and so on, and chance would decide which coefficients are zero in the end.

    Args:
        quotients: coefficients in steps.
        scales: mean magnitudes of their Laplace distributions, in the same shape.
    """
    sizes = quotients.abs()
    exact = sizes.detach()
    below = exact.floor()
    low, high = _information(below, scales), _information(below + 1, scales)
    # The last factor is zero.
    return torch.where(exact.round() == below, low, high) + (high - low).detach() * (sizes - exact)


def _information(sizes: Tensor, scales: Tensor) -> Tensor:
    """Return the information in integers with these magnitudes and one particular sign, in bits."""
    likely = (1 - TAIL) * _probability(sizes, scales) + TAIL * _probability(sizes, WIDER * scales + 1)
    return -torch.log2(likely + 1e-9)


def _probability(sizes: Tensor, scales: Tensor) -> Tensor:
    """Return the probabilities of integers with these magnitudes and one particular sign."""
    half = 0.5 / scales
    inner = -torch.expm1(-half)
    # The integral of the density from n - 1/2 to n + 1/2, without overflow of either exponential.
    outer = 0.5 * torch.exp((1 - 2 * sizes) * half) * -torch.expm1(-2 * half)
    return torch.where(sizes == 0, inner, outer)


def _level(tensor: SpectralTensor) -> nn.Parameter:
    level = tensor.spectral.level
    if level is None:
        raise ValueError(f"{tensor.name}: its quantization step is no longer learned, because a format was set")
    return level


def learn_steps(tensors: Mapping[str, SpectralTensor], share: float) -> None:
    """Make the steps of all tensors trainable; their initial value is a share of the tensor's standard deviation.

    For a tensor of zeros, such as the bias of some layers, the step is chosen so that adding it to the first
    coefficient shifts all values by 0.01.
    """
    for tensor in tensors.values():
        spread = float(tensor.coefficients.detach().double().square().mean().sqrt())
        tensor.spectral.learn_step(share * spread if spread else 0.01 * math.sqrt(tensor.elements))
