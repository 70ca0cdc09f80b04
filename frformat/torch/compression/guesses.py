"""What weights alone tell, where a model cannot be run."""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

from frformat.torch.compression.forms import Form

Doubles = NDArray[np.float64]

NEIGHBOURS: Final = 0.75
"""Correlation of inputs at neighbouring places of a kernel."""


class GuessedInputs:
    """Moments of a layer's inputs, alike in all channels, in the place of those of :mod:`.moments`.

    Args:
        form: the layout of its weights.
    """

    def __init__(self, form: Form) -> None:
        self.form = form
        positions = math.prod(form.kernel)
        self.blocks = form.inputs // positions
        self._kernel: Doubles = np.ones((1, 1))
        for n in form.kernel:
            distance = np.abs(np.subtract.outer(np.arange(n), np.arange(n)))
            self._kernel = np.kron(self._kernel, NEIGHBOURS**distance).astype(np.float64)

    @property
    def means(self) -> tuple[Doubles, Doubles]:
        """None are known."""
        zeros = np.zeros((self.form.groups, self.form.inputs))
        return zeros, zeros

    def second(self, *, centred: bool) -> Doubles:
        """(groups, blocks, n, n) with a block for each channel."""
        shape = (self.form.groups, self.blocks, *self._kernel.shape)
        return np.broadcast_to(self._kernel, shape).copy()

    def shift(self, *, centred: bool) -> None:
        """There is no second model."""


class GuessedOutputs:
    """Moments of output gradients with which noise counts by its share of an output, and all layers alike.

    Args:
        weights: of the layer, as matrices (groups, outputs, inputs).
        form: their layout.
        inputs: the moments of the inputs.
    """

    def __init__(self, weights: Doubles, form: Form, inputs: GuessedInputs) -> None:
        kernel = inputs.second(centred=False)[0, 0]
        split = weights.reshape(*weights.shape[:2], -1, len(kernel))
        energy = np.einsum("gock,gocl,kl->go", split, split, kernel, optimize=True)
        floor = max(1e-2 * float(energy.mean()), 1e-30)
        self._diagonal: Doubles = 1 / (np.maximum(energy, floor) * energy.size)

    def second(self) -> Doubles:
        """The diagonal (groups, outputs)."""
        return self._diagonal

    def of_bias(self) -> Doubles:
        """The same."""
        return self._diagonal
