"""Refine rounded weights: change individual integers while that reduces the loss plus the price of their bits.

Rounding with feedback decides on each weight before it knows the errors of later ones, and ignores the entropy
coder. Here, an integer changes by one if that lowers the layer's loss ½ tr(G E H Eᵀ) plus a price for each bit. E
contains the errors of the weights; H and G are the second moments of the layer's inputs and of its output gradients.
"""

from __future__ import annotations

import math
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

Doubles = NDArray[np.float64]

SWEEPS: Final = 2
"""Maximum number of times to visit each integer."""

TILE: Final = 96
"""Number of columns whose errors are applied to later columns in one matrix product."""

PRICE: Final = 0.5
"""Price of a bit, relative to the loss that it saves on average when all steps become finer."""

BIT: Final = 2 * math.log(2) / 24
"""Loss per weight that one more bit per weight saves at scale 1."""

PRIOR: Final = 4
"""Number of fictitious entries, of the tensor's mean magnitude, that are added to each row, channel and position."""

SMALLEST: Final = 0.01
"""Smallest expected magnitude."""


def bits_per_unit(integers: NDArray[Any]) -> Doubles:
    """Return approximately how many bits each unit of an entry's magnitude takes, in the shape of the tensor.

    Magnitudes are assumed to be distributed geometrically. Their expectation is the product of a factor for the entry's
    row, one for its channel and one for its position.
    """
    sizes = np.abs(integers).astype(np.float64)
    split = sizes.reshape(*sizes.shape[:2], -1)
    mean = float(split.mean()) + 1e-3
    expected: Doubles = np.full(split.shape, mean)
    for axis in range(3):
        others = tuple(a for a in range(3) if a != axis)
        count = split.size // split.shape[axis]
        expected *= (split.sum(others, keepdims=True) + PRIOR * mean) / ((count + PRIOR) * mean)
    expected = np.maximum(expected, SMALLEST)
    return np.log2((1 + expected) / expected).reshape(sizes.shape)


def refined(
    q: Doubles, target: Doubles, sizes: Doubles, second: Doubles, gradients: Doubles, units: Doubles, price: float
) -> Doubles:
    """Return integers with a lower sum of loss and price than ``q``, or ``q`` itself.

    Args:
        q: the integers: (groups, outputs, inputs).
        target: the weights before rounding, in the same shape.
        sizes: the steps, in the same shape.
        second: damped second moments of the inputs: (groups, blocks, n, n).
        gradients: damped second moments of the output gradients: (groups, outputs, outputs), or their diagonals
            (groups, outputs).
        units: the result of :func:`bits_per_unit`, as matrices.
        price: the loss that one bit is worth.
    """
    q = q.copy()
    n = second.shape[-1]
    if gradients.ndim == 2:  # no output affects another, so each is a group of its own
        gradients = gradients.reshape(-1, 1, 1)
    for number in range(second.shape[1]):
        part = slice(number * n, (number + 1) * n)
        block = _Block(q[:, :, part], target[:, :, part], sizes[:, :, part], second[:, number], gradients)
        for _ in range(SWEEPS):
            if not block.sweep(units[:, :, part] * price, price):
                break
    return q


class _Block:
    """One block of inputs of a layer. Its integers change in place."""

    def __init__(self, q: Doubles, target: Doubles, sizes: Doubles, second: Doubles, gradients: Doubles) -> None:
        self._q, self._sizes, self._second, self._gradients = q, sizes, second, gradients
        self._missed = target - q * sizes
        self._own = np.diagonal(gradients, axis1=1, axis2=2)

    def sweep(self, units: Doubles, sign: float) -> bool:
        """Visit each integer once, column by column; return whether any has changed."""
        changed = False
        n = self._q.shape[2]
        for left in range(0, n, TILE):
            right = min(left + TILE, n)
            seen = self._missed @ self._second[:, :, left:right]
            for j in range(left, right):
                moved = self._settle(j, seen[:, :, j - left], units[:, :, j], sign)
                if moved is not None:
                    changed = True
                    self._missed[:, :, j] -= moved
                    seen -= moved[:, :, None] * self._second[:, j, None, left:right]
        return changed

    def _settle(self, j: int, seen: Doubles, units: Doubles, sign: float) -> Doubles | None:
        """Change integers of one column, one per group at a time, until none changes; return how the weights change."""
        shape, outputs = seen.shape, self._gradients.shape[1]
        q, sizes, units, seen = (x.reshape(-1, outputs) for x in (self._q[:, :, j], self._sizes[:, :, j], units, seen))
        own = self._second[:, j, j].repeat(len(q) // shape[0])[:, None]
        slope = np.einsum("gop,gp->go", self._gradients, seen)
        bend = 0.5 * sizes**2 * self._own * own
        before, q = q, q.copy()
        groups = np.arange(len(q))
        for _ in range(2 * outputs):
            bits = units * np.abs(q) + sign * (q != 0)
            rise = bend - sizes * slope + units * np.abs(q + 1) + sign * (q != -1) - bits
            fall = bend + sizes * slope + units * np.abs(q - 1) + sign * (q != 1) - bits
            gains = np.minimum(rise, fall)
            best = gains.argmin(1)
            at = groups[gains[groups, best] < 0]
            if not len(at):
                break
            row = best[at]
            step = np.where(rise[at, row] < fall[at, row], 1.0, -1.0)
            q[at, row] += step
            slope[at] -= self._gradients[at, :, row] * (own[at, 0] * step * sizes[at, row])[:, None]
        if np.array_equal(q, before):
            return None
        moved: Doubles = ((q - before) * sizes).reshape(shape)
        self._q[:, :, j] = q.reshape(shape)
        return moved
