"""Round the weights of one layer."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
from numpy.typing import NDArray

from frformat.torch.compression.blocks import cost, rounded_in_blocks
from frformat.torch.compression.forms import Form
from frformat.torch.compression.refining import BIT, PRICE, bits_per_unit, refined
from frformat.torch.compression.rounding import damped, feedback
from frformat.torch.compression.steps import Plan, pruned
from frformat.torch.compression.wide import Observed, in_sequence

Doubles = NDArray[np.float64]

NEVER: Final = 1e30
"""A step so large that it rounds everything to zero."""

DOWN: Final = 0.1
"""Damping of the gradient moments when the errors of one output change the weights of other outputs."""


@dataclass(frozen=True, eq=False)
class Layer:
    """Everything that determines how the weights of a layer are rounded.

    Attributes:
        plan: the steps and the basis of the parameter.
        form: the layout of the weights.
        original: the weights in that basis: (groups, outputs, inputs).
        sizes: their steps, in the same shape.
        moments: second moments of the inputs in that basis, one matrix or diagonal for each block.
        damping: amount to add to the diagonals of these moments, relative to their mean.
        gradients: second moments of the output gradients, as matrices or diagonals.
        scale: the scale of the steps.
    """

    plan: Plan
    form: Form
    original: Doubles
    sizes: Doubles
    moments: Doubles
    damping: float
    gradients: Doubles
    scale: float

    @cached_property
    def down(self) -> Doubles | None:
        """The feedback factors of rows; None if errors of one output do not change the weights of other outputs."""
        wide = self.gradients.ndim == 3 and self.form.outputs > 1
        return feedback(self.gradients, DOWN) if wide else None

    def rounded(self, target: Doubles) -> tuple[Doubles, float]:
        """Round all weights, and return the integers and the loss that they are expected to cause.

        Args:
            target: the weights to round, in the basis of ``original`` and in the same shape.
        """
        q = rounded_in_blocks(target, self._steps, self.moments, self.damping, self.down)
        if self.moments.ndim == 4:
            q = self._refined(q, target, slice(None), slice(None), self._units(q))
        return q, cost(target - q * self.sizes, self.moments, self.gradients)

    def rounded_in_sequence(self, before: Doubles, inputs: Observed, second: Doubles) -> tuple[Doubles, float]:
        """Round one block of inputs after another, so that each compensates for the errors of earlier ones.

        Args:
            before: the weights: (1, outputs, inputs).
            inputs: the inputs of the layer.
            second: their second moments in the basis of ``before``: (1, blocks, n, n).

        Returns:
            The integers, and the loss that they are expected to cause.
        """
        n = second.shape[-1]
        units = self._units(np.rint(self.original / self.sizes))
        q = np.empty_like(before)

        def settle(block: int, target: Doubles) -> Doubles:
            part, blocks = slice(block * n, (block + 1) * n), slice(block, block + 1)
            entries = self.plan.transform(target[None])
            found = rounded_in_blocks(
                entries, self._steps[:, :, part], self.moments[:, blocks], self.damping, self.down
            )
            q[:, :, part] = self._refined(found, entries, part, blocks, units[:, :, part])
            after: Doubles = self.plan.restore(q[:, :, part] * self.sizes[:, :, part])[0]
            return after

        errors = in_sequence(before[0], inputs, second[0], self.damping, settle)
        gradients = self.gradients[0]
        weights = gradients if gradients.ndim == 2 else np.diag(gradients)
        return q, 0.5 * float((weights * errors).sum())

    @cached_property
    def _steps(self) -> Doubles:
        return np.where(self.original == 0, NEVER, self.sizes) if pruned(self.original) else self.sizes

    def _units(self, q: Doubles) -> Doubles:
        found: Doubles = self.form.matrix(bits_per_unit(self.form.tensor(q)))
        return found

    def _refined(self, q: Doubles, target: Doubles, part: slice, blocks: slice, units: Doubles) -> Doubles:
        """Refine the integers of the inputs in ``part``, which form ``blocks``."""
        price = PRICE * BIT * self.scale**2
        seen = damped(self.moments[:, blocks], self.damping)
        felt = damped(self.gradients, DOWN) if self.down is not None else self.gradients
        return refined(q, target, self._steps[:, :, part], seen, felt, units, price)
