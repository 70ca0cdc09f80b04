"""Tables for notebooks: what ``_repr_html_`` of a file or a summary returns."""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence
from itertools import islice
from typing import Final

from frformat.format.info import TensorInfo

ROWS: Final = 100
"""Rows that a notebook shows of a file."""

HEAD: Final = ("tensor", "shape", "dtype", "stored as", "values", "coder")


def table(rows: Iterable[Sequence[str]], note: str) -> str:
    """An HTML table of text; the first row is the heading, the note follows the table."""
    head, *body = (tuple(html.escape(cell) for cell in row) for row in rows)
    heading = "".join(f"<th>{cell}</th>" for cell in head)
    lines = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in body)
    return f"<table><thead><tr>{heading}</tr></thead><tbody>{lines}</tbody></table><p>{html.escape(note)}</p>"


def listing(tensors: Iterable[TensorInfo], count: int, note: str) -> str:
    """An HTML table of a file's first tensors.

    Args:
        tensors: what the directory says of them.
        count: how many there are.
        note: follows the table.
    """
    rows = [HEAD, *map(_row, islice(tensors, ROWS))]
    left = f"{count - ROWS:,} more tensors. " if count > ROWS else ""
    return table(rows, left + note)


def _row(info: TensorInfo) -> tuple[str, ...]:
    shape = "×".join(map(str, info.shape)) or "scalar"
    if info.alias_of is not None:
        return info.name, shape, info.dtype, f"alias of {info.alias_of}", "", ""
    bases = "spectrum" if info.spectral else "elements" if info.plain else " × ".join(info.bases)
    values = f"{info.numbers():,} {'integers' if info.step is not None else info.format or info.dtype}"
    return info.name, shape, info.dtype, bases, values, info.coder
