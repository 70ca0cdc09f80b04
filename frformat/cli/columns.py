"""Print tables of any length: rows are produced once for measuring and once for printing, and never stored."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Final

import click

from frformat.cli.terminal import LINES, UNBOUNDED, echo

Row = Sequence[str | None]
"""The cells of a line; None where a column does not apply."""

GAPS: Final = "  ", " "
"""Space between columns, and the narrower space in a table that would otherwise be too wide."""

INDENT: Final = "  "
"""Start of a line below the first cell of its row."""


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
    titles: Sequence[str],
    rows: Iterable[Row],
    widths: Sequence[int],
    *,
    left: Sequence[str] = (),
    total: Row = (),
    red: Callable[[Row], bool] = lambda row: False,
) -> None:
    """Print a table. In a terminal that is too narrow for it, rows take several lines; no name or number is broken.

    Args:
        titles: titles of the columns; the first column and those in ``left`` are left-aligned, the others
            right-aligned.
        rows: the rows.
        widths: widths of the columns, as :func:`measure` returns them.
        left: titles of the left-aligned columns besides the first.
        total: the last line, set apart from the rows.
        red: whether to print a row in red.
    """
    heads = [row for row in (titles, total) if row]
    widths = [max(width, *(_width(row[place] or "") for row in heads)) for place, width in enumerate(widths)]
    lefts = [place == 0 or title in left for place, title in enumerate(titles)]
    layout = _Layout.of(widths, lefts, shutil.get_terminal_size().columns if sys.stdout.isatty() else UNBOUNDED)

    def lines() -> Iterator[str]:
        for text in layout.lines(titles):
            yield click.style(text, bold=True)
        yield "─" * layout.width
        for row in rows:
            is_red = red(row)
            for text in layout.lines(row):
                yield click.style(text, fg="red") if is_red else text
        if total:
            yield ""
            for text in layout.lines(total):
                yield click.style(text, bold=True)

    left_over = lines()
    while some := list(islice(left_over, LINES)):
        echo("\n".join(some))


def show_filled(titles: Sequence[str], rows: Callable[[], Iterable[Row]], *, left: Sequence[str] = ()) -> None:
    """Print a table like :func:`show`, but without empty columns; print nothing if there are no rows.

    Args:
        titles: titles of the columns.
        rows: returns the rows; called twice.
        left: titles of the left-aligned columns besides the first.
    """
    found = measure(rows(), len(titles))
    used = [place for place, width in enumerate(found.widths) if width]
    if found.rows:
        chosen = ([row[place] for place in used] for row in rows())
        show([titles[place] for place in used], chosen, [found.widths[place] for place in used], left=left)


@dataclass(frozen=True)
class _Layout:
    """The lines of a row: a single one, or the first cell and then the others.

    Attributes:
        parts: the columns of each line.
        widths: width of each column.
        lefts: whether each column is left-aligned.
        gap: space between columns.
        width: width of the longest line.
    """

    parts: list[list[int]]
    widths: list[int]
    lefts: list[bool]
    gap: str
    width: int

    @classmethod
    def of(cls, widths: list[int], lefts: list[bool], most: int) -> _Layout:
        """Choose the lines so that they take at most ``most`` terminal cells, if possible."""
        for gap in GAPS:
            width = sum(widths) + len(gap) * (len(widths) - 1)
            if width <= most:
                return cls([[*range(len(widths))]], widths, lefts, gap, width)
        first = min(widths[0], most)
        parts, gap = _parts(widths, most, GAPS[0]), GAPS[0]
        if len(parts) > 1:
            parts, gap = _parts(widths, most, GAPS[1]), GAPS[1]
        lengths = [len(INDENT) - len(gap) + sum(widths[place] + len(gap) for place in part) for part in parts]
        return cls([[0], *parts], [first, *widths[1:]], lefts, gap, max(first, *lengths, 0))

    def lines(self, row: Row) -> Iterator[str]:
        """Yield the lines of a row."""
        if len(self.parts) > 1 and row[0]:
            yield from _folded(row[0], self.widths[0])
        for part in self.parts[len(self.parts) > 1 :]:
            cells = [_padded(row[place] or "", self.widths[place], self.lefts[place]) for place in part]
            text = self.gap.join(cells).rstrip()
            if len(self.parts) == 1:
                yield text
            elif text:
                yield INDENT + text


def _parts(widths: Sequence[int], most: int, gap: str) -> list[list[int]]:
    """Distribute all columns but the first over lines of at most ``most`` terminal cells, if possible."""
    parts: list[list[int]] = []
    used = most
    for place, width in enumerate(widths[1:], 1):
        used += len(gap) + width
        if used > most:
            parts.append([])
            used = len(INDENT) + width
        parts[-1].append(place)
    return parts


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
    """Return the width of a string in terminal cells."""
    if text.isascii():
        return len(text)
    from rich.cells import cell_len

    return cell_len(text)
