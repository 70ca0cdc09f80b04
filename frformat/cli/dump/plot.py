"""The picture of ``frformat dump --plot``: where the bytes go, and where the energy is along the zigzag order.

Text of strangers is drawn as it is: it is never read as TeX, and characters that fonts lack are boxes.
"""

from __future__ import annotations

import os
import warnings
from typing import TYPE_CHECKING, Final

import click

from frformat.cli.dump import panels
from frformat.cli.dump.energy import Energy
from frformat.cli.dump.facts import FileFacts
from frformat.cli.dump.listing import ratio
from frformat.cli.dump.survey import Survey
from frformat.cli.output import writing
from frformat.cli.terminal import clean, count
from frformat.errors import DependencyError
from frformat.format.atomic import replacing

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

ROW: Final = 0.21
"""Inches for a row of the right side, as long as there are few."""

SHORTEST, TALLEST = 4.2, 14.0
"""Inches of all rows, at least and at most."""

MARGIN, TOP, BOTTOM, RIGHT = 0.8, 2.3, 0.6, 0.6
"""Inches around the rows; the title and the strip of the file are in those at the top."""

CURVES, HEAT, SIZES, GAP = 4.0, 4.2, 2.0, 0.25
"""Inches of the panels' widths, and between the last two."""

LETTER: Final = 0.072
"""Inches of a letter of a name, about."""


def save(facts: Survey, energy: Energy, path: str) -> None:
    """Draw a file and write the picture, in the format that the extension of ``path`` names.

    Args:
        facts: what its directory tells.
        energy: where the energy of its spectra is.
        path: of the picture, such as ``model.png`` or ``model.svg``.

    Raises:
        DependencyError: matplotlib is missing.
        BadParameter: matplotlib does not write such files.
        OSError: the picture cannot be written.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise DependencyError("drawing", error) from error
    figure = Figure(dpi=150)
    kind = os.path.splitext(path)[1][1:].lower()
    if kind not in figure.canvas.get_supported_filetypes():
        raise click.BadParameter(f"{path}: .png, .svg and .pdf are pictures that can be drawn.", param_hint="--plot")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of characters that the font lacks
        _draw(figure, facts, energy)
        with writing(path, force=True), replacing(path) as file:
            figure.savefig(file, format=kind)


def _draw(figure: Figure, facts: Survey, energy: Energy) -> None:
    """Put the panels in place; all lengths are inches."""
    about, rows = facts.summary(), panels.rows(facts, energy)
    kept = [(facts.tensor(name).kept or ())[: about.tier] for name in energy.names]
    names = LETTER * max((len(row.label) for row in rows), default=0) + 0.2
    bare = not energy.names
    left = names if bare and rows else MARGIN
    widths = [CURVES + HEAT] if bare else [CURVES, names + 0.3, HEAT, GAP, SIZES]
    tall = min(max(ROW * len(rows), SHORTEST), TALLEST) if rows else 0.0
    width, height = left + sum(widths) + RIGHT, TOP + tall + BOTTOM * bool(rows)
    figure.set_size_inches(width, height)

    def area(start: float, size: float, bottom: float, high: float) -> Axes:
        return figure.add_axes((start / width, bottom / height, size / width, high / height))

    _title(figure, about, left / width, height)
    panels.strip(area(left, sum(widths), height - 1.3, 0.35), about)
    if bare and rows:
        panels.sizes(area(left, sum(widths), BOTTOM, tall), rows, named=True)
    elif rows:
        square = min(tall, 1.5 * CURVES)
        panels.curves(area(left, CURVES, BOTTOM + tall - square, square), energy, kept)
        panels.heat(figure, area(left + sum(widths[:2]), HEAT, BOTTOM, tall), energy, kept, rows)
        panels.sizes(area(left + sum(widths[:4]), SIZES, BOTTOM, tall), rows, named=False)


def _title(figure: Figure, about: FileFacts, left: float, height: float) -> None:
    tensors = count(about.tensor_count - about.alias_count, "tensor")
    parts = [count(about.bytes_used, "byte"), f"{count(about.weights, 'weight')} in {tensors}"]
    if about.weights:
        parts.append(f"{ratio(about.ratio)} smaller than dense f32")
    name = clean(os.path.basename(about.file))
    figure.text(left, 1 - 0.3 / height, name, size=15, weight="bold", va="center", parse_math=False)
    figure.text(left, 1 - 0.58 / height, "   ·   ".join(parts), size=10.5, color=panels.MUTED, va="center")
