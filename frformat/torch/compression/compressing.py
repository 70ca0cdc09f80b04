"""One call from a trained network to a small file."""

from __future__ import annotations

import copy
import math
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import torch
from torch import Tensor, nn

from frformat.format.atomic import replacing
from frformat.torch.compression.contents import Contents
from frformat.torch.compression.inputs import Batch, CompressionError, runs
from frformat.torch.compression.outputs import Outputs
from frformat.torch.compression.preparing import Bag, Told, copied, prepare, scale_of
from frformat.torch.compression.quantizing import Integers, Weighed, quantize
from frformat.torch.compression.reporting import LayerReport, layers
from frformat.torch.compression.search import of_metric, of_size

StrPath = str | os.PathLike[str]
Metric = Callable[[nn.Module], float]

QUALITY: Final = 6.0
"""If nothing is asked for."""

FINEST, COARSEST, FIRST = 1e-7, 30.0, 0.03
"""Losses at whose scales a search ends, and at which it begins."""

HELD: Final = 4
"""One of so many batches measures where there is no metric."""


@dataclass(frozen=True)
class Point:
    """One of the files that were tried.

    Attributes:
        scale: of all steps.
        nbytes: of the file.
        loss: how far outputs are from the original's on the calibration batches: the Kullback–Leibler divergence in
            nats, or half the relative squared error; as expected from the weights if there are no batches.
        metric: what the metric gave, or None.
    """

    scale: float
    nbytes: int
    loss: float
    metric: float | None


@dataclass(frozen=True, eq=False)
class Compressed:
    """A compressed model.

    Attributes:
        data: the bytes of the file.
        model: a module with the weights that the file holds; None if tensors were given instead of a model.
        point: its place on the curve.
        curve: all that were tried, from the smallest file to the largest.
        metric: the name of the metric; empty if none was measured.
        original: what the metric gives for the model as it was, or None.
        layers: what became of each tensor, in the order of the file.
        notes: what a user should know, one line each.
    """

    data: bytes
    model: nn.Module | None
    point: Point
    curve: list[Point]
    metric: str
    original: float | None
    layers: list[LayerReport]
    notes: list[str]

    @property
    def nbytes(self) -> int:
        """Bytes of the file."""
        return len(self.data)

    def save(self, path: StrPath) -> None:
        """Write the file; it replaces an older one of that name only when it is whole.

        Raises:
            OSError: it cannot be written.
        """
        with replacing(path) as file:
            file.write(self.data)


def compress(
    model: nn.Module | Mapping[str, Tensor],
    path: StrPath | None = None,
    batches: Iterable[Any] | None = None,
    *,
    metric: Metric | None = None,
    max_drop: float | None = None,
    size: int | None = None,
    bits: float | None = None,
    quality: float | None = None,
    outputs: str = "auto",
    metadata: Mapping[str, str] | None = None,
    seed: int = 0,
    progress: Told | None = None,
) -> Compressed:
    """Make a trained network a small file, without training it.

    A few hundred typical inputs, without labels, tell how much each weight matters; then all weights are rounded, layer
    after layer, so that later ones make up for the errors of earlier ones. Without inputs the weights alone tell, and
    the file is larger for the same accuracy. Batch normalization behind a layer becomes part of its weights; the module
    stays, with nothing left to do but to add its bias. So the file loads into the same architecture by
    :func:`frformat.torch.load_model`, to be used in evaluation mode.

    >>> compress(model, "model.frz", images.split(64), metric=accuracy, max_drop=0.5)

    Say at most one of ``max_drop``, ``size``, ``bits`` and ``quality``.

    Args:
        model: the network, on any device, which stays as it is; or tensors by name, if there is no model to run.
        path: where to write; None to write nothing.
        batches: inputs as the model takes them: each a tensor, a tuple of arguments, or a dict of keyword arguments.
            Data to test with must not be among them.
        metric: gives a figure of merit of a model in evaluation mode, the higher the better, such as accuracy in
            percent. If there is none, `max_drop` is about the share of decisions, or of the variance of values, that
            stays as it was, in percent, on one in four batches, which then do not calibrate.
        max_drop: how much of the metric may be lost.
        size: the file has at most so many bytes, and not many less.
        bits: the same, in bits per parameter.
        quality: 1 (smallest) to 10; a step of 3 is ten times less loss. 6 if nothing is said.
        outputs: ``logits`` of classes, along the last axis of outputs of rank 2 and 3, else along axis 1; ``values``; or
            ``auto``: logits if the output is one matrix with at least two columns.
        metadata: text for the file, beside what the search found.
        seed: of the random numbers with which outputs are differentiated.
        progress: called with what is being done, how much of it is done, and how much there is.

    Raises:
        CompressionError: the model fails on a batch, the metric is not a finite number, what is asked for cannot be
            reached, or options contradict each other. Nothing is written.
        EncodeError: a tensor has no counterpart in the format.
        OSError: the file cannot be written.
    """
    goals = {"max_drop": max_drop, "size": size, "bits": bits, "quality": quality}
    _check(goals, model, batches, metric)
    meant = Outputs(outputs)
    told = progress or (lambda what, done, total: None)
    work = copied(model)
    calls = runs(batches) if batches is not None else []
    measure = _metric(metric, meant, work, calls, held=max_drop is not None)
    calls = calls[: len(calls) - len(measure.held)]
    before = measure(work)
    weighed, contents = prepare(work, calls, meant, seed, told)
    tries = _Tries(weighed, contents, meant, measure, told, dict(metadata or {}), before)
    chosen = tries.search(goals)
    result = tries.result(chosen)
    if path is not None:
        result.save(path)
    return result


