"""Print to the terminal: sanitized text, readable numbers, tables, and JSON."""

from __future__ import annotations

import json
import math
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import fields, is_dataclass
from functools import cache
from itertools import islice
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress
    from rich.table import Table

UNBOUNDED = 1 << 14
"""Width of output that is not shown in a terminal: tables in a pipe are neither cut nor folded."""

PLAIN = ("dumb", "unknown")
"""Terminals without styles, as rich defines them."""

LINES = 1000
"""Number of lines that are printed together."""


def dims(shape: Sequence[int]) -> str:
    """Format a shape: ``64×3×3×3``; ``scalar`` for rank 0."""
    return "×".join(map(str, shape)) or "scalar"


def axes(numbers: Sequence[int]) -> str:
    """Format axes by number: ``axis 1``, ``axes 0, 1``."""
    return f"{'axis' if len(numbers) == 1 else 'axes'} {', '.join(map(str, numbers))}"


def echo(text: str = "", *, nl: bool = True, err: bool = False) -> None:
    """Print text, without styles if the output is not a terminal, ``NO_COLOR`` is set, or the terminal has no styles.

    The stream keeps its encoding, even ASCII, which Click would replace; unsupported characters become escapes.
    """
    plain = os.environ.get("NO_COLOR") or os.environ.get("TERM") in PLAIN
    click.echo(text, nl=nl, file=sys.stderr if err else sys.stdout, color=False if plain else None)


def console(*, stderr: bool = False) -> Console:
    """Return a console that does not interpret markup, and does not cut lines that go to a file or a pipe."""
    from frformat.cli.console import PlainConsole

    stream = sys.stderr if stderr else sys.stdout
    return PlainConsole(stderr=stderr, width=None if stream.isatty() else UNBOUNDED)


def table(*columns: str, left: Sequence[str] = ()) -> Table:
    """Return an empty table. Columns are right-aligned, except those in ``left``; no cell is broken."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    out = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False, header_style="bold", padding=(0, 1, 0, 0))
    for name in columns:
        out.add_column(name, justify="left" if name in left else "right", no_wrap=True)
    return out


def show(table: Table) -> None:
    """Print a table. If the terminal is too narrow for it, lines exceed its width rather than lose content."""
    from rich.measure import Measurement

    screen = console()
    if screen.is_terminal:
        wide = console()
        wide.width = UNBOUNDED
        screen.width = max(screen.width, Measurement.get(wide, wide.options, table).maximum)
    screen.print(table)


@contextmanager
def progress() -> Iterator[Progress]:
    """Show a progress bar on stderr, only in a terminal, and remove it at the end."""
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}", markup=False), BarColumn(), DownloadColumn(True), TimeRemainingColumn())
    screen = console(stderr=True)
    bars = Progress(*columns, console=screen, transient=True, disable=not screen.is_terminal)
    with bars if screen.is_terminal else nullcontext():
        yield bars


def print_json(value: Any, *more: Any) -> None:
    """Print one JSON document in ASCII. Numbers that JSON lacks become the strings NaN, Infinity and -Infinity.

    Args:
        value: plain data or dataclasses. An iterator that is a member of a dictionary becomes an array with one element
            per line, and is never in memory as a whole.
        more: dataclasses or dicts whose members are added to those of ``value``.
    """
    document = as_json(value)
    for part in more:
        document |= as_json(part)
    if isinstance(document, dict) and any(isinstance(item, Iterator) for item in document.values()):
        _print_members(document)
    else:
        echo(json.dumps(document, indent=2, allow_nan=False))


def _print_members(document: dict[str, Any]) -> None:
    before = "{\n"
    for key, item in document.items():
        echo(f"{before}  {json.dumps(key)}: ", nl=False)
        if isinstance(item, Iterator):
            _print_array(item)
        else:
            echo(json.dumps(item, indent=2, allow_nan=False).replace("\n", "\n  "), nl=False)
        before = ",\n"
    echo("\n}")


def _print_array(items: Iterator[Any]) -> None:
    before = "["
    while some := list(islice(items, LINES)):
        lines = ",\n    ".join(json.dumps(as_json(item), allow_nan=False) for item in some)
        echo(f"{before}\n    {lines}", nl=False)
        before = ","
    echo("[]" if before == "[" else "\n  ]", nl=False)


@cache
def _members(kind: type[Any]) -> tuple[str, ...]:
    return tuple(field.name for field in fields(kind))


def as_json(value: Any) -> Any:
    """Convert to JSON values: dataclasses become objects; see :func:`print_json`."""
    if value is None or isinstance(value, str | int):
        return value
    if is_dataclass(value):
        kind: Any = type(value)
        return {name: as_json(getattr(value, name)) for name in _members(kind)}
    if isinstance(value, dict):
        return {key: as_json(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [as_json(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    return value
