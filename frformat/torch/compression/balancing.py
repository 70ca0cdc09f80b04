"""Measuring what rounding a layer really costs, where moments only tell how that depends on its weights.

Moments take the places of a picture, or the words of a text, for independent. Where a mean over them follows, errors
add up instead, and the loss is several times what moments tell.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

import numpy as np
import torch
from torch import nn

from frformat.torch.compression.quantizing import Integers, Weighed, alone
from frformat.torch.compression.steps import Plan

PASSES: Final = 5
"""Over all batches; with many layers each is measured on fewer."""

MOST: Final = 8.0
"""No loss is taken for more, or less, than so many times what moments tell."""


@torch.no_grad()
def balanced(
    weighed: Weighed, scale: float, distance: Callable[[Any, Any], float], told: Callable[[int], None]
) -> dict[str, Plan]:
    """Plans whose levels go by the loss that rounding one parameter costs.

    Args:
        weighed: what is known of a model.
        scale: at which parameters are rounded.
        distance: how far outputs are from what they were.
        told: called with the number of parameters that are done.
    """
    few = weighed.batches[: max(1, round(PASSES * len(weighed.batches) / len(weighed.plans)))]
    known = [batch(weighed.original) for batch in few]

    def loss(model: nn.Module) -> float:
        return float(np.mean([distance(out, batch(model)) for out, batch in zip(known, few, strict=True)]))

    found = {}
    for number, (name, plan) in enumerate(weighed.plans.items()):
        integers, measured = alone(weighed, name, scale, loss)
        found[name] = replace(plan, level=plan.level - 0.5 * math.log2(_ratio(measured, integers)))
        told(number + 1)
    return found


def _ratio(loss: float, integers: Integers) -> float:
    if not (math.isfinite(loss) and loss > 0 and integers.cost > 0):
        return 1.0
    return min(max(loss / integers.cost, 1 / MOST), MOST)
