"""The panels of the picture that :mod:`frformat.cli.dump.plot` assembles."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from frformat.cli.dump.energy import Energy
from frformat.cli.dump.facts import FileFacts
from frformat.cli.dump.survey import Survey
from frformat.wording import clean, count

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.image import AxesImage

Kept = Sequence[tuple[int, ...]]
"""For each measured spectrum, the numbers of coefficients that the tiers before the open one keep."""

INK: Final = "#1f2933"
MUTED: Final = "#616e7c"
FAINT: Final = "#e4e7eb"
BLUE: Final = "#2f6f9f"
PARTS: Final = {"header": "#323f4b", "directory": "#7b8794", "checksums": "#cbd2d9"}

ORDER: Final = "viridis"
"""Colors of tensors from first to last, and of tiers."""

HEAT: Final = "magma"
WIDEST: Final = 100
"""The color scale ends at this many times a tensor's mean energy per coefficient, and begins at that mean divided by
this number, so the map looks the same whether a tensor has a hundred coefficients or a million."""

LARGEST: Final = 30
"""In a file without spectra, this many of the largest tensors are shown."""

LABELLED: Final = 64
"""With at most this many rows, each row shows its bytes."""

READABLE: Final = 96
"""Largest number of rows that are labeled with names."""

LONGEST: Final = 44
"""Largest number of characters of a name. Longer names show only their end, which distinguishes them."""


TIER: Final = 0.12
"""Room for the label of a tier, as a share of the width of the curves. Labels without room are left out."""


class Row(NamedTuple):
    """One row on the right side of the picture: a tensor, or several together."""

    label: str
    size: int
    exact: bool


def rows(facts: Survey, energy: Energy) -> list[Row]:
    """Return the measured spectra in file order, then the rest as one row; without spectra, the largest tensors."""
    measured = set(energy.names)
    alone: list[Row] = []
    rest: list[Row] = []
    for tensor in facts.tensors():
        if tensor.alias_of is None:
            row = Row(tensor.name, tensor.bytes, tensor.bytes_exact)
            (alone if row.label in measured else rest).append(row)
    if not measured:
        rest.sort(key=lambda row: -row.size)
        alone, rest = rest[:LARGEST], rest[LARGEST:]
    out = [row._replace(label=_shortened(row.label)) for row in alone]
    if rest:
        what = count(len(rest), "other tensor" if measured else "smaller tensor")
        out.append(Row(what, sum(row.size for row in rest), all(row.exact for row in rest)))
    return out


def strip(ax: Axes, about: FileFacts) -> None:
    """Draw the whole file as one bar: header, directory, segments by tier, checksums."""
    from matplotlib import colormaps

    parts = [("header", 14, PARTS["header"]), ("directory", about.directory.stored, PARTS["directory"])]
    tiers = about.tiers[: about.tier + 1]
    shades = colormaps[ORDER](np.linspace(0.35, 0.8, len(tiers)))
    for row, shade in zip(tiers, shades, strict=True):
        name = f"tier {row.tier}" if len(about.tiers) > 1 else "segments"
        parts.append((name, row.bytes - 4 * row.segments, shade))
    parts.append(("checksums", 4 * (1 + sum(row.segments for row in tiers)), PARTS["checksums"]))
    left = 0
    for name, size, color in parts:
        ax.barh(0, size, left=left, color=color, label=f"{name}  {count(size)}", linewidth=0)
        left += size
    ax.set(xlim=(0, left), ylim=(-0.4, 0.4))
    ax.axis("off")
    ax.legend(loc="upper left", bbox_to_anchor=(-0.005, -0.05), ncols=min(len(parts), 9), frameon=False, fontsize=9,
              handlelength=1, handleheight=1, columnspacing=1.6, borderpad=0.2)  # fmt: skip
    ax.set_title("where the bytes go", loc="left", fontsize=10, color=MUTED, pad=4)


def curves(ax: Axes, energy: Energy, kept: Kept) -> None:
    """Draw, for each tensor and for all together, the share of the energy in the first coefficients."""
    from matplotlib import colormaps

    shares = 100 * energy.shares()
    colors = colormaps[ORDER](np.linspace(0, 0.95, len(shares)))
    width, alpha = (1.1, 0.8) if len(shares) <= 60 else (0.7, 0.45)
    for row, color in zip(shares, colors, strict=True):
        ax.plot(energy.edges, row, color=color, linewidth=width, alpha=alpha)
    ax.plot(energy.edges, 100 * energy.together(), color=INK, linewidth=2.4, label="all together")
    ax.plot([], [], color=colors[0], label="first tensor")
    if len(colors) > 1:
        ax.plot([], [], color=colors[-1], label="last tensor")
    if _is_long(energy):
        ax.set_xscale("log")
    ax.set(xlim=(1 if _is_long(energy) else 0, energy.edges[-1]), ylim=(0, 101))
    end = 0.0
    for tier, most in enumerate(kept[0] if len(set(kept)) == 1 else ()):
        ax.axvline(most, color=MUTED, linewidth=0.8, linestyle=(0, (3, 3)))
        place = float(ax.transLimits.transform(ax.transScale.transform((most, 0)))[0])  # as a share of the width
        if place - TIER >= end:
            ax.annotate(f"tier {tier} ", (most, 96), ha="right", fontsize=8, color=MUTED)
            end = place
    ax.set_xlabel("coefficients, in zigzag order", color=INK)
    ax.set_ylabel("energy within them, %", color=INK)
    ax.grid(color=FAINT, linewidth=0.8)
    ax.legend(loc="lower left", bbox_to_anchor=(-0.02, 1.0), ncols=3, fontsize=8, frameon=False, borderpad=0,
              handlelength=1.2, columnspacing=1.2)  # fmt: skip
    _frame(ax)
    ax.set_title("energy along the zigzag order", loc="left", fontsize=10, color=MUTED, pad=24)


def heat(figure: Figure, ax: Axes, energy: Energy, kept: Kept, rows: Sequence[Row]) -> None:
    """Draw each tensor's energy along the zigzag order, relative to an even distribution; white after the spectrum."""
    from matplotlib.colors import LogNorm

    image = np.full((len(rows), len(energy.edges) - 1), np.nan)
    image[: len(energy.names)] = np.maximum(energy.concentration(), 1 / WIDEST)
    mesh = ax.imshow(image, aspect="auto", cmap=HEAT, norm=LogNorm(1 / WIDEST, WIDEST), interpolation="nearest")
    ax.set_xlabel("coefficient", color=INK)
    _tiers(ax, energy, kept)
    _labels(ax, rows)
    _frame(ax)
    ticks = np.unique(np.linspace(0, image.shape[1] - 1, min(image.shape[1], 6)).astype(int))
    ax.set_xticks(ticks, [count(int(energy.edges[tick])) for tick in ticks])
    for label in ax.get_xticklabels()[-1:]:  # the next panel's axis begins there
        label.set_horizontalalignment("right")
    ax.set_title("energy of a coefficient, relative to the tensor's mean", loc="left", fontsize=10, color=MUTED, pad=24)
    _key(figure, ax, mesh)


