"""What a comparison finds, as ``compare --json`` prints it and tables and pages are made from it.

A side is ``rebuilt`` (the weights of the ``.frz`` file on the desktop), ``phone`` (the same on the phone), or
``original`` (the weights before they were encoded, on the desktop). The first is what the others are compared with.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, Final

from frformat.parity.report import Report

OTHERS: Final = ("phone", "original")
"""The sides that the rebuilt weights on the desktop are compared with."""


@dataclass(frozen=True)
class Apart:
    """How far two outputs are apart, or those of several inputs; None for what is not known.

    Attributes:
        largest: the largest difference.
        mean: the mean difference.
        relative: the largest difference as a share of the largest element.
        classes_apart: at how many places another class wins.
        places: of how many.
    """

    largest: float | None
    mean: float | None
    relative: float | None
    classes_apart: int | None
    places: int | None


@dataclass(frozen=True)
class InputFacts:
    """One input on all sides.

    Attributes:
        name: of the input.
        shape: of the input.
        error: why the phone has no output, or None.
        phone: how far its output is from the desktop's; None if there is none.
        original: how far the output of the original weights is from that of the rebuilt ones; None if it is not asked.
        ms: of a run, by side.
        score: Dice or accuracy by side, where the truth is known.
    """

    name: str
    shape: tuple[int, ...]
    error: str | None
    phone: Apart | None
    original: Apart | None
    ms: dict[str, float]
    score: dict[str, float]


@dataclass(frozen=True)
class LayerFacts:
    """A layer over all inputs.

    Attributes:
        name: of the layer.
        apart: of each other side that is known, the largest difference as a share of the layer's largest element.
    """

    name: str
    apart: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class TensorFacts:
    """A weight, rebuilt against original.

    Attributes:
        name: of the tensor.
        shape: of the tensor.
        largest: the largest difference.
        relative: that as a share of the largest original weight.
    """

    name: str
    shape: tuple[int, ...]
    largest: float
    relative: float


@dataclass(frozen=True)
class Summary:
    """All inputs together.

    Attributes:
        phone: how far its outputs are from the desktop's.
        original: how far those of the original weights are from those of the rebuilt ones.
        score: mean, by side.
        ms: median, by side.
    """

    phone: Apart | None
    original: Apart | None
    score: dict[str, float]
    ms: dict[str, float]


@dataclass(frozen=True)
class Comparison:
    """All sides side by side.

    Attributes:
        equal: whether the phone ran every input and stays within the tolerance.
        tolerance: the largest difference of outputs between desktop and phone that counts as none.
        summary: all inputs together.
        inputs: each of them.
        layers: in the order in which they are computed.
        parts_at: of each other side the first layer at which it parts from the rebuilt weights, or None.
    """

    equal: bool
    tolerance: float
    summary: Summary
    inputs: list[InputFacts]
    layers: list[LayerFacts]
    parts_at: dict[str, str | None]


@dataclass(frozen=True)
class Facts:
    """A comparison, and of what.

    Attributes:
        model: its name.
        about: versions and settings of the desktop, by name.
        load: times of loading on the desktop, in ms, by the names of a report.
        phone: its report, or None if no phone was asked.
        comparison: what was found.
        tensors: the weights, if the original ones were given.
    """

    model: str
    about: dict[str, str | int]
    load: dict[str, float]
    phone: Report | None
    comparison: Comparison
    tensors: list[TensorFacts] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """What ``--json`` prints."""
        found = asdict(self.comparison)
        found["layers"] = [{"name": row.name, **row.apart} for row in self.comparison.layers]
        return {
            "model": self.model,
            "desktop": {"about": self.about, "load": self.load},
            "phone": None if self.phone is None else _side(self.phone),
            **found,
            "tensors": [asdict(tensor) for tensor in self.tensors],
        }


def _side(report: Report) -> dict[str, Any]:
    """All of a report but for its inputs."""
    return {
        "about": report.about,
        "load": report.load,
        "memory": report.memory,
        "skeleton": asdict(report.skeleton),
        "weights": asdict(report.weights) if report.weights else {},
    }
