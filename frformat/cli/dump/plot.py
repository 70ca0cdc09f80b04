"""Draw the picture of ``frformat dump --plot``: the use of bytes, and the distribution of energy in zigzag order.

Text from untrusted files is drawn literally: it is never parsed as TeX, and characters missing from the fonts become
boxes.
"""

from __future__ import annotations

import os
import warnings
from typing import TYPE_CHECKING, Final

import click

from frformat.cli.dump import panels
from frformat.cli.dump.energy import Energy
from frformat.cli.dump.facts import FileFacts
from frformat.cli.dump.listing import compared
from frformat.cli.dump.survey import Survey
from frformat.cli.output import writing
from frformat.errors import DependencyError
from frformat.format.atomic import replacing
from frformat.wording import clean, count

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

ROW: Final = 0.21
"""Height of a row on the right side in inches, if there are few rows."""

SHORTEST, TALLEST = 4.2, 14.0
"""Smallest and largest height of all rows together, in inches."""

MARGIN, TOP, BOTTOM, RIGHT = 0.8, 2.3, 0.6, 0.6
"""Margins around the rows in inches; the top one contains the title and the bar of the file."""

CURVES, HEAT, SIZES, GAP = 4.0, 4.2, 2.0, 0.3
"""Widths of the panels, and the gap between the last two, in inches."""

LETTER: Final = 0.072
"""Approximate width of a letter of a name in inches."""


def save(facts: Survey, energy: Energy, path: str) -> None:
    """Draw a file, in the format given by the extension of ``path``.

    Args:
        facts: the description of the file.
        energy: the distribution of the energy of its spectra.
        path: path of the picture, such as ``model.png`` or ``model.svg``.

    Raises:
        DependencyError: matplotlib is missing.
        BadParameter: matplotlib does not support the format.
        OSError: the picture cannot be written.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise DependencyError("drawing", error) from error
    kind = os.path.splitext(path)[1][1:].lower()
    if kind not in Figure().canvas.get_supported_filetypes():
        raise click.BadParameter(f"{path}: use .png, .svg or .pdf.", param_hint="--plot")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # warnings about characters that the font lacks
        figure = draw(facts, energy)
        with writing(path, force=True), replacing(path) as file:
            figure.savefig(file, format=kind)


def draw(facts: Survey, energy: Energy) -> Figure:
    """Return the picture that :func:`save` writes."""
    from matplotlib.figure import Figure

    figure = Figure(dpi=150)
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
        """Add a panel; all lengths are in inches."""
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
    return figure


def _title(figure: Figure, about: FileFacts, left: float, height: float) -> None:
    tensors = count(about.tensor_count - about.alias_count, "tensor")
    parts = [count(about.bytes_used, "byte"), f"{count(about.weights, 'weight')} in {tensors}"]
    if about.weights:
        parts.append(compared(about.ratio, "dense f32"))
    name = clean(os.path.basename(about.file))
    figure.text(left, 1 - 0.3 / height, name, size=15, weight="bold", va="center", parse_math=False)
    figure.text(left, 1 - 0.58 / height, "   ·   ".join(parts), size=10.5, color=panels.MUTED, va="center")
