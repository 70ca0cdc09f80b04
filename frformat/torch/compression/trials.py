"""Create files at different scales of all steps, and record the results."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from frformat.torch.compression.buffers import unchanged
from frformat.torch.compression.contents import Contents
from frformat.torch.compression.inputs import CompressionError, Told
from frformat.torch.compression.measuring import Measure
from frformat.torch.compression.outputs import Outputs
from frformat.torch.compression.quantizing import Integers, Weighed, codes, quantize, roughly
from frformat.torch.compression.state import state_of
from frformat.torch.copying import copied


@dataclass(frozen=True)
class Point:
    """The result of one trial.

    Attributes:
        scale: scale of all steps.
        nbytes: size of the file.
        loss: distance of the outputs from those of the original on the calibration batches: the Kullback–Leibler
            divergence in nats, or half the relative squared error. Without batches, it is the loss
            predicted from the weights.
        metric: the metric, or None if there is none.
    """

    scale: float
    nbytes: int
    loss: float
    metric: float | None


@dataclass(frozen=True, eq=False)
class Trial:
    """A model that was rounded at one scale.

    Attributes:
        point: its size, loss and metric.
        found: the integers of its parameters.
        model: the model.
        data: its file.
    """

    point: Point
    found: Mapping[str, Integers]
    model: nn.Module
    data: bytes

    @property
    def nbytes(self) -> int:
        """Size of the file in bytes."""
        return self.point.nbytes

    @property
    def loss(self) -> float:
        """Distance of the outputs from those of the original."""
        return self.point.loss


class Trials:
    """Creates files at different scales, and records the results.

    Args:
        weighed: the model's statistics and plans.
        contents: the contents of its files.
        meant: the interpretation of the model's outputs.
        measure: the metric.
        before: the metric of the original.
        metadata: text to store in the files.
        told: progress callback.
    """

    def __init__(
        self,
        weighed: Weighed,
        contents: Contents,
        meant: Outputs,
        measure: Measure,
        before: float | None,
        metadata: Mapping[str, str],
        told: Told,
    ) -> None:
        self._weighed, self._contents, self._meant = weighed, contents, meant
        self._measure, self._before, self._metadata, self._told = measure, before, metadata, told
        self.points: list[Point] = []

    def estimate(self, scale: float) -> int:
        """Quickly estimate the size of the file at a scale, in bytes."""
        return len(self._contents.file(roughly(self._weighed, scale), self._metadata))

    def codes(self, scale: float) -> tuple[int, ...]:
        """Return the step codes of all parameters at a scale."""
        return codes(self._weighed, scale)

    def trial(self, scale: float) -> Trial:
        """Quantize the model at a scale, and measure it.

        Raises:
            CompressionError: the outputs or the metric are not finite.
        """
        model = copied(self._weighed.original)
        with torch.no_grad():
            self._contents.give(state_of(model)[0])
        number = len(self.points) + 1
        known: dict[int, Any] = {}
        losses: list[float] = []

        def ended(run: int, output: Any) -> None:
            other = known.pop(run ^ 1, None)
            if other is None:
                known[run] = output
            else:
                pair = (other, output) if run % 2 else (output, other)
                losses.append(self._meant.distance(*pair))

        layers = len(self._weighed.sites)
        with unchanged(self._weighed.original, model):
            found = quantize(
                self._weighed, model, scale, told=lambda done: self._told(f"trial {number}", done, layers), ended=ended
            )
        loss = sum(losses) / len(losses) if losses else sum(each.cost for each in found.values())
        if not math.isfinite(loss):
            raise CompressionError("the outputs of the quantized model are not finite")
        with unchanged(model):
            value = self._measure(model)
        model.eval()
        data = self._file(found, loss, value)
        self.points.append(Point(scale, len(data), loss, value))
        return Trial(self.points[-1], found, model, data)

    def _file(self, found: Mapping[str, Integers], loss: float, value: float | None) -> bytes:
        """Return the file. If possible, its metadata includes its own size."""
        told = {"compress.loss": f"{loss:.4g}"}
        if value is not None:
            told |= {
                "compress.metric": self._measure.name,
                "compress.metric.original": f"{self._before:.6g}",
                "compress.metric.value": f"{value:.6g}",
            }
        data = self._contents.file(found, {**self._metadata, **told})
        guess = len(data) + 20
        for _ in range(8):
            sized = self._contents.file(found, {**self._metadata, **told, "compress.bytes": str(guess)})
            if len(sized) == guess:
                return sized
            guess = len(sized)
        return data  # no recorded size matched the size of its file
