"""Plot the course of a run: losses, metrics and the number of coefficients over the epochs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from frformat.format.atomic import replacing
from frformat.train.history import Row

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

NAMED: Final = 8
"""The legend names this many tensors, those with the most coefficients; the others are gray."""


def save(rows: Sequence[Row], metric: str, title: str, path: Path) -> None:
    """Plot the epochs, in the format given by the extension of ``path``.

    Args:
        rows: the epochs.
        metric: the decisive metric.
        title: title of the picture.
        path: path of the picture.

    Raises:
        ImportError: matplotlib is missing.
        OSError: the picture cannot be written.
    """
    with replacing(path) as file:
        draw(rows, metric, title).savefig(file, format=path.suffix[1:])


def draw(rows: Sequence[Row], metric: str, title: str) -> Figure:
    """Return the picture that :func:`save` writes."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 8), dpi=120, layout="constrained")
    (losses, course), (size, tensors) = figure.subplots(2, 2)
    figure.suptitle(title)
    epochs = [row.epoch for row in rows]
    trained = [row for row in rows if row.losses]
    for part in trained[0].losses if trained else ():
        losses.plot([row.epoch for row in trained], [row.losses[part] for row in trained], marker=".", label=part)
    _label(losses, "epoch", "loss", "mean training loss of each epoch")
    scores = [row.metrics[metric] for row in rows]
    for tier in range(len(rows[0].tiers) - 1 if rows else 0):
        course.plot(epochs, [row.tiers[tier][metric] for row in rows], marker=".", label=f"tier {tier}")
    whole = f"tier {len(rows[0].tiers) - 1}" if rows and rows[0].tiers else metric
    course.plot(epochs, scores, color="black", marker=".", label=whole)
    _label(course, "epoch", metric, f"{metric} over the epochs")
    size.plot([row.numbers for row in rows], scores, color="black", marker=".", label=whole)
    size.set_xscale("log")
    _label(size, "parameters in the model", metric, f"{metric} against size")
    _tensors(tensors, rows)
    return figure


def _tensors(axes: Axes, rows: Sequence[Row]) -> None:
    """Plot the number of coefficients of each regularized tensor."""
    kept = rows[0].kept if rows else {}
    names = sorted(kept, key=lambda name: -kept[name])
    others = len(names) - NAMED
    for place, name in enumerate(names):
        label = name if place < NAMED else f"{others} smaller" if place == NAMED else None
        color = f"C{place}" if place < NAMED else "silver"
        order = 2 if place < NAMED else 1
        axes.plot([row.epoch for row in rows], [row.kept[name] for row in rows], color, lw=1, label=label, zorder=order)
    axes.set_yscale("log")
    _label(axes, "epoch", "nonzero coefficients", "each regularized tensor")


def _label(axes: Axes, x: str, y: str, title: str) -> None:
    """Add titles, and a legend if there is anything to name."""
    axes.set_xlabel(x)
    axes.set_ylabel(y)
    axes.set_title(title, fontsize=10)
    axes.grid(alpha=0.3)
    if axes.get_legend_handles_labels()[0]:
        axes.legend(fontsize=7)
