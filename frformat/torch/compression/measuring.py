"""Measure a model with the user's metric, or by its agreement with the original."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

import torch
from torch import nn

from frformat.errors import EncodeError
from frformat.torch.compression.inputs import Batch, CompressionError, default_device
from frformat.torch.compression.outputs import Outputs

Metric = Callable[[nn.Module], float]

HELD: Final = 4
"""Without a metric, one batch in this many is reserved for measuring."""


@dataclass
class Measure:
    """A metric whose results are checked.

    Attributes:
        name: name of the metric; empty if there is none.
        metric: the function, or None.
        held: batches reserved for measuring.
        device: the default device while the metric runs.
    """

    name: str = ""
    metric: Metric | None = None
    held: list[Batch] = field(default_factory=list)
    device: torch.device = field(default_factory=torch.get_default_device)

    def __call__(self, model: nn.Module) -> float | None:
        """Return the metric of a model, or None if there is no metric.

        Raises:
            CompressionError: the metric fails, or its value is not finite.
        """
        if self.metric is None:
            return None
        try:
            with torch.no_grad(), default_device(self.device):
                value = float(self.metric(model))
        except EncodeError:
            raise
        except Exception as error:  # the user's code can raise anything
            raise CompressionError(
                f"the metric fails: {type(error).__name__}: {' '.join(str(error).split())}"
            ) from error
        if not math.isfinite(value):
            raise CompressionError(f"the metric is {value}, not a finite number")
        return value


def measure_of(
    metric: Metric | None,
    meant: Outputs,
    original: nn.Module,
    calls: Sequence[Batch],
    device: torch.device,
    *,
    needed: bool,
) -> Measure:
    """Return the metric for a search.

    Args:
        metric: the user's metric, or None.
        meant: the interpretation of the model's outputs.
        original: the model to compress.
        calls: all batches.
        device: the default device while the metric runs.
        needed: whether to measure the agreement with the original if the user passes no metric.

    Raises:
        CompressionError: there are too few batches.
    """
    if metric is not None:
        name = getattr(metric, "__name__", type(metric).__name__)
        return Measure("metric" if name == "<lambda>" else name, metric, device=device)
    if not needed:
        return Measure()
    if len(calls) < 2:
        raise CompressionError("max_drop without a metric needs at least two batches: to calibrate and to measure")
    kept = list(calls[-max(1, len(calls) // HELD) :])
    with torch.no_grad():
        known = [call(original) for call in kept]

    def agreement(model: nn.Module) -> float:
        pairs = [meant.agreement(reference, call(model)) for reference, call in zip(known, kept, strict=True)]
        return 100 * sum(same for same, _ in pairs) / sum(number for _, number in pairs)

    return Measure("agreement", agreement, kept)
