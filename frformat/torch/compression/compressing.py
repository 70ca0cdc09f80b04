"""Compress a trained network in one call."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any, Final

import torch
from torch import Tensor, nn

from frformat.format.atomic import check_writable, replacing
from frformat.format.options import Options
from frformat.format.reader import opened
from frformat.torch.compression import versions
from frformat.torch.compression.buffers import unchanged
from frformat.torch.compression.contents import Contents
from frformat.torch.compression.inputs import CompressionError, Told, runs
from frformat.torch.compression.measuring import Metric, measure_of
from frformat.torch.compression.merging import merged
from frformat.torch.compression.outputs import Outputs
from frformat.torch.compression.planning import scale_of
from frformat.torch.compression.preparing import prepare
from frformat.torch.compression.quantizing import Weighed
from frformat.torch.compression.randomness import preserved
from frformat.torch.compression.reporting import LayerReport, layers
from frformat.torch.compression.search import FAR, NEAR, of_loss, of_metric, of_size
from frformat.torch.compression.state import Bag, copied
from frformat.torch.compression.trials import Point, Trial, Trials
from frformat.torch.modes import ordinary
from frformat.torch.regularization.tiers import statistics
from frformat.wording import parse_size

StrPath = str | os.PathLike[str]

QUALITY: Final = 6.0
"""Quality to use if the user sets no goal."""

FINEST, COARSEST, FIRST = 1e-7, 30.0, 0.03
"""Losses that determine the finest and the coarsest scale of the search, and the scale at which it starts."""

FEW: Final = 0.1
"""Average shrinkage, or share of assumed statistics, above which the user should provide more calibration inputs, and
above which a small loss on these inputs is no reason for coarser steps: with 128 inputs, where the shrinkage is 0.17,
such steps reduced the accuracy of a LeNet-5 on other inputs from 99.9 % to 84 %."""

SHOWN: Final = 5
"""Maximum number of names to list in a note."""


@dataclass(frozen=True, eq=False)
class Compressed:
    """A compressed model.

    Attributes:
        data: contents of the file.
        model: a module with the weights in the file; None if tensors were compressed instead of a model.
        point: size of this file, and its loss on the calibration inputs. On other inputs, the loss is larger.
        curve: size and loss of every trial, from the smallest file to the largest.
        metric: name of the metric; empty if there is none.
        original: the metric of the original model, or None if there is no metric.
        layers: the outcome for each tensor, in file order.
        notes: remarks for the user, one line each.
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
        """Write the file, replacing an existing one only after the new file is complete.

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
    size: int | str | None = None,
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

    A few hundred typical inputs, without labels, show how much each weight matters. All weights are then rounded layer
    by layer, and later weights compensate for the rounding errors of earlier ones. Without inputs, or with only a few,
    the file is larger at the same accuracy. Batch normalization after a layer is folded into that layer's weights; its
    module remains and only adds its bias. The file therefore loads into the same architecture with
    :func:`frformat.torch.load_model`, but only for use in evaluation mode. Tensors whose elements share memory, such as
    expanded ones, are stored exactly, apart from tied weights.

    Two copies of the model process all batches side by side, layer by layer. Peak memory is therefore twice what the
    activations of all batches occupy at one layer.

    >>> compress(model, "model.frz", images.split(64), metric=accuracy, max_drop=0.5)

    Autocast is off while the model runs, unless the model or the metric turns it on.

    Pass at most one of ``max_drop``, ``size``, ``bits`` and ``quality``.

    Args:
        model: the network, on any device; it is not modified. Pass a mapping of tensors if there is no model to run.
        path: file to write, or None to write no file.
        batches: calibration inputs; each is a tensor, a tuple of arguments, or a mapping of keyword arguments. They
            must not include test data. They are not modified, and the state of PyTorch's random number generators
            is restored afterwards.
        metric: function that returns a metric of a model in evaluation mode, such as its accuracy in percent. Higher
            values must be better. Without it, ``max_drop`` applies to the percentage of unchanged decisions or, for
            ``values``, to that of explained variance. This percentage is measured on the last quarter of the batches,
            which are then not used for calibration.
        max_drop: largest acceptable drop in the metric.
        size: maximum file size in bytes, or a string such as ``"32kB"``. The file will be close to this size.
        bits: maximum file size in bits per parameter.
        quality: from 1 (smallest file) to 10. Each increase by 3 reduces the loss to a tenth. The default is 6, for a
            loss of about 0.01. If the loss on the batches is more than twice as large, finer steps are tried; if it is
            less than a hundredth, coarser ones. A note tells if no loss between these limits was found.
        outputs: ``logits`` for class logits, along the last axis of outputs of rank 2 or 3 and along axis 1 of all
            other outputs; ``values`` for other numbers; or ``auto`` to assume logits if the output is one matrix with
            at least two columns.
        metadata: text to store in the file, in addition to the results of the search.
        effort: with ``size`` or ``bits``, the number of files close to the limit to create. The best one is kept.
        seed: seed for the random numbers used to sample gradients of the outputs.
        progress: function to call with the name of the current stage, the amount done, and the total amount.
        base: compressed file of an older version of the model. The new file uses the same steps and stores only the
            difference. Nothing is searched, so ``max_drop``, ``size``, ``bits`` and ``quality`` must not be passed.

    Raises:
        CompressionError: the model fails on a batch, the metric is not a finite number, the limit cannot be met,
            arguments contradict each other, or the model has running statistics for each tier. No file is written.
        EncodeError: the format cannot represent a tensor.
        OSError: the file cannot be written.
    """
    goals = {"max_drop": max_drop, "size": _parsed(size), "bits": bits, "quality": quality}
    _check(goals, model, batches, metric)
    if base is not None:
        versions.check(goals)
    if not isinstance(effort, Integral) or effort < 1:
        raise CompressionError(f"effort {effort!r} is not a whole number, 1 or greater")
    if not isinstance(seed, Integral):
        raise CompressionError(f"seed {seed!r} is not a whole number")
    if path is not None:
        check_writable(path)
    Options.of(metadata, None, "auto", (), "auto")  # checks the metadata
    meant = Outputs(outputs)
    told = progress or (lambda what, done, total: None)
    device = torch.get_default_device()
    with ordinary():
        work = copied(model)
        with preserved(work), opened(base) as older:
            calls = runs(batches, device) if batches is not None else []
            with unchanged(work):
                measure = measure_of(metric, meant, work, calls, device, needed=max_drop is not None)
                before = measure(work)
            used = merged(work.eval(), calls[: len(calls) - len(measure.held)], meant)
            weighed, contents = prepare(work, used, meant, seed, told)
            if older is not None:
                versions.follow(weighed, contents, older)
            trials = Trials(weighed, contents, meant, measure, before, dict(metadata or {}), told)
            if older is not None:
                chosen = trials.trial(scale_of(_intended(None), contents.quantized))
            else:
                chance = max(weighed.doubt, _chance(weighed))
                chosen = _search(trials, goals, contents, measure.name, before, effort, chance)
    result = Compressed(
        chosen.data,
        None if isinstance(chosen.model, Bag) else chosen.model,
        chosen.point,
        sorted(trials.points, key=lambda point: point.nbytes),
        measure.name,
        before,
        layers(contents, chosen.found, chosen.data),
        [*_notes(weighed, contents), *([] if base is not None else _missed(goals, chosen, contents.quantized))],
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
    chance: float,
) -> Trial:
    """Return the model that meets the user's goal.

    Args:
        trials: creates and measures files.
        goals: the user's goals; at most one is not None.
        contents: the contents of the files.
        metric: name of the metric.
        before: its value for the original.
        effort: number of files close to a size.
        chance: the share of the statistics that is assumed or due to chance.
    """
    count = contents.quantized
    first, finest, coarsest = (scale_of(loss, count) for loss in (FIRST, FINEST, COARSEST))
    size, bits, drop, quality = goals["size"], goals["bits"], goals["max_drop"], goals["quality"]
    if size is not None or bits is not None:
        most = int(size if size is not None else (bits or 0) * contents.elements / 8)
        return of_size(trials.trial, trials.estimate, most, finest, coarsest, effort, trials.codes)
    if drop is None:
        loss = _intended(quality)
        start = scale_of(loss, count)
        return of_loss(trials.trial, loss, start, finest, start if chance > FEW else coarsest)
    assert before is not None  # _check allows a drop only with a metric
    least = before - drop
    found = of_metric(trials.trial, lambda each: (each.point.metric or 0.0) >= least, first, finest, coarsest)
    if found is None:
        best = max(point.metric or 0.0 for point in trials.points)
        raise CompressionError(
            f"max_drop={drop:g} cannot be met: {metric} is {before:.6g}, and at best {best:.6g} after rounding"
        )
    return found


