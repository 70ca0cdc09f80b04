"""Compress a trained network in one call."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from torch import Tensor, nn

from frformat.format.atomic import replacing
from frformat.format.reader import opened
from frformat.torch.compression import versions
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
"""The quality if the user sets no limit."""

FINEST, COARSEST, FIRST = 1e-7, 30.0, 0.03
"""The losses whose scales bound a search, and the loss at which it begins."""

SHOWN: Final = 5
"""Largest number of names to list in a note."""


@dataclass(frozen=True, eq=False)
class Compressed:
    """A compressed model.

    Attributes:
        data: the bytes of the file.
        model: a module with the file's weights; None if tensors were given instead of a model.
        point: its point on the curve.
        curve: all trials, from the smallest file to the largest.
        metric: name of the metric; empty if none was measured.
        original: the metric of the original model, or None.
        layers: the outcome for each tensor, in file order.
        notes: what the user should know, one line each.
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
        """Size of the file in bytes."""
        return len(self.data)

    def save(self, path: StrPath) -> None:
        """Write the file. An existing file of that name is replaced only once the new one is complete.

        Raises:
            OSError: the file cannot be written.
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
    base: StrPath | None = None,
) -> Compressed:
    """Compress a trained network to a small file, without training it.

    A few hundred typical inputs, without labels, show how much each weight matters. All weights are then rounded, layer
    after layer, such that later ones compensate for the errors of earlier ones. Without inputs, only the weights are
    used, and the file is larger at equal accuracy. Batch normalization after a layer is folded into its weights; the
    module remains and only adds its bias. The file therefore loads into the same architecture with
    :func:`frformat.torch.load_model`, for use in evaluation mode.

    Two copies of the model are made, and each runs on all batches at once, layer by layer: memory holds twice what the
    forward pass of all batches needs at one layer.

    >>> compress(model, "model.frz", images.split(64), metric=accuracy, max_drop=0.5)

    Pass at most one of ``max_drop``, ``size``, ``bits`` and ``quality``.

    Args:
        model: the network, on any device, which is not modified; or tensors by name, if there is no model to run.
        path: destination; None writes no file.
        batches: inputs for the model: each a tensor, a tuple of arguments, or a dict of keyword arguments. They must
            not include test data.
        metric: function that returns a metric of a model in evaluation mode; higher is better, for example accuracy in
            percent. Without it, ``max_drop`` refers to the percentage of decisions that stay the same (for values, of
            the variance that is explained), measured on one in four batches, which are then not used for calibration.
        max_drop: largest loss of the metric.
        size: largest size of the file in bytes; the file gets close to it.
        bits: the same, in bits per parameter.
        quality: 1 (smallest) to 10; three steps up cut the loss to a tenth. 6 by default.
        outputs: ``logits`` of classes, along the last axis of outputs of rank 2 and 3, else along axis 1; ``values``;
            or ``auto``: logits if the output is one matrix with at least two columns.
        metadata: text for the file, in addition to the search's results.
        effort: with ``size`` or ``bits``, the number of files of about that size from which to take the best.
        seed: seed of the random numbers for differentiating outputs.
        progress: called with the current activity, the amount done, and the total amount.
        base: the file of an older version, which was compressed, too: the new file is the difference to it. It takes
            over the steps, so nothing is searched for, and none of the four goals may be given.

    Raises:
        CompressionError: the model fails on a batch, the metric is not a finite number, the limit cannot be reached, or
            options contradict each other. Nothing is written.
        EncodeError: a tensor has no counterpart in the format.
        OSError: the file cannot be written.
    """
    goals = {"max_drop": max_drop, "size": size, "bits": bits, "quality": quality}
    _check(goals, model, batches, metric)
    if base is not None:
        versions.check(goals)
    if effort < 1:
        raise CompressionError(f"effort {effort} is less than 1")
    meant = Outputs(outputs)
    told = progress or (lambda what, done, total: None)
    work = copied(model)
    calls = runs(batches) if batches is not None else []
    measure = measure_of(metric, meant, work, calls, needed=max_drop is not None)
    before = measure(work)
    weighed, contents = prepare(work.eval(), calls[: len(calls) - len(measure.held)], meant, seed, told)
    with opened(base) as older:
        if older is not None:
            versions.follow(weighed, contents, older)
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
    """Find the model that meets the user's limit; the metric has a name, and a value for the original."""
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
    if weighed.guessed:
        names = _shown([site.name for site in weighed.guessed])
        notes.append(f"no layer was seen to use {names}: rounded as without batches")
    if contents.unseen and weighed.batches:
        notes.append(f"no layer was seen to use {_shown(contents.unseen)} as its weights: 8 bits for each")
    return notes


def _shown(names: Sequence[str]) -> str:
    return ", ".join(names[:SHOWN]) + (" …" if len(names) > SHOWN else "")


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
