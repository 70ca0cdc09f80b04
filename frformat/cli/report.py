"""What ``encode`` tells of its work: plain data for ``--json``, and the text made from it."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from typing import Any, Final

import frformat
from frformat.cli import columns, terminal
from frformat.cli.columns import Row
from frformat.cli.dump.facts import Facts
from frformat.cli.dump.listing import bits, ratio, values
from frformat.cli.terminal import clean, count, dims
from frformat.encoding import Report

COLUMNS: Final = ("tensor", "shape", "view", "kept", "values", "energy", "error", "bytes", "bits")

SAID: Final = {"raw": "stored exactly", "kept": "stored as the input has them"}
"""What is said of tensors that have no line of their own, by their coding."""


def tell(report: Report, source: str, output: str, seconds: float, *, as_json: bool) -> None:
    """Print what became of a file.

    As JSON that is what ``dump --json`` says of the new file, and what only the encoder knows: ``input`` with its path
    and bytes, ``seconds``, ``notes``; and for each tensor its ``coding``, ``energy``, ``error`` and ``note`` (see
    :class:`frformat.encoding.TensorReport`). As text: the notes, a line for each tensor that is not stored exactly, and
    a summary.
    """
    with frformat.open(output) as file:
        facts = Facts(file, output)
        given = {"file": source, "bytes": os.path.getsize(source)}
        about = {"input": given, "seconds": seconds, "notes": report.notes} | facts.summary()
        if as_json:
            tensors = _tensors(facts, report, [*report.tensors, *file.aliases])
            lists = {"groups": facts.groups(), "factors": facts.factors(), "tensors": tensors}
            terminal.print_json(about | lists)
        else:
            _show(facts, report, about)


def _tensors(facts: Facts, report: Report, names: list[str]) -> Iterator[dict[str, Any]]:
    """What is known of each of some tensors."""
    for name in names:
        tensor = facts.tensor(name)
        told = report.tensors[tensor["alias_of"] or name]
        yield tensor | {"coding": told.coding, "energy": told.energy, "error": told.error, "note": told.note}


def _show(facts: Facts, report: Report, about: dict[str, Any]) -> None:
    out = terminal.console()
    for note in report.notes:
        out.print(clean(note), style="dim", soft_wrap=True)
    apart = [name for name, told in report.tensors.items() if told.coding not in SAID]
    if apart:
        widths = columns.measure(map(_row, _tensors(facts, report, apart)), len(COLUMNS)).widths
        used = [place for place, width in enumerate(widths) if width]
        rows = ([row[place] for place in used] for row in map(_row, _tensors(facts, report, apart)))
        columns.show([COLUMNS[place] for place in used], rows, [widths[place] for place in used])
    for name, told in report.tensors.items():
        if told.note and told.coding in SAID:
            out.print(f"{clean(name)} stays as it is: {told.note}", soft_wrap=True)
    numbers, sizes = Counter[str](), Counter[str]()
    for tensor in _tensors(facts, report, [name for name, told in report.tensors.items() if told.coding in SAID]):
        numbers[tensor["coding"]] += 1
        sizes[tensor["coding"]] += tensor["bytes"]
    for coding, number in numbers.items():
        out.print(f"{count(number, 'tensor')} {SAID[coding]}, {count(sizes[coding], 'byte')}", soft_wrap=True)
    out.print(_summary(about), style="bold", soft_wrap=True)


def _row(tensor: dict[str, Any]) -> Row:
    """The cells of :data:`COLUMNS`."""
    return [
        clean(tensor["name"]),
        dims(tensor["shape"]),
        dims(tensor["view"]) if tensor["view"] else "",
        count(tensor["numbers"]) if tensor["kept"] else "",
        values(tensor),
        f"{100 * tensor['energy']:.2f} %",
        _percent(tensor["error"]),
        count(tensor["bytes"]),
        bits(tensor["bits_per_parameter"]),
    ]


def _percent(share: float) -> str:
    """A share with two digits that count: ``0``, ``6e-06 %``, ``0.54 %``, ``95 %``."""
    return f"{100 * share:.0f} %" if share >= 0.1 else f"{100 * share:.2g} %" if share else "0"


def _summary(facts: dict[str, Any]) -> str:
    before, after = facts["input"]["bytes"], facts["bytes"]
    text = f"{clean(facts['file'])}: {count(after, 'byte')}, {ratio(before / after)} smaller than the input"
    if facts["weights"]:
        text += f", {ratio(facts['ratio'])} smaller than dense f32"
    return f"{text}, in {facts['seconds']:.1f} s"
