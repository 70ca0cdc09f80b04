"""Plot the course of a run: metrics and the number of coefficients over the epochs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from frformat.format.atomic import replacing
from frformat.train.history import Row

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def save(rows: Sequence[Row], metric: str, title: str, path: Path) -> None:
    """Plot the epochs, in the format that the extension of ``path`` names.

    Args:
        rows: the epochs.
        metric: the decisive metric.
        title: title of the picture.
        path: path of the picture.

    Raises:
        ImportError: matplotlib is missing.
        OSError: the picture cannot be written.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 4), dpi=120, layout="constrained")
    course, size, tensors = figure.subplots(1, 3)
    figure.suptitle(title)
    epochs = [row.epoch for row in rows]
    course.plot(epochs, [row.figures[metric] for row in rows], color="tab:blue", marker=".")
    _label(course, "epoch", metric, f"{metric} over the epochs")
    size.plot([row.numbers for row in rows], [row.figures[metric] for row in rows], color="tab:blue", marker=".")
    size.set_xscale("log")
    _label(size, "parameters in the model", metric, f"{metric} against size")
    for name in rows[-1].kept if rows else ():
        tensors.plot(epochs, [row.kept[name] for row in rows], lw=1)
    tensors.set_yscale("log")
    _label(tensors, "epoch", "kept coefficients", "each regularized tensor")
    with replacing(path) as file:
        figure.savefig(file, format=path.suffix[1:])


def _label(axes: Axes, x: str, y: str, title: str) -> None:
    axes.set_xlabel(x)
    axes.set_ylabel(y)
    axes.set_title(title, fontsize=10)
    axes.grid(alpha=0.3)
