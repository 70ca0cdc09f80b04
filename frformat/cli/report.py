"""Report the result of ``encode``, as JSON or as text."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import frformat
from frformat.cli import columns, terminal
from frformat.cli.columns import Row
from frformat.cli.dump.facts import FileFacts, TensorFacts
from frformat.cli.dump.listing import bits, compared, written
from frformat.cli.dump.survey import Survey
from frformat.cli.files import InputFile
from frformat.cli.terminal import dims
from frformat.encoding import Report, TensorReport
from frformat.wording import clean, count

COLUMNS: Final = ("tensor", "shape", "view", "kept", "values", "energy", "error", "bytes", "bits")

SAID: Final = {"raw": "stored exactly", "kept": "stored in the form of the input"}
"""Descriptions of tensors that are summarized in one line, by their coding."""


@dataclass(frozen=True)
class Encoded:
    """The result of encoding.

    Attributes:
        input: the file that was read.
        seconds: time taken.
        notes: notes for the user, one line each.
        file: the description of the new file.
        told: the encoder's report on each tensor, by name, in input order.
        aliases: additional names in the new file, with the names of their tensors.
    """

    input: InputFile
    seconds: float
    notes: list[str]
    file: Survey
    told: dict[str, TensorReport]
    aliases: dict[str, str]

    def print_json(self) -> None:
        """Print what ``dump --json`` prints for the new file, and the encoder's report."""
        about = {"input": self.input, "seconds": self.seconds, "notes": self.notes}
        terminal.print_json(about, self.file.summary(), self.file.lists() | {"tensors": self._tensors()})

    def _tensors(self) -> Iterator[dict[str, Any]]:
        names = [*self.told, *self.aliases]
        for name, tensor in zip(names, self.file.tensors(names), strict=True):
            told = self.told[self.aliases.get(name, name)]
            more = {"coding": told.coding, "energy": told.energy, "error": told.error, "note": told.note}
            yield terminal.as_json(tensor) | more


def encoded(report: Report, given: InputFile, path: str, output: str, seconds: float) -> Encoded:
    """Describe the new file and how it was encoded.

    Args:
        report: the encoder's report.
        given: the input file.
        path: the current location of the new file; it is not read after this call.
        output: its name.
        seconds: time taken.
    """
    with frformat.open(path) as file:
        return Encoded(given, seconds, report.notes, Survey(file, output), report.tensors, file.aliases)


def show(found: Encoded) -> None:
    """Print notes, a line for each tensor that is not stored exactly, and a summary."""
    out = terminal.console()
    for note in found.notes:
        out.print(clean(note), style="dim", soft_wrap=True)
    apart = [name for name, told in found.told.items() if told.coding not in SAID]
    if apart:
        columns.show_filled(COLUMNS, lambda: _rows(found, apart))
    for name, told in found.told.items():
        if told.note and told.coding in SAID:
            out.print(f"{clean(name)} is stored raw: {told.note}", soft_wrap=True)
    numbers, sizes = Counter[str](), Counter[str]()
    for tensor in found.file.tensors([name for name, told in found.told.items() if told.coding in SAID]):
        coding = found.told[tensor.name].coding
        numbers[coding] += 1
        sizes[coding] += tensor.bytes
    for coding, number in numbers.items():
        out.print(f"{count(number, 'tensor')} {SAID[coding]}, {count(sizes[coding], 'byte')}", soft_wrap=True)
    out.print(_summary(found, found.file.summary()), style="bold", soft_wrap=True)


def _rows(found: Encoded, names: list[str]) -> Iterator[Row]:
    return (_row(tensor, found.told[tensor.name]) for tensor in found.file.tensors(names))


def _row(tensor: TensorFacts, told: TensorReport) -> Row:
    """Return the cells of :data:`COLUMNS`."""
    return [
        clean(tensor.name),
        dims(tensor.shape),
        dims(tensor.view) if tensor.view else "",
        count(tensor.numbers) if tensor.kept else "",
        written(tensor),
        "" if told.energy is None else f"{100 * told.energy:.2f} %",
        _percent(told.error),
        count(tensor.bytes),
        bits(tensor.bits_per_parameter),
    ]


def _percent(share: float) -> str:
    """Format a share with two significant digits: ``0``, ``6e-06 %``, ``0.54 %``, ``95 %``."""
    return f"{100 * share:.0f} %" if share >= 0.1 else f"{100 * share:.2g} %" if share else "0"


def _summary(found: Encoded, file: FileFacts) -> str:
    before = found.input.bytes
    text = f"{clean(file.file)}: {count(file.bytes, 'byte')}, {compared(before / file.bytes, 'the input')}"
    if file.weights:
        text += f", {compared(file.ratio, 'dense f32')}"
    return f"{text}, in {found.seconds:.1f} s"
