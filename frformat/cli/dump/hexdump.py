"""Show a file for ``frformat dump --bytes``: offset, bytes, meaning; first the file, then its inflated directory."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import IO, Any, Final

import click

from frformat.cli import errors
from frformat.cli.dump.layout import Layout, Range
from frformat.cli.dump.walk import Field, walk
from frformat.cli.terminal import echo
from frformat.wording import clean, count

LINE: Final = 16
"""Number of bytes on a line."""

WHOLE: Final = 4 * LINE
"""Ranges of at most this many bytes are shown in full; longer ones show only their first and last lines."""

COLUMN: Final = 3 * LINE - 1
"""Width of a line's bytes in characters."""

COLORS: Final = {"header": "cyan", "directory": "green", "checksum": "yellow", "segment": "blue", "unread": "red"}


def show(layout: Layout, file: IO[bytes], path: str) -> None:
    """Print every range of the file and every field of the inflated directory."""
    echo(click.style(f"{clean(path)}: {count(layout.size, 'byte')}", bold=True) + "\n")
    fault = layout.error.offset if layout.error is not None else None
    for part in layout.ranges:
        here = fault is not None and part.start <= fault < part.end
        for line in _range_lines(part, file, here):
            echo(line)
    if layout.directory:
        echo("\n" + click.style(f"directory, inflated: {count(len(layout.directory), 'byte')}", bold=True) + "\n")
        for field in walk(layout.directory):
            echo(_field_line(field, layout.directory))


def as_json(layout: Layout, path: str) -> dict[str, Any]:
    """Return the same information as plain data; ``error`` is None for a file without faults."""
    fields = [asdict(field) for field in walk(layout.directory)] if layout.directory else []
    for field in fields:
        field["bytes"] = layout.directory[field["offset"] : field["offset"] + min(field["size"], WHOLE)].hex()
    return {
        "file": path,
        "bytes": layout.size,
        "ranges": [asdict(part) for part in layout.ranges],
        "directory": fields,
        "error": None if layout.error is None else errors.facts(layout.error),
    }


def _range_lines(part: Range, file: IO[bytes], fault: bool) -> Iterator[str]:
    """Yield the lines of one range, with the meaning on the first one."""
    meaning = click.style(clean(part.meaning), fg=COLORS[part.part])
    if fault:
        meaning += click.style(" ← the fault", fg="red", bold=True)
    size = part.end - part.start
    head = size if size <= WHOLE else WHOLE - LINE
    offsets = list(range(0, head, LINE))
    for offset in offsets:
        yield _line(part.start + offset, _bytes(file, part.start + offset, min(LINE, size - offset)), meaning)
        meaning = ""
    if size > head:
        last = (size - 1) // LINE * LINE
        if last > head:
            yield f"          … {count(last - head, 'byte')} …"
        yield _line(part.start + last, _bytes(file, part.start + last, size - last), "")


def _field_line(field: Field, directory: bytes) -> str:
    shown = directory[field.offset : field.offset + min(field.size, LINE)]
    cut = "…" if field.size > LINE else ""
    return _line(field.offset, shown, "  " * field.depth + clean(field.meaning), cut)


def _line(offset: int, data: bytes, meaning: str, cut: str = "") -> str:
    return f"{click.style(f'{offset:08x}', dim=True)}  {data.hex(' ') + cut:<{COLUMN + 1}} {meaning}".rstrip()


def _bytes(file: IO[bytes], start: int, size: int) -> bytes:
    file.seek(start)
    return file.read(size)
