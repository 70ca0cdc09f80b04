"""What ``encode`` tells of its work: plain data for ``--json``, and the text made from it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Final

import frformat
from frformat.cli import terminal
from frformat.cli.dump.facts import file_facts
from frformat.cli.dump.listing import ratio, values
from frformat.cli.terminal import clean, count, dims
from frformat.encoding import Report

if TYPE_CHECKING:
    from rich.table import Table

COLUMNS: Final = ("tensor", "shape", "view", "kept", "values", "energy", "error", "bytes")


def facts(report: Report, source: str, output: str, seconds: float) -> dict[str, Any]:
    """What ``dump --json`` says of the new file, and what only the encoder knows.

    Returns:
        The facts of the file; ``input`` with its path and bytes, ``seconds``, ``notes``; and for each tensor ``energy``
        and ``error`` (see :class:`frformat.encoding.TensorReport`) and ``note``.
    """
    with frformat.open(output) as file:
        found = file_facts(file, output)
    for tensor in found["tensors"]:
        told = report.tensors[tensor["alias_of"] or tensor["name"]]
        tensor |= {"energy": told.energy, "error": told.error, "note": told.note}
    order = {name: index for index, name in enumerate(report.tensors)}
    found["tensors"].sort(key=lambda tensor: order.get(tensor["name"], len(order)))
    about = {"input": {"file": source, "bytes": os.path.getsize(source)}, "seconds": seconds, "notes": report.notes}
    return about | found


def show(facts: dict[str, Any]) -> None:
    """Print notes, a line for each tensor that is coded by its spectrum, and a summary."""
    out = terminal.console()
    for note in facts["notes"]:
        out.print(clean(note), style="dim", soft_wrap=True)
    spectral = [tensor for tensor in facts["tensors"] if tensor["coding"] == "dct" and tensor["alias_of"] is None]
    raw = [tensor for tensor in facts["tensors"] if tensor["coding"] == "raw" and tensor["alias_of"] is None]
    if spectral:
        terminal.show(_table(spectral))
    for tensor in raw:
        if tensor["note"]:
            out.print(f"{clean(tensor['name'])} stays as it is: {tensor['note']}", soft_wrap=True)
    if raw:
        out.print(f"{count(len(raw), 'tensor')} raw, {count(sum(t['bytes'] for t in raw), 'byte')}", soft_wrap=True)
    out.print(_summary(facts), style="bold", soft_wrap=True)


def _table(tensors: list[dict[str, Any]]) -> Table:
    used = [name for name in COLUMNS if name != "view" or any(tensor["view"] for tensor in tensors)]
    out = terminal.table(*used, left=("tensor",), fold="tensor")
    for tensor in tensors:
        row = {
            "tensor": clean(tensor["name"]),
            "shape": dims(tensor["shape"]),
            "view": dims(tensor["view"]) if tensor["view"] else "",
            "kept": count(tensor["kept"][-1]),
            "values": values(tensor),
            "energy": f"{100 * tensor['energy']:.2f} %",
            "error": _percent(tensor["error"]),
            "bytes": count(tensor["bytes"]),
        }
        out.add_row(*(row[name] for name in used))
    return out


def _percent(share: float) -> str:
    """A share with two digits that count: ``0``, ``6e-06 %``, ``0.54 %``, ``95 %``."""
    return f"{100 * share:.0f} %" if share >= 0.1 else f"{100 * share:.2g} %" if share else "0"


def _summary(facts: dict[str, Any]) -> str:
    before, after = facts["input"]["bytes"], facts["bytes"]
    text = f"{clean(facts['file'])}: {count(after, 'byte')}, {ratio(before / after)} smaller than the input"
    if facts["weights"]:
        text += f", {ratio(facts['ratio'])} smaller than dense f32"
    return f"{text}, in {facts['seconds']:.1f} s"