def _check(goals: Mapping[str, float | None], model: object, batches: object, metric: object) -> None:
    given = [name for name, value in goals.items() if value is not None]
    if len(given) > 1:
        raise CompressionError(f"{' and '.join(given)} are given: say one of {', '.join(goals)}")
    for name in given:
        value = goals[name]
        assert value is not None
        if not (math.isfinite(value) and value >= 0) or (value == 0 and name in ("size", "bits")):
            raise CompressionError(f"{name} {value} is not a positive number")
    quality = goals["quality"]
    if quality is not None and not 1 <= quality <= 10:
        raise CompressionError(f"quality {quality} is not within 1 … 10")
    if not isinstance(model, nn.Module | Mapping):
        raise CompressionError(f"a {type(model).__name__} is neither a module nor a mapping of tensors")
    if not isinstance(model, nn.Module) and (batches is not None or metric is not None):
        raise CompressionError("tensors alone cannot be run on batches or measured: give the model")
    if goals["max_drop"] is not None and metric is None and batches is None:
        raise CompressionError("max_drop needs a metric, or batches to measure agreement on")


@dataclass
class _Measure:
    """The metric, checked."""

    name: str = ""
    metric: Metric | None = None
    held: list[Batch] = field(default_factory=list)

    def __call__(self, model: nn.Module) -> float | None:
        if self.metric is None:
            return None
        try:
            with torch.no_grad():
                value = float(self.metric(model))
        except CompressionError:
            raise
        except Exception as error:  # the user's code may raise anything
            raise CompressionError(f"the metric fails: {type(error).__name__}: {' '.join(str(error).split())}") from error
        if not math.isfinite(value):
            raise CompressionError(f"the metric is {value}, not a finite number")
        return value


