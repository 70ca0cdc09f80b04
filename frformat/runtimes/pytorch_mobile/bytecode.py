"""Determine what the bytecode of a lite-interpreter file requires of a runtime."""

from __future__ import annotations

import io
import pickle
from dataclasses import dataclass
from typing import Any

from frformat.runtimes.errors import ExportError
from frformat.runtimes.pytorch_mobile.archive import NATIVE, record


@dataclass(frozen=True)
class Bytecode:
    """The requirements in ``bytecode.pkl`` that differ between runtimes.

    Attributes:
        version: version of the bytecode.
        operators: for each operator, such as ``aten::add.Tensor``, the largest number of arguments passed to it; None
            if the file does not say.
        instructions: names of the virtual machine's instructions.
    """

    version: int
    operators: dict[str, int | None]
    instructions: frozenset[str]

    @classmethod
    def of(cls, data: bytes) -> Bytecode:
        """Parse the bytecode of a file that PyTorch wrote.

        Raises:
            ExportError: the bytecode has constants that are objects of a Python class, such as an enumeration, which
                lite interpreters cannot read.
        """
        version, *methods = _Plain(io.BytesIO(record(data, "bytecode.pkl"))).load()
        operators: dict[str, int | None] = {}
        instructions: set[str] = set()
        for _, body, *_ in methods:
            fields = dict(body)
            instructions |= {instruction[0] for instruction in fields["instructions"]}
            for base, overload, *given in fields["operators"]:
                name = f"{base}.{overload}" if overload else base
                operators[name] = max(given[0], operators.get(name) or 0) if given else None
        return cls(version, operators, frozenset(instructions))


class _Plain(pickle.Unpickler):
    """Reads tuples, numbers and strings; skips constant tensors."""

    def find_class(self, module: str, name: str) -> Any:
        where = f"{module}.{name}"
        if where.startswith("__torch__.") and not where.startswith(NATIVE):
            raise ExportError(f"it computes with values of class {where.removeprefix('__torch__.')}")
        return lambda *arguments: None

    def persistent_load(self, pid: Any) -> None:
        return None
