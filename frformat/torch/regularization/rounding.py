"""Round coefficients as a file will store them, for quantization-aware training.

The gradient passes straight through (Bengio, Léonard, Courville 2013). The results equal those of
:mod:`frformat.format.quantization` bit for bit, but are computed on the coefficients' device.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

import numpy as np
import torch
from torch import Tensor

from frformat.errors import EncodeError
from frformat.format import quantization
from frformat.format.limits import STEP_CODES
from frformat.format.quantization import quantized, step, step_code

SMALLEST: Final = step(STEP_CODES[0])
LARGEST: Final = step(STEP_CODES[-1])
"""Range of representable steps."""

LEVELS: Final = 4
"""Number of levels per octave of a learned step; see :func:`step_of`."""


def check_format(format: str) -> None:
    """Check that a number format exists.

    Raises:
        EncodeError: it does not exist.
    """
    quantization.check_format(format)


def check_values(coefficients: Tensor, format: str, name: str) -> None:
    """Check that a number format can represent the coefficients.

    Raises:
        ValueError: a coefficient is too large for it; the message names the tensor.
    """
    largest = float(coefficients.detach().abs().max()) if coefficients.numel() else 0.0
    if not np.isfinite(largest):
        return
    try:
        quantized(np.array([largest], np.float64).astype(np.float32), format)
    except EncodeError as error:
        raise ValueError(f"{name}: {error}") from error


def fake_quantize(coefficients: Tensor, format: str) -> Tensor:
    """Return the coefficients as a reader will decode them from a number format; the gradient passes unchanged.

    Args:
        coefficients: floating-point tensor of shape (k,) with k ≥ 1.
        format: ``auto``, ``f32``, ``f16``, ``bf16``, ``qN`` or ``step=S``; see :func:`frformat.save_file`.

    Returns:
        A tensor of the same shape and dtype, whose values are exact in the format.
    """
    stored = as_stored(coefficients.detach(), format)
    # In this order, the sum is exact, because the difference is zero.
    return stored + (coefficients - coefficients.detach())


def as_stored(coefficients: Tensor, format: str) -> Tensor:
    """Return the values of :func:`fake_quantize`, without a gradient."""
    single = coefficients.to(torch.float32)
    if format in ("auto", "f32"):
        stored = single
    elif format in ("f16", "bf16"):
        stored = single.to(torch.float16 if format == "f16" else torch.bfloat16)
    else:
        wide = single.to(torch.float64)
        if format.startswith("step="):
            size: Tensor | float = step(step_code(float(format[5:])))
        else:
            size = _step_for(wide.abs().amax(), int(format[1:]))
        stored = (torch.round(wide / size) * size).to(torch.float32)
    return stored.to(coefficients.dtype)


def _step_for(largest: Tensor, bits: int) -> Tensor:
    """Return the smallest step at which integers of ``bits`` bits reach ``largest``; both are float64.

    Steps have five significant bits (16 per octave), so this is ``largest`` divided by the largest integer, rounded up
    to five bits.
    """
    least = (largest / (2 ** (bits - 1) - 1)).clamp(min=SMALLEST)
    mantissa, exponent = torch.frexp(least)
    return torch.ldexp(torch.ceil(mantissa * 32), exponent - 5)


def step_of(level: Tensor) -> Tensor:
    """Return the representable step nearest to ``2^(level / 4)``, float64, without a gradient.

    Levels are quarters of an octave, so that a step learns at a suitable pace with the learning rate of coefficients.
    """
    wanted = torch.exp2(level.detach().double() / LEVELS)
    mantissa, exponent = torch.frexp(wanted.clamp(SMALLEST, LARGEST))
    return torch.ldexp(torch.round(mantissa * 32), exponent - 5)


def level_of(size: float) -> float:
    """Return the level of a step: the inverse of :func:`step_of`."""
    return LEVELS * math.log2(size)


def quotients(coefficients: Sequence[Tensor], levels: Sequence[Tensor]) -> Tensor:
    """Return coefficients in units of learned steps.

    Args:
        coefficients: floating-point tensors of shapes (k,).
        levels: see :func:`step_of`; one scalar per tensor.

    Returns:
        A tensor of shape (sum of k,), at least float32.
    """
    level = torch.stack(list(levels))
    growth = torch.exp2((level.detach() - level) / LEVELS)  # equals 1, and passes the gradient on
    every = torch.cat(list(coefficients))
    wide = torch.promote_types(every.dtype, torch.float32)
    counts = [len(each) for each in coefficients]
    factors = torch.cat([f.expand(n) for f, n in zip((growth / step_of(level)).to(wide), counts, strict=True)])
    return every.to(wide) * factors


def learned_quantize(coefficients: Tensor, level: Tensor) -> Tensor:
    """Return the coefficients as a reader will decode them when stored with a learned step.

    The gradients of coefficients pass unchanged; the gradient of the step follows S. K. Esser et al., "Learned step
    size quantization", 2020.

    Args:
        coefficients: floating-point tensor of shape (k,).
        level: see :func:`step_of`; scalar.

    Returns:
        A tensor of the same shape and dtype, whose values are exact multiples of the step.
    """
    size = step_of(level)
    wide = coefficients.detach().to(torch.float32).to(torch.float64)
    stored = torch.round(wide / size) * size
    slope = ((stored - wide) * (math.log(2) / LEVELS)).to(coefficients.dtype)
    stored = stored.to(torch.float32).to(coefficients.dtype)
    # In this order, the sums are exact, because the differences are zero.
    return stored + (coefficients - coefficients.detach()) + slope * (level - level.detach()).to(coefficients.dtype)
