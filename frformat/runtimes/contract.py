"""Check that an ``.frz`` file contains what a skeleton needs. All runtimes use this for exporting and for loading."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from frformat.dtypes import DTYPES
from frformat.format.reader import FrzFile
from frformat.wording import listed

SHOWN: Final = 8
"""Maximum number of faults of each kind to list."""


@dataclass(frozen=True)
class Wanted:
    """A weight that a skeleton needs.

    Attributes:
        shape: shape of the tensor, or (k,) if coefficients are needed.
        dtype: element type, a key of :data:`frformat.dtypes.DTYPES`.
        form: what the coefficients represent if they are needed (see :meth:`frformat.TensorInfo.form`), or else ().
    """

    shape: tuple[int, ...]
    dtype: str
    form: tuple[int, ...] = ()


@dataclass(frozen=True)
class Contract:
    """Everything that a skeleton needs from a file.

    Attributes:
        wanted: weights by name. Tied weights are listed once.
        ties: additional names of weights, each with the corresponding name in ``wanted``.
        unused: names of the model that the skeleton does not need. A file may contain them.
    """

    wanted: Mapping[str, Wanted]
    ties: Mapping[str, str] = field(default_factory=dict)
    unused: Collection[str] = ()

    def sources(self, name: str, file: FrzFile) -> list[str]:
        """Return the names under which a file contains a needed weight, one for each copy that the file stores."""
        found: dict[str, str] = {}
        for each in self.names(name):
            if each in file:
                found.setdefault(file.info(each).alias_of or each, each)
        return list(found.values())

    def names(self, name: str) -> list[str]:
        """Return all names of a needed weight."""
        return [name, *(tie for tie, first in self.ties.items() if first == name)]

    def misfit(self, file: FrzFile) -> str:
        """Describe in one line how a file differs from what the skeleton needs; return an empty string if it fits."""
        sources = {name: self.sources(name, file) for name in self.wanted}
        known = {*self.wanted, *self.ties, *self.unused}
        faults = [
            _listed("missing from the file", [name for name, found in sources.items() if not found]),
            _listed("not in the model", [name for name in file if name not in known]),
            _listed(
                "",
                [
                    f"{each}: {fault}"
                    for name, found in sources.items()
                    for each in found
                    if (fault := _fault(self.wanted[name], file, each))
                ],
            ),
        ]
        return "; ".join(filter(None, faults))


def _listed(what: str, faults: list[str]) -> str:
    if not faults:
        return ""
    return f"{what}: {listed(faults, SHOWN)}".removeprefix(": ")


def _fault(wanted: Wanted, file: FrzFile, name: str) -> str:
    info = file.info(name)
    if wanted.form:
        form = info.form(file.tier)
        if not form:
            return f"the model needs the coefficients of {described(wanted.form)}, but none are stored; export again"
        if form != wanted.form:
            tier = form[: len(info.shape)] == wanted.form[: len(info.shape)]
            advice = "choose its tier, or export again" if tier else "export again"
            return f"{described(form)} in the file, {described(wanted.form)} in the model; {advice}"
        if info.spectral and (info.kept[file.tier],) != wanted.shape:
            kept = info.kept[file.tier]
            return f"{kept} coefficients in the file, {wanted.shape[0]} in the model; choose its tier, or export again"
        return ""
    if info.shape != wanted.shape:
        return f"shape {list(info.shape)} in the file, {list(wanted.shape)} in the model"
    if _kind(info.dtype) != _kind(wanted.dtype):
        return f"{info.dtype} in the file, {wanted.dtype} in the model"
    return ""


def _kind(dtype: str) -> str:
    """Return the kind of an element type. Elements are converted only to types of the same kind."""
    kind = DTYPES[dtype].kind
    return "integer" if kind in "biu" else "complex" if kind == "c" else "real"


def described(form: Sequence[int]) -> str:
    """Describe the form of coefficients; see :meth:`frformat.TensorInfo.form`."""
    if form[-1] > 0:
        return f"a spectrum of {list(form)}"
    half = len(form) // 2
    core = [-r or n for n, r in zip(form[:half], form[half:], strict=True)]
    return f"a core of {core} with factors for {list(form[:half])}"
