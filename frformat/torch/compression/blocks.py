"""Round a layer's weights and estimate the loss, given input moments that are split into blocks."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from frformat.torch.compression.rounding import feedback, rounded

Doubles = NDArray[np.float64]

TRUST: Final = 0.03
"""Damping of the input moments, relative to their mean, when weights compensate for changed inputs."""


def compensation(before: Doubles, second: Doubles, shift: Doubles | None, usual: Doubles) -> Doubles | float:
    """Return the change in the weights that restores the original outputs after the inputs have changed.

    Args:
        before: the weights as matrices: (groups, outputs, inputs).
        second: second moments of the changed inputs, one matrix or diagonal for each block.
        shift: cross moments of the changed and the original inputs, minus ``second``; None if the inputs are unchanged.
        usual: second moments of the original inputs.
    """
    if shift is None or second.ndim == 3:
        return 0.0
    level = np.diagonal(usual, axis1=-2, axis2=-1).mean(-1)[..., None, None]
    damped = second + np.where(level > 0, TRUST * level, 1.0) * np.eye(second.shape[-1])
    groups, outputs, n = before.shape
    split: Doubles = before.reshape(groups, outputs, second.shape[1], -1).swapaxes(1, 2) @ shift
    change: Doubles = np.asarray(np.linalg.solve(damped, split.swapaxes(-1, -2)), np.float64).swapaxes(-1, -2)
    return change.swapaxes(1, 2).reshape(groups, outputs, n)


def rounded_in_blocks(
    target: Doubles, sizes: Doubles, moments: Doubles, damping: float, down: Doubles | None
) -> Doubles:
    """Round weights to multiples of their steps, one block of inputs after another.

    Args:
        target: the weights: (groups, outputs, inputs).
        sizes: the steps, in the same shape.
        moments: second moments of the inputs, one matrix or diagonal for each block.
        damping: amount to add to the diagonals, relative to their mean.
        down: the result of :func:`~frformat.torch.compression.rounding.feedback` for rows.

    Returns:
        The integers, as float64.
    """
    if moments.ndim == 3:
        return rounded(target, sizes, None, down)
    parts = []
    width = moments.shape[-1]
    for number in range(moments.shape[1]):
        part = slice(number * width, (number + 1) * width)
        across = feedback(moments[:, number], damping) if width > 1 else None
        parts.append(rounded(target[:, :, part], sizes[:, :, part], across, down))
    return np.concatenate(parts, axis=2)


def cost(error: Doubles, moments: Doubles, gradients: Doubles) -> float:
    """Return the expected loss ½ tr(G E H Eᵀ) caused by an error E in the weights.

    Args:
        error: E: (groups, outputs, inputs).
        moments: H, the second moments of the inputs, one matrix or diagonal for each block.
        gradients: G, the second moments of the output gradients, as matrices or diagonals.
    """
    groups, outputs, _ = error.shape
    split: Doubles = error.reshape(groups, outputs, moments.shape[1], -1).swapaxes(1, 2)
    seen = split @ moments if moments.ndim == 4 else split * moments[:, :, None]
    if gradients.ndim == 3:
        return 0.5 * float(np.einsum("gbok,gbpk,gop->", seen, split, gradients, optimize=True))
    return 0.5 * float(np.einsum("gbok,gbok,go->", seen, split, gradients, optimize=True))
