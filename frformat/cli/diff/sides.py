"""One of the two files to compare: a common view of ``.frz`` files and other checkpoints."""

from __future__ import annotations

import sys
from abc import ABC, abstractmethod
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from frformat.cli.files import Opening, open_frz
from frformat.errors import EncodeError, FrzError
from frformat.format.info import TensorInfo
from frformat.format.tensor import CodedTensor
from frformat.spectral.sparse import Sparse
from frformat.spectral.spectrum import Spectrum

if TYPE_CHECKING:
    from frformat.checkpoints import Checkpoint
    from frformat.checkpoints.reading import File

Array = NDArray[Any]


@dataclass(frozen=True)
class Stored:
    """The form in which an ``.frz`` file stores a tensor, in the terms of the listing.

    Attributes:
        bases: bases of the axes, or None for elements.
        kept: number of core entries, or None for all of them.
        dtype: type of the tensor.
        format: number format that differs from the dtype, or None.
        step: step of integers, or None.
        offsets: axes whose slices have their own steps, or None.
        view: shape that the core refers to; None means the tensor's own.
        coder: coder of its group.
    """

    bases: tuple[str, ...] | None
    kept: int | None
    dtype: str
    format: str | None
    step: float | None
    offsets: tuple[int, ...] | None
    view: tuple[int, ...] | None
    coder: str


@dataclass(frozen=True)
class Kind:
    """The properties of a tensor that are known before it is read.

    Attributes:
        dtype: element type, a key of :data:`frformat.dtypes.DTYPES`.
        shape: shape.
        nbytes: size of the tensor in bytes.
        stored: how an ``.frz`` file stores it; None for other files.
    """

    dtype: str
    shape: tuple[int, ...]
    nbytes: int
    stored: Stored | None


class Side(AbstractContextManager["Side"], ABC):
    """A file whose tensors are read one at a time.

    Attributes:
        path: the file.
        size: its size in bytes.
        metadata: its metadata, a flat map of strings.
        notes: remarks for the user on how the file was interpreted, one line each.
        kinds: its tensors by name, tied ones under each of their names.
    """

    path: str
    size: int
    metadata: dict[str, str]
    notes: list[str]
    kinds: dict[str, Kind]

    @abstractmethod
    def spectrum(self, name: str) -> Spectrum | None:
        """Return the spectrum of a tensor that is stored as a spectrum; None for any other tensor."""

    @abstractmethod
    def array(self, name: str) -> Array:
        """Return the tensor."""


def open_side(
    path: str,
    memory_budget: int,
    entry: str | None = None,
    spectral: bool | None = None,
    base: str | None = None,
) -> Side:
    """Open an ``.frz`` file or any checkpoint that can be encoded; ``-`` is standard input.

    Args:
        path: the file.
        memory_budget: bytes that a tensor may take.
        entry: the state dict to use if a PyTorch file contains several.
        spectral: whether matrices of files other than ``.frz`` are spectra; None detects it and adds a note.
        base: the base of an ``.frz`` file that is a delta file.

    Raises:
        FrzError: an ``.frz`` file is not valid, or its base is missing or is a different file.
        EncodeError: a file in any other format is damaged, or its format is unknown.
        OSError: a file cannot be read.
    """
    from frformat import checkpoints
    from frformat.checkpoints.reading import on_disk

    file = on_disk(sys.stdin.buffer if path == "-" else path, path)
    if path.endswith(".frz") or checkpoints.kind_of(file.path, path) == "frz":
        return _FrzSide(file, memory_budget, base)
    return _CheckpointSide(file, memory_budget, entry, spectral)


class _FrzSide(Side):
    def __init__(self, given: File, memory_budget: int, base: str | None) -> None:
        self._given = given
        self._file = open_frz(given.path, Opening(base, memory_budget=memory_budget), given.name)
        self.path = given.name
        self.size = self._file.container.size
        self.metadata = self._file.metadata
        tiers, present = self._file.tiers, self._file.tiers_present
        self.notes = [] if tiers == 1 else [f"{tiers} tiers, {present} present; the last one present is compared"]
        infos = map(self._file.info, self._file)
        self.kinds = {
            info.name: Kind(info.dtype, info.shape, info.nbytes, _stored(info, self._file.tier)) for info in infos
        }

    def __exit__(self, *error: object) -> None:
        self._file.close()
        self._given.close()

    def spectrum(self, name: str) -> Spectrum | None:
        return self._file.spectrum(name) if self._file.info(name).spectral else None

    def array(self, name: str) -> Array:
        return self._file[name]


class _CheckpointSide(Side):
    def __init__(self, given: File, memory_budget: int, entry: str | None, spectral: bool | None) -> None:
        from frformat import checkpoints
        from frformat.encoding import detection

        self._given = given
        entry = entry if checkpoints.kind_of(given.path) in ("pt", "sharded") else None
        self._checkpoint: Checkpoint = checkpoints.load(given.path, entry=entry, name=given.name, part=True)
        self._budget = memory_budget
        self.path = given.name
        self.size = self._checkpoint.size
        self.metadata = self._checkpoint.metadata
        self._entries = self._checkpoint.untied()
        self._spectra, notes = detection.spectra(self._entries, spectral)
        self.notes = [*self._checkpoint.notes, *notes]
        self.kinds = {name: Kind(e.dtype, e.shape, e.nbytes, None) for name, e in self._entries.items()}

    def __exit__(self, *error: object) -> None:
        self._checkpoint.close()
        self._given.close()

    def spectrum(self, name: str) -> Spectrum | None:
        if name not in self._spectra:
            return None
        value = self._entries[name].load()
        if isinstance(value, Spectrum):
            return value
        if isinstance(value, CodedTensor):
            value = value.rebuild()
        try:
            return (value if isinstance(value, Sparse) else Sparse.of(value)).spectrum()
        except EncodeError as error:
            raise EncodeError(f"{self.path}: tensor {name!r}: {error}") from error

    def array(self, name: str) -> Array:
        nbytes = self.kinds[name].nbytes
        if nbytes > self._budget:
            reason = (
                f"this needs {nbytes:,} bytes, but the memory budget is {self._budget:,}; "
                "raise it if you trust the file"
            )
            raise FrzError("BUDGET", reason, path=self.path, tensor=name)
        spectrum = self.spectrum(name)
        if spectrum is not None:
            return spectrum.weights()
        return self._entries[name].array()


def _stored(info: TensorInfo, tier: int) -> Stored:
    return Stored(
        bases=None if info.plain else info.bases,
        kept=info.numbers(tier) if info.kept or info.corners else None,
        dtype=info.dtype,
        format=info.format,
        step=info.step,
        offsets=info.offsets or None,
        view=info.view,
        coder=info.coder,
    )