def sizes(ax: Axes, rows: Sequence[Row], *, named: bool) -> None:
    """Draw the bytes of each row, with ≈ where tensors share segments."""
    most = max((row.size for row in rows), default=0) or 1
    ax.barh(range(len(rows)), [row.size for row in rows], color=BLUE, height=0.72, linewidth=0)
    if len(rows) <= LABELLED:
        for place, row in enumerate(rows):
            text = ("" if row.exact else "≈ ") + count(row.size)
            ax.text(row.size + 0.02 * most, place, text, va="center", fontsize=8, color=INK)
    ax.set(xlim=(0, 1.25 * most), ylim=(len(rows) - 0.5, -0.5))
    ax.set_xlabel("bytes", color=INK)
    ax.grid(axis="x", color=FAINT, linewidth=0.8)
    ax.set_axisbelow(True)
    _frame(ax)
    ax.locator_params(axis="x", nbins=4 if named else 2)
    if named:
        _labels(ax, rows)
    else:
        ax.tick_params(labelleft=False)


def _key(figure: Figure, ax: Axes, mesh: AxesImage) -> None:
    """Draw the color scale of the map: a short bar above it."""
    place, inch = ax.get_position(), 1 / figure.get_figheight()
    key = figure.add_axes((place.x0 + 0.1 * place.width, place.y1 + 0.1 * inch, 0.4 * place.width, 0.1 * inch))
    bar = figure.colorbar(mesh, cax=key, orientation="horizontal", ticks=[])
    bar.outline.set_visible(False)
    key.minorticks_off()
    for x, side, text in ((-0.03, "right", f"{1 / WIDEST:g} ×"), (1.03, "left", f"{WIDEST} ×")):
        key.text(x, 0.4, text, transform=key.transAxes, ha=side, va="center", fontsize=8, color=MUTED)


def _labels(ax: Axes, rows: Sequence[Row]) -> None:
    """Draw the names on the left. If there are too many to be legible, draw only every n-th name."""
    every = -(-len(rows) // READABLE)
    places = range(0, len(rows), every)
    ax.set_yticks(places, [rows[place].label for place in places], fontsize=8 if len(rows) <= LABELLED else 6.5)
    for label in ax.get_yticklabels():
        label.set_parse_math(False)


def _tiers(ax: Axes, energy: Energy, kept: Kept) -> None:
    """Draw lines through the map at the boundaries between tiers."""
    rows = np.repeat(np.arange(len(energy.names) + 1) - 0.5, 2)[1:-1]
    for ends in zip(*kept, strict=True):
        places = np.interp(ends, energy.edges, np.arange(len(energy.edges))) - 0.5
        ax.plot(np.repeat(places, 2), rows, color="white", linewidth=1.1)


def _is_long(energy: Energy) -> bool:
    """Return whether spectra are so long that positions are sampled on a logarithmic scale."""
    return len(energy.edges) - 1 < int(energy.edges[-1])


def _frame(ax: Axes) -> None:
    for side in ("top", "right", "left", "bottom"):
        ax.spines[side].set_visible(False)
    ax.tick_params(which="both", length=0, labelsize=8.5, labelcolor=INK)
    ax.xaxis.set_major_formatter(lambda value, place: count(round(value)))


def _shortened(name: str) -> str:
    name = clean(name)
    return name if len(name) <= LONGEST else "…" + name[-LONGEST:]
