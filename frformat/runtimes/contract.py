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

    def source(self, name: str, file: FrzFile) -> str | None:
        """Return the name under which a file contains a needed weight, or None if the file does not contain it."""
        return next((each for each in self.names(name) if each in file), None)

    def names(self, name: str) -> list[str]:
        """Return all names of a needed weight."""
        return [name, *(tie for tie, first in self.ties.items() if first == name)]

    def misfit(self, file: FrzFile) -> str:
        """Describe in one line how a file differs from what the skeleton needs; return an empty string if it fits."""
        sources = {name: self.source(name, file) for name in self.wanted}
        known = {*self.wanted, *self.ties, *self.unused}
        faults = [
            _listed("missing from the file", [name for name, source in sources.items() if source is None]),
            _listed("not in the model", [name for name in file if name not in known]),
            _listed(
                "",
                [
                    f"{each}: {fault}"
                    for name, source in sources.items()
                    for each in self.names(name)
                    if each == source or (each in file and each not in file.aliases)
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
    if info.dtype != wanted.dtype and _is_real(info.dtype) != _is_real(wanted.dtype):
        return f"{info.dtype} in the file, {wanted.dtype} in the model"
    return ""


def _is_real(dtype: str) -> bool:
    return DTYPES[dtype].kind not in "biu"


def described(form: Sequence[int]) -> str:
    """Describe the form of coefficients; see :meth:`frformat.TensorInfo.form`."""
    if form[-1] > 0:
        return f"a spectrum of {list(form)}"
    half = len(form) // 2
    core = [-r or n for n, r in zip(form[:half], form[half:], strict=True)]
    return f"a core of {core} with factors for {list(form[:half])}"
