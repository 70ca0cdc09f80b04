"""The error analysis: original weights, rebuilt weights and phone, side by side, as plain data."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from frformat.parity.errors import ReportError
from frformat.parity.inputs import Input
from frformat.parity.measure import Classes, Distance, accuracy, apart, classes_of, dice, distance
from frformat.parity.report import Output, Report, Sample, checksum

Floats = NDArray[np.float32]
Side = Callable[[Floats], tuple[Floats, Mapping[str, Floats], float]]
"""Runs an input: its output, elements of each layer by name, and the time in ms."""

OTHERS: Final = ("phone", "original")
"""The sides that the rebuilt weights on the desktop are compared with."""

PARTS: Final = 1e-3
"""Two sides part at a layer if they are further apart than this share of its largest element."""

Watch = Callable[[str, Floats, "Classes | None", "Classes | None", "Classes | None"], None]
"""Told of each input: name, values, and the map of classes of the desktop, of the phone, and the true one."""


def compare(
    inputs: Iterable[Input],
    rebuilt: Side,
    phone: Report | None,
    original: Side | None = None,
    *,
    tolerance: float = 1e-3,
    watch: Watch = lambda *what: None,
) -> dict[str, Any]:
    """Run every input on the desktop and compare with what the phone tells.

    Args:
        inputs: the inputs; the phone may know more, but not less.
        rebuilt: the model with the weights of the ``.frz`` file.
        phone: its report.
        original: the model with the weights before they were encoded.
        tolerance: the largest difference of outputs between desktop and phone that counts as none.
        watch: is told of each input.

    Returns:
        ``inputs``: for each ``name``, ``error`` (of the phone), ``phone`` and ``original`` (how far these are from the
        rebuilt weights on the desktop, see :func:`_pair`), ``score`` (of each side, where the truth is known) and
        ``ms`` (of each side).
        ``layers``: for each ``name``, the largest ``phone`` and ``original`` differences as a share of the layer's
        largest element, over all inputs; ``parts_at``: the first of them where each side parts.
        ``summary``: ``phone`` and ``original`` over all inputs, ``score`` and ``ms`` of each side (mean, median).
        ``equal``: whether the phone ran every input and stays within the tolerance. ``tolerance``.

    Raises:
        ReportError: an input is not in the report or not the same, or an output has another shape.
        OSError: a file cannot be read.
    """
    found: list[dict[str, Any]] = []
    layers: dict[str, dict[str, float]] = {}
    for entry in inputs:
        values = entry.values()
        sample = _sample(phone, entry.name, values) if phone else None
        found.append(_input(entry, values, sample, rebuilt, original, layers, watch))
    summary: dict[str, Any] = {side: _total([row[side] for row in found if row[side]]) for side in OTHERS}
    summary["score"] = _by_side([row["score"] for row in found], statistics.fmean)
    summary["ms"] = _by_side([row["ms"] for row in found], statistics.median)
    parted = {side: [name for name, row in layers.items() if row.get(side, 0) > PARTS] for side in OTHERS}
    return {
        "equal": all(row["error"] is None and _within(row["phone"], tolerance) for row in found),
        "tolerance": tolerance,
        "summary": summary,
        "inputs": found,
        "layers": [{"name": name} | row for name, row in layers.items()],
        "parts_at": {side: names[0] if names else None for side, names in parted.items()},
    }


def _input(
    entry: Input,
    values: Floats,
    sample: Sample | None,
    rebuilt: Side,
    original: Side | None,
    layers: dict[str, dict[str, float]],
    watch: Watch,
) -> dict[str, Any]:
    """One input, on all sides."""
    output, parts, spent = rebuilt(values)
    classes = classes_of(output)
    truth = None if classes is None else entry.classes(classes.shape)
    row: dict[str, Any] = {"name": entry.name, "shape": list(values.shape), "error": sample.error if sample else None}
    row |= {"phone": None, "original": None, "ms": {"rebuilt": spent}}
    maps = {"rebuilt": classes}
    if original is not None:
        other, other_parts, row["ms"]["original"] = original(values)
        maps["original"] = classes_of(other)
        row["original"] = _pair(distance(other, output), maps["original"], classes)
        _note(layers, "original", {name: distance(other_parts[name], part) for name, part in parts.items()})
    if sample is not None and sample.output is not None:
        row["phone"], maps["phone"] = _phone(sample, sample.output, output, classes)
        theirs = {layer.name: layer.array() for layer in sample.layers}
        pairs = {name: (parts[name], part) for name, part in theirs.items() if part is not None and name in parts}
        _note(layers, "phone", {name: distance(a, b) for name, (a, b) in pairs.items() if a.shape == b.shape})
        if sample.times:
            row["ms"]["phone"] = statistics.median(sample.times)
    known = {side: kinds for side, kinds in maps.items() if kinds is not None}
    row["score"] = {} if truth is None else {side: _score(kinds, truth) for side, kinds in known.items()}
    watch(entry.name, values, classes, maps.get("phone"), truth)
    return row


def _sample(phone: Report, name: str, values: Floats) -> Sample:
    """What the phone tells of an input, if it is the same input."""
    sample = phone.inputs.get(name)
    if sample is None:
        raise ReportError(f"{phone.path}: it does not tell of the input {name!r}")
    if sample.shape != values.shape or sample.crc32 != checksum(values):
        raise ReportError(
            f"{phone.path}: its input {name!r}, {list(sample.shape)}, is not the one given here, {list(values.shape)}, "
            "though they have one name; give the elements that the phone had"
        )
    return sample


def _phone(
    sample: Sample, theirs: Output, output: Floats, classes: Classes | None
) -> tuple[dict[str, Any], Classes | None]:
    """The phone's output against the desktop's, as far as the report tells of it."""
    if theirs.shape != output.shape:
        raise ReportError(
            f"input {sample.name!r}: the phone's output is {list(theirs.shape)}, not {list(output.shape)}"
        )
    values = theirs.array()
    kinds = theirs.classes() if values is None else classes_of(values)
    if kinds is not None and classes is not None and kinds.shape != classes.shape:
        kinds = None  # a map along another axis
    if values is None and theirs.crc32 == checksum(output):
        values = output
    return _pair(None if values is None else distance(output, values), classes, kinds), kinds


def _pair(gap: Distance | None, a: Classes | None, b: Classes | None) -> dict[str, Any]:
    """How far two outputs are apart.

    Returns:
        ``largest``, ``mean`` and ``relative`` difference, and at how many of all ``places`` another class wins,
        ``classes_apart``; None for what is not known.
    """
    return {
        "largest": None if gap is None else gap.largest,
        "mean": None if gap is None else gap.mean,
        "relative": None if gap is None else gap.relative,
        "classes_apart": apart(a, b) if a is not None and b is not None else None,
        "places": a.size if a is not None and b is not None else None,
    }


def _score(found: Classes, truth: Classes) -> float:
    """Dice of maps, accuracy of single answers."""
    return dice(found, truth) if found.ndim > 1 else accuracy(found, truth)


def _note(layers: dict[str, dict[str, float]], side: str, gaps: Mapping[str, Distance]) -> None:
    for name, gap in gaps.items():
        row = layers.setdefault(name, {})
        row[side] = max(row.get(side, 0.0), gap.relative)


def _total(pairs: list[dict[str, Any]]) -> dict[str, Any] | None:
    """All inputs together."""
    if not pairs:
        return None
    known = {key: [pair[key] for pair in pairs if pair[key] is not None] for key in pairs[0]}
    return {
        "largest": max(known["largest"], default=None),
        "mean": statistics.fmean(known["mean"]) if known["mean"] else None,
        "relative": max(known["relative"], default=None),
        "classes_apart": sum(known["classes_apart"]) if known["places"] else None,
        "places": sum(known["places"]) if known["places"] else None,
    }


def _by_side(rows: list[dict[str, float]], how: Callable[[list[float]], float]) -> dict[str, float]:
    """One number for each side from those of its inputs."""
    sides = {side: [row[side] for row in rows if side in row] for row in rows for side in row}
    return {side: how(numbers) for side, numbers in sides.items()}


def _within(pair: dict[str, Any] | None, tolerance: float) -> bool:
    """Whether an input's outputs are near enough; if the phone tells no elements, whether the classes are the same."""
    if pair is None:
        return True
    return bool(pair["classes_apart"] == 0 if pair["largest"] is None else pair["largest"] <= tolerance)
