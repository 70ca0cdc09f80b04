"""Correct the predicted loss of layers where it is far too small.

Predictions assume that errors at different positions of a layer do not add up. In a convolution over a long signal
whose weights mostly become zero, the same error occurs at all positions, and the loss can be a thousand times as
large as predicted.
"""

from __future__ import annotations

import math
from contextlib import ExitStack
from dataclasses import replace
from typing import Any, Final

import torch

from frformat.torch.compression.buffers import unchanged
from frformat.torch.compression.doubt import DoubtedOutputs
from frformat.torch.compression.guesses import GuessedOutputs
from frformat.torch.compression.inputs import Told
from frformat.torch.compression.moments import Outputs as Gradients
from frformat.torch.compression.outputs import Outputs
from frformat.torch.compression.quantizing import Weighed, rounded_alone

MUCH: Final = 4.0
"""A loss of at most this multiple of its prediction is not corrected."""

ROUNDS: Final = 3
"""Number of times to correct a layer's prediction. The error of the prediction depends on the layer's steps, and each
correction makes the steps finer."""

LIMITS: Final = (1e-9, 1e9)
"""Smallest and largest ratio of a loss to its prediction."""


@torch.no_grad()
def correct(weighed: Weighed, outputs: Outputs, scale: float, told: Told) -> None:
    """Measure the loss of each layer on the first batch, and correct predictions that are far too small.

    Args:
        weighed: the model's statistics and plans; those of the affected layers are replaced.
        outputs: the interpretation of the model's outputs.
        scale: the scale of the steps at which to measure.
        told: progress callback.
    """
    guessed = {site.name for site in weighed.guessed}
    names = [name for name in weighed.plans if name not in guessed]
    losses = _Losses(weighed, outputs, scale)
    if losses.ratio(*names) <= MUCH:
        return
    for number, name in enumerate(names):
        told("sensitivity", number, len(names))
        first = losses.ratio(name)
        if first > MUCH:
            losses.correct(name, first)
    told("sensitivity", len(names), len(names))


class _Losses:
    """Compares the losses that rounding causes with their predictions."""

    def __init__(self, weighed: Weighed, outputs: Outputs, scale: float) -> None:
        self._weighed, self._outputs, self._scale = weighed, outputs, scale
        self._reference = self._run()

    def _run(self) -> Any:
        with unchanged(self._weighed.original):
            return self._weighed.batches[0](self._weighed.original)

    def ratio(self, *names: str) -> float:
        """Return the loss that rounding some parameters of the original causes, relative to the predicted loss."""
        with ExitStack() as stack:
            rounded = [stack.enter_context(rounded_alone(self._weighed, name, self._scale)) for name in names]
            real = self._outputs.distance(self._reference, self._run())
        least, most = LIMITS
        # A loss that is not a number counts as small here; the search will report it.
        return min(most, max(least, real / max(sum(each.cost for each in rounded), 1e-30)))

    def correct(self, name: str, first: float) -> None:
        """Divide the steps of a parameter by √r, where r = loss / uncorrected prediction, at the new steps.

        Args:
            name: name of the parameter.
            first: the ratio at the present steps.
        """
        shift, found = 0.0, 0.5 * math.log2(first)
        for _ in range(ROUNDS):
            change = 0.5 * (found - shift)
            shift += change
            self._expect(name, 2.0 ** (2 * change))
            found = shift + 0.5 * math.log2(self.ratio(name))

    def _expect(self, name: str, factor: float) -> None:
        """Multiply the predicted loss of a parameter by a factor."""
        for site in self._weighed.sites:
            if site.name == name:
                gradients = self._weighed.statistics[site].outputs
                assert isinstance(gradients, Gradients | GuessedOutputs | DoubtedOutputs)
                gradients.factor *= factor
        plan = self._weighed.plans[name]
        self._weighed.plans[name] = replace(plan, level=plan.level - 0.5 * math.log2(factor))
