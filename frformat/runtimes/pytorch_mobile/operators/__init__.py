"""The capabilities of phone runtimes, as tables of operators and instructions with one text file per release.

:mod:`frformat.runtimes.pytorch_mobile.operators.derive` generates the tables from the published Android packages.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Final

from frformat.runtimes.errors import ExportError
from frformat.runtimes.pytorch_mobile.bytecode import Bytecode

RUNTIMES: Final = {"1.12": "1.12.2.txt"}
"""Tables of the supported releases, oldest first. Later releases run everything that earlier ones do."""


@dataclass(frozen=True)
class Runtime:
    """A release of the lite interpreter.

    Attributes:
        name: its version number.
        bytecode: the oldest and the newest bytecode version that the release reads.
        instructions: names of the instructions of its virtual machine.
        operators: the minimum and the maximum number of arguments of each operator, such as ``aten::add.Tensor``.
    """

    name: str
    bytecode: tuple[int, int]
    instructions: frozenset[str]
    operators: dict[str, tuple[int, int]]

    @classmethod
    @cache
    def of(cls, name: str) -> Runtime:
        """Return the release with this version number.

        Raises:
            ExportError: the version number is not among :data:`RUNTIMES`.
        """
        if name not in RUNTIMES:
            raise ExportError(f"there is no table for runtime {name!r}, only for {', '.join(RUNTIMES)}")
        lines = (resources.files(__name__) / RUNTIMES[name]).read_text("utf-8").splitlines()
        (_, low, high), (_, *instructions) = (line.split() for line in lines[1:3])
        operators = {}
        for line in lines[3:]:
            base, *overloads = line.split(" ")
            for overload, _, counts in (text.partition("/") for text in overloads):
                least, _, most = counts.partition("-")
                operators[f"{base}.{overload}" if overload else base] = int(least), int(most or least)
        return cls(RUNTIMES[name].removesuffix(".txt"), (int(low), int(high)), frozenset(instructions), operators)

    def obstacles(self, code: Bytecode) -> Iterator[tuple[str, str]]:
        """Yield what bytecode requires but this release lacks: the operator or instruction, and a description."""
        for operator, given in sorted(code.operators.items()):
            if operator not in self.operators:
                yield operator, "does not exist there"
                continue
            least, most = self.operators[operator]
            if given is not None and not least <= given <= most:
                takes = f"{most}" if least == most else f"{least} to {most}"
                yield operator, f"takes {takes} arguments there, not {given}"
        for instruction in sorted(code.instructions - self.instructions):
            yield instruction, "is not an instruction there"
