"""Guess statistics from the weights alone, for parameters that no run has used."""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

from frformat.torch.compression.forms import Form
from frformat.torch.compression.moments import InputMoments

Doubles = NDArray[np.float64]

NEIGHBORS: Final = 0.75
"""Assumed correlation of inputs at neighboring kernel positions."""


LONG: Final = 31
"""Longest kernel axis to assume of a tensor with several input channels."""

FEW: Final = 4
"""Number of input channels up to which a kernel may be longer, as in filters for sounds."""

ENTRIES: Final = 1 << 24
"""Maximum number of entries of the moments of all kernels."""


def guessed_form(shape: tuple[int, ...]) -> Form:
    """Return the likely layout of weights of which only the shape is known.

    A tensor of rank 3 or more is a convolution only if the axes after the second can be those of a kernel; otherwise it
    consists of matrices, such as those of several experts, or of vectors.
    """
    if len(shape) == 2:
        return Form("linear", shape)
    channels, kernel = shape[1], shape[2:]
    small = max(kernel) <= LONG or channels <= FEW
    return Form("convolution" if small and channels * math.prod(kernel) ** 2 <= ENTRIES else "matrices", shape)


class GuessedInputs:
    """Assumed moments of a layer's inputs, the same for all channels; used in place of :class:`.moments.Inputs`.

    Args:
        form: the layout of the layer's weights.

    Attributes:
        kernel: the moments at all kernel positions of one channel.
    """

    def __init__(self, form: Form) -> None:
        self.form = form
        positions = math.prod(form.kernel)
        self.blocks = form.inputs // positions
        self.kernel: Doubles = np.ones((1, 1))
        for n in form.kernel:
            distance = np.abs(np.subtract.outer(np.arange(n), np.arange(n)))
            self.kernel = np.kron(self.kernel, NEIGHBORS**distance).astype(np.float64)

    @property
    def means(self) -> tuple[Doubles, Doubles]:
        """Zeros, since the means are unknown."""
        zeros = np.zeros((self.form.groups, self.form.inputs))
        return zeros, zeros

    @property
    def shrinkage(self) -> float:
        """Zero, since these moments are not estimated from samples."""
        return 0.0

    @property
    def unseen(self) -> int:
        """Zero, since no entries of an embedding were counted."""
        return 0

    def second(self, *, centred: bool) -> Doubles:
        """Return the moments (groups, blocks, n, n), with one block per channel."""
        shape = (self.form.groups, self.blocks, *self.kernel.shape)
        return np.broadcast_to(self.kernel, shape)

    def shift(self, *, centred: bool) -> None:
        """Return None, since there is no second model."""


class GuessedOutputs:
    """Assumed moments of a layer's output gradients.

    Errors are measured relative to the size of each output, and all layers are assumed to be equally important.

    Args:
        weights: weights of the layer, as matrices (groups, outputs, inputs).
        form: their layout.
        inputs: moments of the inputs, measured or guessed.

    Attributes:
        factor: factor to multiply the moments by if errors in the weights cost more than assumed.
    """

    def __init__(self, weights: Doubles, form: Form, inputs: InputMoments) -> None:
        second = inputs.second(centred=False)
        split = weights.reshape(*weights.shape[:2], inputs.blocks, -1).swapaxes(1, 2)
        seen = split @ second if second.ndim == 4 else split * second[:, :, None]
        energy = np.einsum("gbok,gbok->go", seen, split, optimize=True)
        floor = max(1e-2 * float(energy.mean()), 1e-30)
        self._diagonal: Doubles = 1 / (np.maximum(energy, floor) * energy.size)
        self.factor = 1.0

    def second(self) -> Doubles:
        """Return the diagonal of the moments: (groups, outputs)."""
        return self._diagonal * self.factor

    def of_bias(self) -> Doubles:
        """Return the mean squares of the gradients of a bias: (groups, outputs)."""
        return self._diagonal
