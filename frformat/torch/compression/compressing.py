"""One call from a trained network to a small file."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from torch import Tensor, nn

from frformat.format.atomic import replacing
from frformat.torch.compression.contents import Contents
from frformat.torch.compression.inputs import CompressionError, runs
from frformat.torch.compression.measuring import Metric, measure_of
from frformat.torch.compression.outputs import Outputs
from frformat.torch.compression.planning import scale_of
from frformat.torch.compression.preparing import Told, prepare
from frformat.torch.compression.quantizing import Weighed
from frformat.torch.compression.reporting import LayerReport, layers
from frformat.torch.compression.search import of_metric, of_size
from frformat.torch.compression.state import Bag, copied
from frformat.torch.compression.trials import Point, Trial, Trials

StrPath = str | os.PathLike[str]

QUALITY: Final = 6.0
"""If nothing is asked for."""

FINEST, COARSEST, FIRST = 1e-7, 30.0, 0.03
"""Losses at whose scales a search ends, and at which it begins."""

SHOWN: Final = 5
"""At most so many names are listed in a note."""


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
    effort: int = 1,
    seed: int = 0,
    progress: Told | None = None,
) -> Compressed:
    """Make a trained network a small file, without training it.

    A few hundred typical inputs, without labels, tell how much each weight matters; then all weights are rounded, layer
    after layer, so that later ones make up for the errors of earlier ones. Without inputs the weights alone tell, and
    the file is larger for the same accuracy. Batch normalization behind a layer becomes part of its weights; the module
    stays, with nothing left to do but to add its bias. So the file loads into the same architecture by
    :func:`frformat.torch.load_model`, to be used in evaluation mode.

    Two copies of the model are made, and each is run on all batches at once, layer by layer: memory holds what the
    forward pass of all batches needs at one layer, twice.

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
        outputs: ``logits`` of classes, along the last axis of outputs of rank 2 and 3, else along axis 1; ``values``;
            or ``auto``: logits if the output is one matrix with at least two columns.
        metadata: text for the file, beside what the search found.
        effort: with `size` or `bits`, of how many files of about that size the best is taken.
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
    if effort < 1:
        raise CompressionError(f"effort {effort} is less than 1")
    meant = Outputs(outputs)
    told = progress or (lambda what, done, total: None)
    work = copied(model)
    calls = runs(batches) if batches is not None else []
    measure = measure_of(metric, meant, work, calls, needed=max_drop is not None)
    before = measure(work)
    weighed, contents = prepare(work.eval(), calls[: len(calls) - len(measure.held)], meant, seed, told)
    trials = Trials(weighed, contents, meant, measure, before, dict(metadata or {}), told)
    chosen = _search(trials, goals, contents, measure.name, before, effort)
    result = Compressed(
        chosen.data,
        None if isinstance(chosen.model, Bag) else chosen.model,
        chosen.point,
        sorted(trials.points, key=lambda point: point.nbytes),
        measure.name,
        before,
        layers(contents, chosen.found, chosen.data),
        _notes(weighed, contents),
    )
    if path is not None:
        result.save(path)
    return result


def _search(
    trials: Trials,
    goals: Mapping[str, float | None],
    contents: Contents,
    metric: str,
    before: float | None,
    effort: int,
) -> Trial:
    """The model that the user asked for; the metric has a name, and a value for the original."""
    count = contents.quantized
    first, finest, coarsest = (scale_of(loss, count) for loss in (FIRST, FINEST, COARSEST))
    size, bits, drop, quality = goals["size"], goals["bits"], goals["max_drop"], goals["quality"]
    if size is not None or bits is not None:
        most = int(size if size is not None else (bits or 0) * contents.elements / 8)
        return of_size(trials.trial, trials.estimate, most, finest, coarsest, effort)
    if drop is None:
        return trials.trial(scale_of(10 ** (-(QUALITY if quality is None else quality) / 3), count))
    assert before is not None  # since there is a drop
    least = before - drop
    found = of_metric(trials.trial, lambda each: (each.point.metric or 0.0) >= least, first, finest, coarsest)
    if found is None:
        best = max(point.metric or 0.0 for point in trials.points)
        raise CompressionError(
            f"a drop of at most {drop:g} cannot be met: {metric} is {before:.6g}, and at best {best:.6g} after rounding"
        )
    return found


def _notes(weighed: Weighed, contents: Contents) -> list[str]:
    notes = []
    if weighed.structure.folds:
        number = len(weighed.structure.folds)
        notes.append(f"batch normalization is part of the weights before it, {number} times: the file is for inference")
    if contents.unseen and weighed.batches:
        shown = ", ".join(contents.unseen[:SHOWN]) + (" …" if len(contents.unseen) > SHOWN else "")
        notes.append(f"no layer was seen to use {shown} as its weights: 8 bits for each")
    return notes


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