def _intended(quality: float | None) -> float:
    """Return the loss that a quality stands for."""
    return float(10 ** (-(QUALITY if quality is None else quality) / 3))


def _missed(goals: Mapping[str, float | None], chosen: Trial, count: int) -> list[str]:
    """Return a note if the loss differs much from the intended one, or if a drop in the metric is no limit.

    Args:
        goals: the user's goals.
        chosen: the model that was chosen.
        count: the number of weights to quantize.
    """
    drop = goals["max_drop"]
    if drop is not None and chosen.point.scale >= scale_of(COARSEST, count):
        return [f"even the coarsest steps meet max_drop={drop:g}: is it in the units of the metric?"]
    if any(value is not None for name, value in goals.items() if name != "quality"):
        return []
    quality, reached = goals["quality"], chosen.loss
    loss = _intended(quality)
    if loss / NEAR <= reached <= FAR * loss:
        return []
    number = QUALITY if quality is None else quality
    return [f"quality {number:g} stands for a loss of {loss:.2g}; the closest that was found has {reached:.2g}"]


def _notes(weighed: Weighed, contents: Contents) -> list[str]:
    notes = []
    if weighed.structure.folds:
        number = len(weighed.structure.folds)
        notes.append(
            f"batch normalizations folded into the preceding weights: {number}; the file is for inference only"
        )
    if weighed.structure.overlapping:
        notes.append(f"{_shown(weighed.structure.overlapping)}: stored exactly, because elements share memory")
    chance = _chance(weighed)
    if weighed.doubt > FEW:
        notes.append(
            f"{weighed.doubt:.0%} of the statistics are assumed, because there are so few calibration inputs: more "
            "inputs would reduce the size"
        )
    elif chance > FEW:
        notes.append(
            f"{chance:.0%} of the measured statistics are due to chance: more calibration inputs would reduce the loss"
        )
    if weighed.guessed:
        names = _shown([site.name for site in weighed.guessed])
        notes.append(f"no observed layer uses {names} as weights: rounded as if there were no batches")
    if weighed.silent:
        names = _shown(dict.fromkeys(site.name for site in weighed.silent))
        notes.append(f"the outputs have no gradient with respect to {names}: rounded as if all layers mattered equally")
    for site in weighed.sites:
        unseen = weighed.statistics[site].inputs.unseen
        if unseen:
            notes.append(f"the batches use only {site.form.inputs - unseen} of {site.form.inputs} rows of {site.name}")
    if contents.unseen and weighed.batches:
        notes.append(f"no observed layer uses {_shown(contents.unseen)} as weights: rounded to 8 bits")
    return notes


