"""Draw the plot of ``frformat compress --plot``: quality against size."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import click

from frformat.errors import DependencyError
from frformat.format.atomic import replacing
from frformat.torch.compression import Compressed

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def check(path: str) -> Figure:
    """Check, before any work is done, that this kind of picture can be drawn.

    Args:
        path: path of the picture; its extension names the format.

    Returns:
        An empty figure.

    Raises:
        DependencyError: matplotlib is missing.
        BadParameter: matplotlib does not support the format.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise DependencyError("drawing", error) from error
    figure = Figure(figsize=(6.5, 4.2), dpi=150, layout="constrained")
    if _kind(path) not in figure.canvas.get_supported_filetypes():
        raise click.BadParameter(f"{path}: use .png, .svg or .pdf.", param_hint="--plot")
    return figure


def save(result: Compressed, path: str) -> None:
    """Plot the metric, or the loss, of all trials against the size of the file.

    Args:
        result: the result of the compression, with all trials.
        path: path of the picture.

    Raises:
        OSError: the picture cannot be written.
    """
    figure = check(path)
    axes = figure.subplots()
    measured = [point for point in result.curve if point.metric is not None]
    points = measured or result.curve
    values = [point.loss if point.metric is None else point.metric for point in points]
    chosen = result.point.loss if result.point.metric is None else result.point.metric
    axes.plot([point.nbytes / 1000 for point in points], values, marker="o", color="tab:blue")
    axes.plot([result.nbytes / 1000], [chosen], marker="o", ms=11, mfc="none", color="tab:red")
    if measured and result.original is not None:
        axes.axhline(result.original, color="grey", lw=1, ls="--")
        axes.annotate("original", (0.99, result.original), xycoords=("axes fraction", "data"), ha="right", va="bottom")
    axes.set_xlabel("kB")
    axes.set_ylabel(result.metric if measured else "loss")
    axes.grid(alpha=0.3)
    with replacing(path) as file:
        figure.savefig(file, format=_kind(path))


def _kind(path: str) -> str:
    return os.path.splitext(path)[1][1:].lower()
