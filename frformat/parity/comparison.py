"""Analyze errors: compare the outputs of the original weights, of the rebuilt weights and of the phone."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from frformat.errors import ReportError
from frformat.parity.facts import OTHERS, Apart, Comparison, InputFacts, LayerFacts, Results
from frformat.parity.inputs import Input
from frformat.parity.measure import Classes, Distance, accuracy, apart, classes_of, dice, distance
from frformat.parity.report import Output, Report, Sample, checksum

Floats = NDArray[np.float32]
Side = Callable[[NDArray[Any]], tuple[Floats, Mapping[str, Floats], float]]
"""Runs the model on an input; returns the output, elements of each layer by name, and the time in ms."""

PARTS: Final = 1e-3
"""Two sides diverge at a layer if they differ by more than this share of its largest element."""

Watch = Callable[[str, NDArray[Any], "Classes | None", "Classes | None", "Classes | None"], None]
"""Called for each input with its name, its values, and class maps of the desktop, the phone and the ground truth."""


def compare(
    inputs: Iterable[Input],
    rebuilt: Side,
    phone: Report | None,
    original: Side | None = None,
    *,
    tolerance: float = 1e-3,
    watch: Watch = lambda *what: None,
) -> Comparison:
    """Run the model on every input on the desktop, and compare the results with the phone's report.

    Args:
        inputs: the inputs; the phone's report must contain all of them.
        rebuilt: the model with the weights of the ``.frz`` file.
        phone: the phone's report.
        original: the model with the weights before encoding.
        tolerance: the largest acceptable difference between the outputs of desktop and phone.
        watch: callback for each input.

    Raises:
        ReportError: an input is missing from the report or differs, or an output has a different shape.
        OSError: a file cannot be read.
    """
    sides, layers = _Sides(rebuilt, original, watch), _Layers()
    found = []
    for entry in inputs:
        values = entry.values()
        found.append(sides.compare(entry, values, _sample(phone, entry.name, values) if phone else None, layers))
    return Comparison(
        equal=all(row.error is None and _within(row.phone, tolerance) for row in found),
        tolerance=tolerance,
        summary=Results(
            phone=_total([row.phone for row in found if row.phone]),
            original=_total([row.original for row in found if row.original]),
            ms=_by_side([row.ms for row in found], statistics.median),
            score=_by_side([row.score for row in found], statistics.fmean),
        ),
        inputs=found,
        layers=list(layers.values()),
        parts_at={side: layers.first_parted(side) for side in OTHERS},
    )


class _Layers(dict[str, LayerFacts]):
    """The results for each layer by name, over the inputs so far."""

    def note(self, side: str, gaps: Mapping[str, Distance]) -> None:
        """Record the differences between a side and the rebuilt weights for one input."""
        for name, gap in gaps.items():
            known = self.setdefault(name, LayerFacts(name)).apart
            known[side] = max(known.get(side, 0.0), gap.relative)

    def first_parted(self, side: str) -> str | None:
        """Return the first layer at which a side diverges."""
        return next((name for name, row in self.items() if row.apart.get(side, 0.0) > PARTS), None)


@dataclass(frozen=True)
class _Sides:
    """The models to run on the desktop, and the callback."""

    rebuilt: Side
    original: Side | None
    watch: Watch

    def compare(self, entry: Input, values: NDArray[Any], sample: Sample | None, layers: _Layers) -> InputFacts:
        """Compare one input on all sides."""
        output, parts, spent = self.rebuilt(values)
        classes, ms = classes_of(output), {"rebuilt": spent}
        maps = {"rebuilt": classes}
        apart_phone = apart_original = None
        if self.original is not None:
            other, other_parts, ms["original"] = self.original(values)
            maps["original"] = classes_of(other)
            apart_original = _apart(distance(other, output), maps["original"], classes)
            layers.note("original", {name: distance(other_parts[name], part) for name, part in parts.items()})
        if sample is not None and sample.output is not None:
            apart_phone, maps["phone"] = _phone(sample, sample.output, output, classes)
            layers.note("phone", dict(_layer_gaps(sample, parts)))
            if sample.times:
                ms["phone"] = statistics.median(sample.times)
        truth = None if classes is None else entry.classes(classes.shape)
        self.watch(entry.name, values, classes, maps.get("phone"), truth)
        error = None if sample is None else sample.error
        return InputFacts(
            name=entry.name,
            shape=values.shape,
            error=error,
            phone=apart_phone,
            original=apart_original,
            ms=ms,
            score=_scores(maps, truth),
        )


def _layer_gaps(sample: Sample, parts: Mapping[str, Floats]) -> Iterator[tuple[str, Distance]]:
    """Yield the differences between the layers of phone and desktop, where both are known."""
    for layer in sample.layers:
        theirs = layer.array()
        if theirs is not None and layer.name in parts and parts[layer.name].shape == theirs.shape:
            yield layer.name, distance(parts[layer.name], theirs)


def _scores(maps: Mapping[str, Classes | None], truth: Classes | None) -> dict[str, float]:
    """Return the score of each side whose classes are known."""
    if truth is None:
        return {}
    return {side: _score(kinds, truth) for side, kinds in maps.items() if kinds is not None}


def _sample(phone: Report, name: str, values: NDArray[Any]) -> Sample:
    """Return the phone's results for an input, after checking that it is the same input."""
    sample = phone.inputs.get(name)
    if sample is None:
        raise ReportError(f"{phone.path}: it does not contain the input {name!r}")
    if sample.shape != values.shape or sample.crc32 != checksum(values):
        raise ReportError(
            f"{phone.path}: its input {name!r} of shape {list(sample.shape)} differs from the input of that name given "
            f"here, of shape {list(values.shape)}; use the phone's inputs"
        )
    return sample