def _chance(weighed: Weighed) -> float:
    """Return the share of the statistics that is due to chance, averaged over all weights that the batches used."""
    sites = [site for site in weighed.sites if site not in weighed.guessed]
    sizes = [site.form.inputs * site.form.outputs * site.form.groups for site in sites]
    total = sum(size * weighed.statistics[site].inputs.shrinkage for size, site in zip(sizes, sites, strict=True))
    return total / max(sum(sizes), 1)


def _shown(found: Iterable[str]) -> str:
    names = list(found)
    return ", ".join(names[:SHOWN]) + (" …" if len(names) > SHOWN else "")


def _parsed(size: int | str | None) -> int | None:
    """Return a size in bytes, which may be given as a string."""
    if not isinstance(size, str):
        return size
    try:
        return parse_size(size)
    except ValueError as error:
        raise CompressionError(str(error)) from error


def _check(goals: Mapping[str, float | None], model: object, batches: object, metric: object) -> None:
    given = [name for name, value in goals.items() if value is not None]
    if len(given) > 1:
        raise CompressionError(f"{' and '.join(given)} are given: pass only one of {', '.join(goals)}")
    for name in given:
        value: Any = goals[name]
        if not isinstance(value, int | float | Real) or isinstance(value, bool):
            raise CompressionError(f"{name} {value!r} is not a number")
        if not (math.isfinite(value) and float(value) >= 0) or (value == 0 and name in ("size", "bits")):
            raise CompressionError(f"{name} {value} is not a positive number")
    quality = goals["quality"]
    if quality is not None and not 1 <= quality <= 10:
        raise CompressionError(f"quality {quality} is not within 1 … 10")
    if not isinstance(model, nn.Module | Mapping):
        raise CompressionError(f"the model is of type {type(model).__name__}, not a module or a mapping of tensors")
    if isinstance(model, nn.Module) and statistics(model):
        raise CompressionError(
            "the model has running statistics for each tier, but compress writes one tier: save the model, load a tier "
            "into a plain model with load_model(plain, path, tier=…), and compress that"
        )
    if not isinstance(model, nn.Module) and (batches is not None or metric is not None):
        raise CompressionError("tensors alone cannot be run on batches or measured: pass the model")
    if goals["max_drop"] is not None and metric is None and batches is None:
        raise CompressionError("max_drop needs a metric, or batches to measure agreement on")
