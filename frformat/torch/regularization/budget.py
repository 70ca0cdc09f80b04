"""Distribute a total number of coefficients among the tensors, according to where they matter most."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from frformat.torch.regularization.spectral_tensor import SpectralTensor, spectral_tensors

Score = Callable[[SpectralTensor], Tensor]
"""Returns the importance of each coefficient of a tensor: shape (k,), nonnegative, comparable between tensors."""

POINTS: Final = 256
"""Maximum number of prefix lengths at which a tensor's score is evaluated."""


@torch.no_grad()
def relative_energy(tensor: SpectralTensor) -> Tensor:
    """Return, for each coefficient, the share of its tensor's energy that would be lost without it."""
    energy = tensor.coefficients.detach().double().square()
    return energy / energy.sum().clamp(min=torch.finfo(torch.float64).tiny)


@torch.no_grad()
def sensitivity(tensor: SpectralTensor) -> Tensor:
    """Return (c · ∂loss/∂c)²: the squared first-order change of the loss without c (Molchanov et al. 2017).

    Uses the gradients of the last backward pass; the more samples it covered, the better.

    Raises:
        ValueError: there is no gradient.
    """
    gradient = tensor.coefficients.grad
    if gradient is None:
        raise ValueError(f"{tensor.name} has no gradient: allocate after loss.backward() and before zero_grad()")
    return (tensor.coefficients.detach().double() * gradient.double()).square()


def allocate(model: nn.Module, total: int, *, score: Score = relative_energy, least: int = 1) -> dict[str, int]:
    """Return how many coefficients each regularized tensor should keep for a total of ``total``.

    Coefficients are assigned repeatedly to the tensor whose next run of coefficients has the highest mean score. By the
    method of Lagrange multipliers, this is optimal up to the last run: the runs are the edges of the concave hull of a
    tensor's total score over its prefix length, so later runs of a tensor never score higher than earlier ones.

    Args:
        model: a regularized model.
        total: number of coefficients of all regularized tensors together; if they have fewer, they keep all.
        score: the score to compare.
        least: minimum number for each tensor (or all, if it has fewer).

    Returns:
        The numbers by tensor name, in the form that :func:`~.truncation.truncate` and the schedules accept.

    Raises:
        ValueError: ``total`` is less than the minima of all tensors together.
    """
    tensors = spectral_tensors(model)
    kept = {name: min(least, tensor.kept) for name, tensor in tensors.items()}
    left = total - sum(kept.values())
    if left < 0:
        raise ValueError(
            f"a total of {total:,} is less than {sum(kept.values()):,}, the minimum for {len(kept)} tensors"
        )
    runs = [
        (gain, name, length)
        for name, tensor in tensors.items()
        for gain, length in _runs(score(tensor).cpu().numpy()[kept[name] :])
    ]
    for _, name, length in sorted(runs, key=lambda run: -run[0]):
        kept[name] += min(length, left)
        left -= min(length, left)
    return kept


def _runs(scores: NDArray[np.float64]) -> list[tuple[float, int]]:
    """Return the edges of the cumulative scores' concave hull: mean score and number of coefficients, best first."""
    n = len(scores)
    lengths = np.unique(np.geomspace(1, n, POINTS).astype(np.int64)) if n else np.empty(0, np.int64)
    heights = np.cumsum(scores)[lengths - 1]
    hull = [(0, 0.0)]
    for x, y in zip(lengths.tolist(), heights.tolist(), strict=True):
        while len(hull) > 1 and _slope(hull[-2], hull[-1]) <= _slope(hull[-1], (x, y)):
            hull.pop()
        hull.append((x, y))
    return [(_slope(start, end), end[0] - start[0]) for start, end in pairwise(hull)]


def _slope(start: tuple[int, float], end: tuple[int, float]) -> float:
    return (end[1] - start[1]) / (end[0] - start[0])
