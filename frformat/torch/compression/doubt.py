"""Rely less on statistics from few inputs: mix them with what is assumed where there are no inputs.

A single input shows neither which outputs matter for others nor how inputs vary. Steps that it alone determined would
be far too coarse, and weights and biases that compensate for errors would do so for this input only.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from frformat.torch.compression.forms import Form
from frformat.torch.compression.guesses import GuessedInputs, GuessedOutputs
from frformat.torch.compression.moments import InputMoments
from frformat.torch.compression.moments import Outputs as Gradients

Doubles = NDArray[np.float64]

HALF: Final = 16.0
"""Number of decisions with which measured and assumed statistics count equally. Each further such number halves the
share of the assumed ones."""

NEGLIGIBLE: Final = 0.01
"""Smaller shares of assumed statistics are left out."""


def doubt(decisions: int) -> float:
    """Return the share of assumed statistics, from 0 to 1.

    Args:
        decisions: number of rows of logits or values in the outputs for all inputs. A sequence or a picture to be
            segmented has many: one picture is enough for a UNet.
    """
    share = 2.0 ** (-decisions / HALF)
    return share if share > NEGLIGIBLE else 0.0


class DoubtedInputs:
    """Moments of a layer's inputs, mixed with assumed ones of the same mean square.

    Args:
        measured: the measured moments.
        form: the layout of the layer's weights.
        share: the share of the assumed moments.
    """

    def __init__(self, measured: InputMoments, form: Form, share: float) -> None:
        self.measured, self.share = measured, share
        self._kernel = GuessedInputs(form).kernel

    @property
    def blocks(self) -> int:
        """Number of independent blocks."""
        return self.measured.blocks

    @property
    def means(self) -> tuple[Doubles, Doubles]:
        """The means of the inputs in both models: (groups, inputs)."""
        return self.measured.means

    @property
    def shrinkage(self) -> float:
        """The share of the measured moments that is due to chance, from 0 to 1."""
        return self.measured.shrinkage

    @property
    def unseen(self) -> int:
        """Number of entries of an embedding that were not used."""
        return self.measured.unseen

    def second(self, *, centred: bool) -> Doubles:
        """Return the moments; see :class:`.moments.InputMoments`. The assumed ones are never centred."""
        found = self.measured.second(centred=centred)
        if found.ndim == 3:
            return found
        level = np.diagonal(self.measured.second(centred=False), axis1=-2, axis2=-1).mean()
        mixed: Doubles = (1 - self.share) * found
        mixed += np.kron(np.eye(found.shape[-1] // len(self._kernel)), self.share * level * self._kernel)
        return mixed

    def shift(self, *, centred: bool) -> Doubles | None:
        """Return the measured difference, less the share of the assumed moments."""
        found = self.measured.shift(centred=centred)
        return None if found is None else (1 - self.share) * found


class DoubtedOutputs:
    """Moments of a layer's output gradients, mixed with assumed ones.

    Args:
        measured: the measured moments.
        assumed: the assumed ones.
        share: the share of the assumed ones.
    """

    def __init__(self, measured: Gradients, assumed: GuessedOutputs, share: float) -> None:
        self._measured, self._assumed, self._share = measured, assumed, share
        self.factor = 1.0

    def second(self) -> Doubles:
        """Return the moments (groups, outputs, outputs), or only their diagonals (groups, outputs)."""
        measured, assumed = self._measured.second(), self._assumed.second()
        if measured.ndim == 3:
            assumed = assumed[:, :, None] * np.eye(assumed.shape[-1])
        return self.factor * self._mixed(measured, assumed)

    def of_bias(self) -> Doubles:
        """Return the mean squares of the gradients of a bias: (groups, outputs)."""
        return self._mixed(self._measured.of_bias(), self._assumed.of_bias())

    def _mixed(self, measured: Doubles, assumed: Doubles) -> Doubles:
        return (1 - self._share) * measured + self._share * assumed
