"""Leave-one-out errors (PRESS) for many sizes of the hidden layer from one factorization.

Allen, "The relationship between variable selection and data augmentation and a method for prediction", 1974: without
sample i, the error at i is (t − ŷ) / (1 − h), where h = ‖L⁻¹h_i‖² is its leverage. Both ŷ and h are sums over features
in the order of the factorization, so their partial sums are the values for smaller layers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from frformat.train.elm.normal import Factor

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Choice:
    """A ridge and a size, with their leave-one-out error.

    Attributes:
        ridge: the ridge.
        features: number of features.
        error: mean squared leave-one-out error.
    """

    ridge: float
    features: int
    error: float


def leave_one_out(factor: Factor, features: Floats, targets: Floats, sizes: Sequence[int]) -> Floats:
    """Return the leave-one-out predictions with each size.

    Args:
        factor: factor of the equations of all samples.
        features: some of these samples, shape (n, features).
        targets: their targets, shape (n, outputs).
        sizes: numbers of features, ascending.

    Returns:
        Shape (sizes, n, outputs).
    """
    z = factor.forward(np.ascontiguousarray(features.T))
    out = np.empty((len(sizes), *targets.shape))
    fitted, leverage, start = np.zeros(targets.shape), np.zeros((len(targets), 1)), 0
    for index, stop in enumerate(sizes):
        part = z[start:stop]
        fitted += part.T @ factor.solved[start:stop]
        leverage[:, 0] += np.einsum("fn,fn->n", part, part)
        out[index] = targets - (targets - fitted) / np.maximum(1 - leverage, 1e-12)
        start = stop
    return out


def choose(choices: Sequence[Choice], tolerance: float) -> Choice:
    """Return the smallest size whose error is at most (1 + ``tolerance``) times the lowest, with its best ridge."""
    least = min(choice.error for choice in choices)
    good = [choice for choice in choices if choice.error <= (1 + tolerance) * least]
    return min(good, key=lambda choice: (choice.features, choice.error))
