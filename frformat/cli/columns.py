"""Print tables of any length: rows are produced once for measuring and once for printing, and never stored."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Final

import click

from frformat.cli.terminal import FOLDED, LINES, UNBOUNDED, echo

Row = Sequence[str | None]
"""The cells of a line; None where a column does not apply."""

GAP: Final = "  "


@dataclass(frozen=True)
class Measured:
    """The measurements of a table's rows.

    Attributes:
        rows: number of rows.
        widths: width of each column in terminal cells; 0 if it is empty.
        common: for each column, the text that all rows with a cell in that column share, or None if they differ.
    """

    rows: int
    widths: list[int]
    common: list[str | None]


def measure(rows: Iterable[Row], columns: int) -> Measured:
    """Measure all rows, each of which has ``columns`` cells."""
    count = 0
    widths = [0] * columns
    first: list[str | None] = [None] * columns
    varying = [False] * columns
    for row in rows:
        count += 1
        for place, cell in enumerate(row):
            if cell is None or cell == first[place]:
                continue
            if first[place] is None:
                first[place] = cell
            else:
                varying[place] = True
            widths[place] = max(widths[place], _width(cell))
    common = [None if differs else text for text, differs in zip(first, varying, strict=True)]
    return Measured(count, widths, common)


def show(
    titles: Sequence[str], rows: Iterable[Row], widths: Sequence[int], *, left: Sequence[str] = (), total: Row = ()
) -> None:
    """Print a table; its first column is folded if the terminal is too narrow.

    Args:
        titles: titles of the columns; the first column and those in ``left`` are left-aligned, the others
            right-aligned.
        rows: the rows.
        widths: widths of the columns, as :func:`measure` returns them.
        left: titles of the left-aligned columns besides the first.
        total: the last line, set apart from the rows.
    """
    heads = [row for row in (titles, total) if row]
    widths = [max(width, *(_width(row[place] or "") for row in heads)) for place, width in enumerate(widths)]
    columns = shutil.get_terminal_size().columns if sys.stdout.isatty() else UNBOUNDED
    rest = sum(widths[1:]) + len(GAP) * (len(widths) - 1)
    widths[0] = min(widths[0], max(FOLDED, columns - rest))
    lefts = [place == 0 or title in left for place, title in enumerate(titles)]

    def lines() -> Iterator[str]:
        for text in _lines(titles, widths, lefts):
            yield click.style(text, bold=True)
        yield "─" * (rest + widths[0])
        for row in rows:
            yield from _lines(row, widths, lefts)
        if total:
            yield ""
            for text in _lines(total, widths, lefts):
                yield click.style(text, bold=True)

    left_over = lines()
    while some := list(islice(left_over, LINES)):
        echo("\n".join(some))


def _lines(row: Row, widths: Sequence[int], lefts: Sequence[bool]) -> Iterator[str]:
    """Yield a row as one line, or as several if its first cell is too long."""
    first, *more = _folded(row[0] or "", widths[0])
    cells = [_padded(first, widths[0], left=True)]
    cells += [_padded(cell or "", width, left) for cell, width, left in zip(row, widths, lefts, strict=True)][1:]
    yield GAP.join(cells).rstrip()
    yield from more


def _padded(cell: str, width: int, left: bool) -> str:
    space = " " * (width - _width(cell))
    return cell + space if left else space + cell


def _folded(text: str, width: int) -> list[str]:
    """Split ``text`` into parts of at most ``width`` terminal cells."""
    if _width(text) <= width:
        return [text]
    parts, used = [""], 0
    for character in text:
        size = _width(character)
        if used + size > width:
            parts.append("")
            used = 0
        parts[-1] += character
        used += size
    return parts


def _width(text: str) -> int:
    """Return the width of a text in terminal cells."""
    if text.isascii():
        return len(text)
    from rich.cells import cell_len

    return cell_len(text)