def _metric(metric: Metric | None, meant: Outputs, original: nn.Module, calls: list[Batch], *, held: bool) -> _Measure:
    if metric is not None:
        name = getattr(metric, "__name__", type(metric).__name__)
        return _Measure("metric" if name == "<lambda>" else name, metric)
    if not held:
        return _Measure()
    if len(calls) < 2:
        raise CompressionError("max_drop without a metric needs at least two batches: some calibrate, others measure")
    kept = calls[-max(1, len(calls) // HELD) :]
    with torch.no_grad():
        known = [call(original) for call in kept]

    def agreement(model: nn.Module) -> float:
        pairs = [meant.agreement(reference, call(model)) for reference, call in zip(known, kept, strict=True)]
        return 100 * sum(same for same, _ in pairs) / sum(number for _, number in pairs)

    return _Measure("agreement", agreement, kept)


@dataclass(frozen=True, eq=False)
class _Trial:
    """A model at a scale."""

    point: Point
    found: Mapping[str, Integers]
    model: nn.Module
    data: bytes

    @property
    def nbytes(self) -> int:
        """Of the file."""
        return self.point.nbytes


class _Tries:
    """Makes files at different scales, and remembers how they turned out."""

    def __init__(
        self,
        weighed: Weighed,
        contents: Contents,
        meant: Outputs,
        measure: _Measure,
        told: Told,
        metadata: dict[str, str],
        before: float | None,
    ) -> None:
        self._weighed, self._contents, self._meant = weighed, contents, meant
        self._measure, self._told, self._metadata, self._before = measure, told, metadata, before
        self._points: list[Point] = []
        names = list(weighed.plans)
        self._count = max(1, sum(weighed.original.get_parameter(name).numel() for name in names))

    def search(self, goals: Mapping[str, float | None]) -> _Trial:
        """The model that the user asked for."""
        first, finest, coarsest = (scale_of(loss, self._count) for loss in (FIRST, FINEST, COARSEST))
        size, drop = goals["size"], goals["max_drop"]
        if goals["bits"] is not None:
            size = goals["bits"] * self._contents.elements / 8
        if size is not None:
            return of_size(self.trial, int(size), first, finest, coarsest)
        if drop is None:
            quality = goals["quality"] if goals["quality"] is not None else QUALITY
            return self.trial(scale_of(10 ** (-quality / 3), self._count))
        assert self._before is not None
        least = self._before - drop
        found = of_metric(self.trial, lambda each: (each.point.metric or 0.0) >= least, first, finest, coarsest)
        if found is None:
            best = max(point.metric or 0.0 for point in self._points)
            raise CompressionError(
                f"a drop of at most {drop:g} cannot be met: {self._measure.name} is {self._before:.4g}, and at best "
                f"{best:.4g} after rounding"
            )
        return found

    def trial(self, scale: float) -> _Trial:
        """Quantize the model at a scale, and measure it."""
        model = copy.deepcopy(self._weighed.original)
        number = len(self._points) + 1
        known: dict[int, Any] = {}
        losses: list[float] = []

        def ended(run: int, output: Any) -> None:
            other = known.pop(run ^ 1, None)
            if other is None:
                known[run] = output
            else:
                pair = (other, output) if run % 2 else (output, other)
                losses.append(self._meant.distance(*pair))

        layers = len(self._weighed.structure.sites)
        found = quantize(
            self._weighed, model, scale, told=lambda done: self._told(f"trial {number}", done, layers), ended=ended
        )
        loss = sum(losses) / len(losses) if losses else sum(each.cost for each in found.values())
        if not math.isfinite(loss):
            raise CompressionError("the outputs of the quantized model are not finite")
        value = self._measure(model)
        data = self._file(found, loss, value)
        self._points.append(Point(scale, len(data), loss, value))
        return _Trial(self._points[-1], found, model, data)

    def result(self, chosen: _Trial) -> Compressed:
        """What the user gets of a trial."""
        return Compressed(
            chosen.data,
            None if isinstance(chosen.model, Bag) else chosen.model,
            chosen.point,
            sorted(self._points, key=lambda point: point.nbytes),
            self._measure.name,
            self._before,
            layers(self._contents, chosen.found, chosen.data),
            self._notes(),
        )

    def _file(self, found: Mapping[str, Integers], loss: float, value: float | None) -> bytes:
        """The file, whose metadata tell its own size."""
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
        return data  # no number makes the directory as long as it says

    def _notes(self) -> list[str]:
        notes = []
        folds = len(self._weighed.structure.folds)
        if folds:
            notes.append(f"{folds} batch normalizations are part of the weights before them: use the model in evaluation mode")
        unseen = self._contents.unseen
        if unseen and self._weighed.batches:
            notes.append(f"no layer was seen to use {', '.join(unseen[:5])}{' …' if len(unseen) > 5 else ''}: 8 bits each")
        return notes
