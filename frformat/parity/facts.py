"""The results of a comparison, which are shown as JSON (``compare --json``), tables or a page.

A side is ``rebuilt`` (the weights of the ``.frz`` file on the desktop), ``phone`` (the same weights on the phone), or
``original`` (the weights before encoding, on the desktop). The other sides are compared with ``rebuilt``.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, Final

from frformat.parity.report import Report

OTHERS: Final = ("phone", "original")
"""The sides with which the rebuilt weights on the desktop are compared."""


@dataclass(frozen=True)
class Apart:
    """The difference between the outputs of two sides, for one or for several inputs; None where it is unknown.

    Attributes:
        largest: the largest difference.
        mean: the mean difference.
        relative: the largest difference relative to the largest element.
        classes_apart: number of positions at which a different class wins.
        places: total number of positions.
    """

    largest: float | None
    mean: float | None
    relative: float | None
    classes_apart: int | None
    places: int | None


@dataclass(frozen=True, kw_only=True)
class Results:
    """The results of all sides, for one input or for all inputs together.

    Attributes:
        phone: difference between the phone's output and the desktop's; None if the phone has no output.
        original: difference between the outputs of original and rebuilt weights; None if not requested.
        ms: running time by side; the median if there are several inputs.
        score: Dice or accuracy by side, if the ground truth is known; the mean if there are several inputs.
    """

    phone: Apart | None
    original: Apart | None
    ms: dict[str, float]
    score: dict[str, float]


@dataclass(frozen=True, kw_only=True)
class InputFacts(Results):
    """The results for one input.

    Attributes:
        name: name of the input.
        shape: shape of the input.
        error: why the phone has no output, or None.
    """

    name: str
    shape: tuple[int, ...]
    error: str | None


@dataclass(frozen=True)
class LayerFacts:
    """The results for one layer over all inputs.

    Attributes:
        name: name of the layer.
        apart: the largest difference relative to the layer's largest element, by side. Sides without the layer are
            left out.
    """

    name: str
    apart: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class TensorFacts:
    """The difference between rebuilt and original weights of one tensor.

    Attributes:
        name: name of the tensor.
        shape: shape of the tensor.
        largest: the largest difference.
        relative: the largest difference relative to the largest original weight.
    """

    name: str
    shape: tuple[int, ...]
    largest: float
    relative: float


@dataclass(frozen=True)
class Comparison:
    """The comparison of all sides.

    Attributes:
        equal: whether the phone has an output for every input, and all outputs are within the tolerance.
        tolerance: the largest accepted difference between outputs of desktop and phone.
        summary: the results for all inputs together.
        inputs: the results for each input.
        layers: in the order in which they are computed.
        parts_at: for each other side, the first layer at which it diverges from the rebuilt weights, or None.
    """

    equal: bool
    tolerance: float
    summary: Results
    inputs: list[InputFacts]
    layers: list[LayerFacts]
    parts_at: dict[str, str | None]


@dataclass(frozen=True)
class Facts:
    """A comparison, with a description of what was compared.

    Attributes:
        model: name of the model.
        about: versions and settings of the desktop, by name.
        load: loading times on the desktop in ms, under the names that a report uses.
        phone: the phone's report, or None if there is no phone.
        comparison: the result.
        tensors: the weights, if the original ones were given.
    """

    model: str
    about: dict[str, str | int]
    load: dict[str, float]
    phone: Report | None
    comparison: Comparison
    tensors: list[TensorFacts] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """Return the output of ``--json``."""
        found = asdict(self.comparison)
        found["inputs"] = [{"name": row["name"], **row} for row in found["inputs"]]
        found["layers"] = [{"name": row.name, **row.apart} for row in self.comparison.layers]
        return {
            "model": self.model,
            "desktop": {"about": self.about, "load": self.load},
            "phone": None if self.phone is None else _side(self.phone),
            **found,
            "tensors": [asdict(tensor) for tensor in self.tensors],
        }


def _side(report: Report) -> dict[str, Any]:
    """Return everything in a report except its inputs."""
    return {
        "about": report.about,
        "load": report.load,
        "memory": report.memory,
        "skeleton": asdict(report.skeleton),
        "weights": asdict(report.weights) if report.weights else {},
    }
