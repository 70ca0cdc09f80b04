"""Round weights so that later ones compensate for the errors of earlier ones.

To second order, changing a layer's weights by E increases the loss by ½ tr(G E H Eᵀ), where H and G are the second
moments of its inputs and of its output gradients. Weights are rounded in turn. The error of each weight changes all
weights that are not yet rounded: along a row according to H (GPTQ, Frantar et al. 2023), and along a column according
to G.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from frformat.torch.compression.inputs import CompressionError

Doubles = NDArray[np.float64]

TILE: Final = 96
"""Number of rows and columns of a tile. One matrix product adjusts the later weights to the errors of a whole tile."""

RATE: Final = 0.03
"""Fraction of a step by which the rounding threshold exceeds one half, because smaller integers take fewer bits."""


def feedback(moments: Doubles, damping: float) -> Doubles:
    """Return the factors by which the error of an entry changes later entries.

    Args:
        moments: (…, n, n), symmetric and positive semidefinite.
        damping: amount to add to the diagonal, relative to its mean; increased if the moments are not numerically
            positive definite.

    Returns:
        The upper triangle U, where UᵀU is the inverse of the damped moments. Let e be the error of entry i divided by
        U[i, i]. It changes entry j > i by −e·U[i, j], and the loss is proportional to e² once all later entries have
        changed.

    Raises:
        CompressionError: the moments are not finite.
    """
    if not np.isfinite(moments).all():
        raise CompressionError("the input of a layer, or its gradient, is not finite, or exceeds 1e19")
    while True:
        try:
            # This is the Cholesky factor of the inverse, computed with the entries in reverse order.
            turned = np.linalg.cholesky(damped(moments, damping)[..., ::-1, ::-1])
        except np.linalg.LinAlgError:
            damping = max(10 * damping, 1e-6)
            continue
        return np.ascontiguousarray(np.linalg.inv(turned)[..., ::-1, ::-1])


def damped(moments: Doubles, damping: float) -> Doubles:
    """Return moments (…, n, n) after adding ``damping``, relative to the mean of their diagonal, to the diagonal."""
    level = np.diagonal(moments, axis1=-2, axis2=-1).mean(-1)
    level = np.where(level > 0, level, 1.0)
    found: Doubles = moments + (damping * level)[..., None, None] * np.eye(moments.shape[-1])
    return found


def rounded(target: Doubles, sizes: Doubles, across: Doubles | None, down: Doubles | None) -> Doubles:
    """Round weights to multiples of steps, with feedback.

    Args:
        target: (groups, rows, columns).
        sizes: the steps, in the same shape.
        across: the result of :func:`feedback` for columns, (groups, columns, columns); None if errors do not change
            other columns.
        down: the result of :func:`feedback` for rows, or None if errors do not change other rows.

    Returns:
        The integers, as float64.
    """
    groups, height, width = target.shape
    target = target.copy()
    moved = np.zeros_like(target)
    out = np.empty(target.shape)
    for left in range(0, width, TILE):
        cols = slice(left, min(left + TILE, width))
        missed = np.empty((groups, height, cols.stop - left))
        for top in range(0, height, TILE):
            part = slice(top, min(top + TILE, height))
            u = None if across is None else across[:, cols, cols]
            v = None if down is None else down[:, part, part]
            tile = _Tile(target[:, part, cols], moved[:, part, cols], sizes[:, part, cols], u, v)
            out[:, part, cols], missed[:, part], spread = tile.round()
            if down is not None and part.stop < height:
                moved[:, part.stop :, cols] -= np.swapaxes(down[:, part, part.stop :], 1, 2) @ spread
        if across is not None and cols.stop < width:
            target[:, :, cols.stop :] -= missed @ across[:, cols, cols.stop :]
    return out


class _Tile:
    """A tile of the matrices: its weights, the changes caused by rows above, its steps, and its feedback factors."""

    def __init__(self, x: Doubles, moved: Doubles, sizes: Doubles, u: Doubles | None, v: Doubles | None) -> None:
        groups, height, width = x.shape
        self.x, self.moved, self.sizes = x, moved, sizes
        self.u = None if u is None else np.swapaxes(u, 1, 2).copy()
        self.v = None if v is None else np.swapaxes(v, 1, 2).copy()
        self.q = np.empty(x.shape)
        self.missed = np.zeros(x.shape)
        self.spread = np.zeros((groups, width, height))

    def round(self) -> tuple[Doubles, Doubles, Doubles]:
        """Return the integers, and the errors for later columns and later rows, each divided by its diagonal entry."""
        _, height, width = self.x.shape
        if self.u is None and self.v is None:
            self.q[:] = _cheap((self.x + self.moved) / self.sizes)
        elif self.v is None:
            for column in range(width):
                self._wave(np.arange(height), np.full(height, column))
        elif self.u is None:
            for row in range(height):
                self._wave(np.full(width, row), np.arange(width))
        else:
            # Entries on the same antidiagonal do not affect each other.
            for wave in range(height + width - 1):
                i = np.arange(max(0, wave - width + 1), min(height, wave + 1))
                self._wave(i, wave - i)
        return self.q, self.missed, np.swapaxes(self.spread, 1, 2)

    def _wave(self, i: NDArray[np.int64], j: NDArray[np.int64]) -> None:
        """Round entries that do not affect each other."""
        x = self.x[:, i, j]
        if self.u is not None:
            x = x - np.einsum("gnk,gnk->gn", self.missed[:, i], self.u[:, j])
        y = x + self.moved[:, i, j]
        if self.v is not None:
            y = y - np.einsum("gnk,gnk->gn", self.spread[:, j], self.v[:, i])
        size = self.sizes[:, i, j]
        q = _cheap(y / size)
        self.q[:, i, j] = q
        if self.u is not None:
            self.missed[:, i, j] = (x - q * size) / self.u[:, j, j]
        if self.v is not None:
            self.spread[:, j, i] = (y - q * size) / self.v[:, i, i]


def _cheap(quotients: Doubles) -> Doubles:
    """Return the nearest integers; of two that are about equally close, the one with the smaller magnitude."""
    found: Doubles = np.copysign(np.floor(np.abs(quotients) + (0.5 - RATE)), quotients)
    return found
