"""What ``encode`` tells of its work: facts for ``--json``, and the text made from them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

import frformat
from frformat.cli import terminal
from frformat.cli.dump.facts import FileFacts, TensorFacts, file_facts
from frformat.cli.dump.listing import ratio, values
from frformat.cli.files import InputFile
from frformat.cli.terminal import clean, count, dims
from frformat.encoding import Report, TensorReport

if TYPE_CHECKING:
    from rich.table import Table

COLUMNS: Final = ("tensor", "shape", "view", "kept", "values", "energy", "error", "bytes")


@dataclass(frozen=True)
class Encoded:
    """What an encoder did.

    Attributes:
        input: the file that was read.
        seconds: how long it took.
        notes: what a user should know, one line each.
        file: what the new file holds; its tensors are in the order of the input.
        told: what only the encoder knows of each, by name.
    """

    input: InputFile
    seconds: float
    notes: list[str]
    file: FileFacts
    told: dict[str, TensorReport]

    def named(self, output: str) -> Encoded:
        """The same, of a file that has got its final name since."""
        return replace(self, file=replace(self.file, file=output))

    def as_json(self) -> dict[str, Any]:
        """What ``dump --json`` says of the new file, and what only the encoder knows."""
        about = {"input": self.input, "seconds": self.seconds, "notes": self.notes}
        found: dict[str, Any] = terminal.as_json(about) | terminal.as_json(self.file)
        for tensor in found["tensors"]:
            told = self.told[tensor["name"]]
            tensor |= {"energy": told.energy, "error": told.error, "note": told.note}
        return found


def facts(report: Report, source: str, size: int, output: str, seconds: float) -> Encoded:
    """What an encoder did, and what is in the new file."""
    with frformat.open(output) as file:
        found = file_facts(file, output)
    order = {name: index for index, name in enumerate(report.tensors)}
    tensors = sorted(found.tensors, key=lambda tensor: order.get(tensor.name, len(order)))
    told = {tensor.name: report.tensors[tensor.alias_of or tensor.name] for tensor in tensors}
    about = InputFile(source, size)
    return Encoded(about, seconds, report.notes, replace(found, tensors=tensors), told)


def show(facts: Encoded) -> None:
    """Print notes, a line for each tensor that is coded by its spectrum, and a summary."""
    out = terminal.console()
    for note in facts.notes:
        out.print(clean(note), style="dim", soft_wrap=True)
    stored = [tensor for tensor in facts.file.tensors if tensor.alias_of is None]
    spectral = [tensor for tensor in stored if tensor.coding == "dct"]
    raw = [tensor for tensor in stored if tensor.coding == "raw"]
    if spectral:
        terminal.show(_table(spectral, facts.told))
    for tensor in raw:
        if note := facts.told[tensor.name].note:
            out.print(f"{clean(tensor.name)} stays as it is: {note}", soft_wrap=True)
    if raw:
        total = sum(tensor.bytes for tensor in raw)
        out.print(f"{count(len(raw), 'tensor')} raw, {count(total, 'byte')}", soft_wrap=True)
    out.print(_summary(facts), style="bold", soft_wrap=True)


def _table(tensors: Sequence[TensorFacts], told: Mapping[str, TensorReport]) -> Table:
    used = [name for name in COLUMNS if name != "view" or any(tensor.view for tensor in tensors)]
    out = terminal.table(*used, left=("tensor",), fold="tensor")
    for tensor in tensors:
        about = told[tensor.name]
        row = {
            "tensor": clean(tensor.name),
            "shape": dims(tensor.shape),
            "view": dims(tensor.view) if tensor.view else "",
            "kept": count(tensor.kept[-1] if tensor.kept else 0),
            "values": values(tensor.format, tensor.step),
            "energy": "" if about.energy is None else f"{100 * about.energy:.2f} %",
            "error": _percent(about.error),
            "bytes": count(tensor.bytes),
        }
        out.add_row(*(row[name] for name in used))
    return out


def _percent(share: float) -> str:
    """A share with two digits that count: ``0``, ``6e-06 %``, ``0.54 %``, ``95 %``."""
    return f"{100 * share:.0f} %" if share >= 0.1 else f"{100 * share:.2g} %" if share else "0"


def _summary(facts: Encoded) -> str:
    before, file = facts.input.bytes, facts.file
    text = f"{clean(file.file)}: {count(file.bytes, 'byte')}, {ratio(before / file.bytes)} smaller than the input"
    if file.weights:
        text += f", {ratio(file.ratio)} smaller than dense f32"
    return f"{text}, in {facts.seconds:.1f} s"
