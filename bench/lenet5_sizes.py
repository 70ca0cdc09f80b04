"""Draw ``docs/lenet5-sizes.png``: the accuracy of LeNet-5 on MNIST against its size, here and as published.

    python -m bench.lenet5_sizes

Our points are read from the results of :mod:`bench.rate` and :mod:`bench.accuracy`, which redraw the picture when they
finish. The published points are listed in :data:`PUBLISHED`.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass
from statistics import mean
from typing import Any, Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bench import ROOT
from bench.records import recorded
from frformat.format.atomic import replacing

RATE: Final = ROOT / "bench" / "results" / "rate.json"
ACCURACY: Final = ROOT / "bench" / "results" / "lenet5.json"
PICTURE: Final = ROOT / "docs" / "lenet5-sizes.png"

SHOWN: Final = (95, 99.5)
"""Limits of the axis of accuracies, in percent."""

ACCURACIES: Final = (95, 96, 97, 98, 98.5, 99, 99.2, 99.4)
"""Labels of the axis of accuracies, in percent."""

SIZES: Final = {
    500: "500 B",
    1_000: "1 kB",
    2_000: "2 kB",
    5_000: "5 kB",
    10_000: "10 kB",
    20_000: "20 kB",
    50_000: "50 kB",
}
"""Labels of the axis of sizes."""

MARKERS: Final = "*P^sXv"
"""Markers of the published systems."""

Point = tuple[float, float]
"""A size in bytes, and an accuracy in percent."""


@dataclass(frozen=True)
class System:
    """Published results for LeNet-5 on MNIST.

    Attributes:
        name: name of the method.
        source: the publication.
        read: where its figures were read.
        points: sizes and accuracies. Most sizes are rounded and count the weights alone, without names and shapes.
    """

    name: str
    source: str
    read: str
    points: tuple[Point, ...]


PUBLISHED: Final = (
    System(
        "MIRACLE",
        "https://arxiv.org/abs/1810.00440",
        "table 1: 1.52 kB and 3.03 kB, errors 0.96 % and 0.69 %",
        ((1_520, 99.04), (3_030, 99.31)),
    ),
    System(
        "MIRACLE, reimplemented",
        "https://github.com/TudorParas/MIRACLE-Neural-Network-Exchange-Format",
        "the repository: sizes of lenet5_30_10_v1.mrcl and lenet5_20_10_v1.mrcl; accuracies in the README",
        ((1_140, 99.02), (1_694, 99.17)),
    ),
    System(
        "Entropy-penalized reparameterization",
        "https://arxiv.org/abs/1906.06624",
        "https://www.tensorflow.org/tutorials/optimization/compression: 2.84 KB, error 1.0 %",
        ((2_840, 99.0),),
    ),
    System(
        "Bayesian Compression",
        "https://arxiv.org/abs/1705.08665",
        "table 1 of the MIRACLE paper: 2.3 kB, error 1.0 %",
        ((2_300, 99.0),),
    ),
    System(
        "Weightless",
        "https://arxiv.org/abs/1711.04686",
        "table 1 of the MIRACLE paper: 4.52 kB, error 1.0 %; with a footnote that is missing from the copy we read",
        ((4_520, 99.0),),
    ),
    System(
        "Deep Compression",
        "https://arxiv.org/abs/1510.00149",
        "table 1: 44 KB, error 0.74 %",
        ((44_000, 99.26),),
    ),
)


def trained() -> list[list[Point]]:
    """Return the runs that were trained for a file size: one list for each size."""
    groups = defaultdict(list)
    for name, run in recorded(RATE).items():
        if found := re.fullmatch(r"lenet5-(\d+)-\d+", name):
            groups[int(found[1])].append((run["nbytes"], 100 * run["score"]))
    return [groups[size] for size in sorted(groups)]


def quantized(method: str) -> list[list[Point]]:
    """Return the networks of a method in :mod:`bench.accuracy` with quantized values, grouped by their number of
    parameters."""
    groups = defaultdict(list)
    rows: list[dict[str, Any]] = json.loads(ACCURACY.read_text())
    for row in rows:
        if row["method"] == method and row["format"] != "f32":
            groups[row["numbers"]].append((row["nbytes"], 100 * row["accuracy"]))
    return [groups[numbers] for numbers in sorted(groups)]


def draw() -> None:
    """Plot accuracies against sizes, with logarithmic scales for sizes and errors. Runs that differ only in their seed
    are shown as their mean, with bars from the lowest to the highest value."""
    figure = Figure(figsize=(7, 6), dpi=150, layout="constrained")
    axes: Axes = figure.subplots()
    lines = [
        *_plot(axes, trained(), "trained for a file size, .frz", fmt="o-", color="tab:blue", lw=2.5, zorder=3),
        *_plot(axes, quantized("FR"), "fixed number of coefficients, .frz", fmt=".-", color="tab:cyan"),
        *_plot(axes, quantized("pruning"), "magnitude pruning, 8 bits, no names", fmt="o-", color="tab:orange", ms=4),
        *_plot(axes, quantized("ADMM"), "ADMM pruning, 8 bits, no names", fmt="D", color="tab:green"),
    ]
    for system, marker in zip(PUBLISHED, MARKERS, strict=True):
        x, y = zip(*system.points, strict=True)
        lines += axes.plot(x, y, marker, color="black", mec="white", ms=11, zorder=4, label=system.name)
    axes.set_xscale("log")
    axes.set_xlim(350, 60_000)
    axes.set_xticks(*zip(*SIZES.items(), strict=True))
    axes.set_yscale("function", functions=(lambda y: -np.log(np.maximum(100 - y, 1e-9)), lambda z: 100 - np.exp(-z)))
    axes.set_ylim(*SHOWN)
    axes.set_yticks(ACCURACIES, [f"{share:g}" for share in ACCURACIES])
    axes.set_xlabel("size of the file or its payload")
    axes.set_ylabel("MNIST test accuracy, %")
    axes.set_title("LeNet-5 for MNIST, 431,080 weights")
    axes.grid(alpha=0.3)
    axes.legend(handles=lines, loc="lower right")
    with replacing(PICTURE) as file:
        figure.savefig(file, format="png", metadata={"Software": None})


def _plot(axes: Axes, groups: Collection[list[Point]], label: str, **style: Any) -> list[Any]:
    """Plot the mean and the range of each group. Return the legend entry as a list, which is empty without groups."""
    if not groups:
        return []
    middle = [[mean(values) for values in zip(*group, strict=True)] for group in groups]
    low = [[min(values) for values in zip(*group, strict=True)] for group in groups]
    high = [[max(values) for values in zip(*group, strict=True)] for group in groups]
    (x, y), (left, bottom), (right, top) = (np.array(rows).T for rows in (middle, low, high))
    return [axes.errorbar(x, y, (y - bottom, top - y), (x - left, right - x), label=label, capsize=3, **style)]


if __name__ == "__main__":
    draw()
