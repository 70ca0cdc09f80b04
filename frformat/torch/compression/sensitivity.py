"""Correct the predicted loss of layers where it is far too small.

Predictions assume that errors at different positions of a layer do not add up. In a convolution over a long signal
whose weights mostly become zero, the same error occurs at all positions, and the loss can be a thousand times as large.
"""

from __future__ import annotations

import math
from collections.abc import Collection
from contextlib import ExitStack
from dataclasses import replace
from typing import Any, Final

import torch

from frformat.torch.compression.inputs import Told
from frformat.torch.compression.moments import Outputs as Gradients
from frformat.torch.compression.outputs import Outputs
from frformat.torch.compression.quantizing import Weighed, rounded_alone

MUCH: Final = 4.0
"""A loss of at most this multiple of its prediction is not corrected."""

ROUNDS: Final = 3
"""Number of times to correct a layer. The error of its prediction depends on its steps, which are then finer."""


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
    reference = weighed.batches[0](weighed.original)
    if not _ratio(weighed, names, outputs, scale, reference) > MUCH:
        return
    for number, name in enumerate(names):
        told("sensitivity", number, len(names))
        shift, found = 0.0, 0.5 * math.log2(max(_ratio(weighed, [name], outputs, scale, reference), 1e-9))
        if 2 * found <= math.log2(MUCH):
            continue
        # The steps become finer by √r, where r is the ratio that is measured with these steps, without a factor.
        for _ in range(ROUNDS):
            change = 0.5 * (found - shift)
            shift += change
            _scale(weighed, name, 2.0 ** (2 * change))
            found = shift + 0.5 * math.log2(max(_ratio(weighed, [name], outputs, scale, reference), 1e-9))
    told("sensitivity", len(names), len(names))


def _scale(weighed: Weighed, name: str, factor: float) -> None:
    """Multiply the predicted loss of a parameter by a factor."""
    for site in weighed.sites:
        if site.name == name:
            gradients = weighed.statistics[site].outputs
            assert isinstance(gradients, Gradients)
            gradients.factor *= factor
    plan = weighed.plans[name]
    weighed.plans[name] = replace(plan, level=plan.level - 0.5 * math.log2(factor))


def _ratio(weighed: Weighed, names: Collection[str], outputs: Outputs, scale: float, reference: Any) -> float:
    """Return the loss that rounding some parameters of the original causes, relative to the predicted loss."""
    with ExitStack() as stack:
        rounded = [stack.enter_context(rounded_alone(weighed, name, scale)) for name in names]
        real = outputs.distance(reference, weighed.batches[0](weighed.original))
    return real / max(sum(each.cost for each in rounded), 1e-30)
