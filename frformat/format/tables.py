"""Format tables of text for ``print`` and notebooks."""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence
from itertools import islice
from typing import Final

from frformat.format.info import TensorInfo
from frformat.wording import clean

ROWS: Final = 100
"""Number of rows that a notebook shows for a file."""

HEAD: Final = ("tensor", "shape", "dtype", "stored as", "values", "coder")


def as_text(rows: Sequence[Sequence[str]], note: str) -> str:
    """Format columns under a heading, which is the first row, followed by the note. Each cell is on one line."""
    rows = [[clean(cell) for cell in row] for row in rows]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    lines.insert(1, "─" * max(map(len, lines)))
    return "\n".join([*lines, note])


def as_html(rows: Iterable[Sequence[str]], note: str) -> str:
    """Format the table as HTML, with all text escaped."""
    head, *body = (tuple(html.escape(cell) for cell in row) for row in rows)
    heading = "".join(f"<th>{cell}</th>" for cell in head)
    lines = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in body)
    return f"<table><thead><tr>{heading}</tr></thead><tbody>{lines}</tbody></table><p>{html.escape(note)}</p>"


def short(number: float) -> str:
    """Format a number with three digits and a unit: ``1.23M``."""
    value, units = float(number), ["", "k", "M", "G", "T"]
    while value >= 999.5 and len(units) > 1:
        value, units = value / 1000, units[1:]
    return f"{value:.3g}{units[0]}"


def listing(tensors: Iterable[TensorInfo], count: int, note: str) -> str:
    """Return an HTML table of a file's first tensors.

    Args:
        tensors: their descriptions from the directory.
        count: total number of tensors.
        note: text after the table.
    """
    rows = [HEAD, *map(_row, islice(tensors, ROWS))]
    left = f"{count - ROWS:,} more tensors. " if count > ROWS else ""
    return as_html(rows, left + note)


def _row(info: TensorInfo) -> tuple[str, ...]:
    shape = "×".join(map(str, info.shape)) or "scalar"
    if info.alias_of is not None:
        return info.name, shape, info.dtype, f"alias of {info.alias_of}", "", ""
    bases = "spectrum" if info.spectral else "elements" if info.plain else " × ".join(info.bases)
    values = f"{info.numbers():,} {'integers' if info.step is not None else info.format or info.dtype}"
    return info.name, shape, info.dtype, bases, values, info.coder