def _phone(sample: Sample, theirs: Output, output: Floats, classes: Classes | None) -> tuple[Apart, Classes | None]:
    """Compare as much of the phone's output as the report contains with the desktop's."""
    if theirs.shape != output.shape:
        raise ReportError(
            f"input {sample.name!r}: the phone's output has shape {list(theirs.shape)}, not {list(output.shape)}"
        )
    values = theirs.array()
    kinds = theirs.classes() if values is None else classes_of(values)
    if kinds is not None and classes is not None and kinds.shape != classes.shape:
        kinds = None  # the class axes differ
    if values is None and theirs.crc32 == checksum(output):
        values = output
    return _apart(None if values is None else distance(output, values), classes, kinds), kinds


def _apart(gap: Distance | None, a: Classes | None, b: Classes | None) -> Apart:
    """Compare two outputs by their elements and by their classes."""
    return Apart(
        largest=None if gap is None else gap.largest,
        mean=None if gap is None else gap.mean,
        relative=None if gap is None else gap.relative,
        classes_apart=None if a is None or b is None else apart(a, b),
        places=None if a is None or b is None else a.size,
    )


def _score(found: Classes, truth: Classes) -> float:
    """Return Dice for maps, and accuracy for single answers."""
    return dice(found, truth) if found.ndim > 1 else accuracy(found, truth)


def _total(pairs: list[Apart]) -> Apart | None:
    """Combine the differences for all inputs."""
    if not pairs:
        return None
    means = [pair.mean for pair in pairs if pair.mean is not None]
    places = [pair.places for pair in pairs if pair.places is not None]
    return Apart(
        largest=max((pair.largest for pair in pairs if pair.largest is not None), default=None),
        mean=statistics.fmean(means) if means else None,
        relative=max((pair.relative for pair in pairs if pair.relative is not None), default=None),
        classes_apart=sum(pair.classes_apart or 0 for pair in pairs) if places else None,
        places=sum(places) if places else None,
    )


def _by_side(rows: list[dict[str, float]], how: Callable[[list[float]], float]) -> dict[str, float]:
    """Combine the numbers of all inputs into one number for each side."""
    sides = {side: [row[side] for row in rows if side in row] for row in rows for side in row}
    return {side: how(numbers) for side, numbers in sides.items()}


def _within(pair: Apart | None, tolerance: float) -> bool:
    """Return whether outputs agree within the tolerance or, if the report has no elements, whether classes agree."""
    if pair is None:
        return True
    return pair.classes_apart == 0 if pair.largest is None else pair.largest <= tolerance
