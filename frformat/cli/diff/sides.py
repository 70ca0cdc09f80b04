"""One of the two files to compare: an ``.frz`` file or another checkpoint, seen in the same way."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from frformat.cli.files import open_frz
from frformat.errors import FrzError
from frformat.format.container import MAGIC
from frformat.format.info import TensorInfo
from frformat.format.reader import FrzFile
from frformat.format.tensor import CodedTensor
from frformat.spectral.spectrum import Spectrum

if TYPE_CHECKING:
    from frformat.checkpoints import Checkpoint

Array = NDArray[Any]


@dataclass(frozen=True)
class Kind:
    """What is known of a tensor before it is read.

    Attributes:
        dtype: element type, a key of :data:`frformat.dtypes.DTYPES`.
        shape: shape.
        nbytes: bytes of the tensor itself.
        stored: how an ``.frz`` file stores it, by the names that the listing has for it; empty for other files.
    """

    dtype: str
    shape: tuple[int, ...]
    nbytes: int
    stored: dict[str, Any]


class Side(AbstractContextManager["Side"], ABC):
    """A file whose tensors are read one at a time.

    Attributes:
        path: the file.
        size: its bytes.
        metadata: its flat text.
        notes: what a user should know of how the file was understood, one line each.
        kinds: its tensors by name, tied ones under each of their names.
    """

    path: str
    size: int
    metadata: dict[str, str]
    notes: list[str]
    kinds: dict[str, Kind]

    @abstractmethod
    def spectrum(self, name: str) -> Spectrum | None:
        """The spectrum of a tensor that is stored as one, else None."""

    @abstractmethod
    def array(self, name: str) -> Array:
        """The tensor itself."""


def open_side(path: str, memory_budget: int) -> Side:
    """Open an ``.frz`` file, ``-`` for one on standard input, or any checkpoint that can be encoded.

    Raises:
        FrzError: an ``.frz`` file is not valid.
        EncodeError: another file is of no known kind, or damaged.
        OSError: it cannot be read.
    """
    if path == "-" or path.endswith(".frz"):
        return _FrzSide(path, memory_budget)
    with open(path, "rb") as file:
        is_frz = file.read(len(MAGIC)) == MAGIC
    return _FrzSide(path, memory_budget) if is_frz else _CheckpointSide(path, memory_budget)


class _FrzSide(Side):
    def __init__(self, path: str, memory_budget: int) -> None:
        self._file: FrzFile = open_frz(path, memory_budget=memory_budget)
        self.path = path
        self.size = self._file.container.size
        self.metadata = self._file.metadata
        self.notes = []
        infos = map(self._file.info, self._file)
        self.kinds = {
            info.name: Kind(info.dtype, info.shape, info.nbytes, _stored(info, self._file.tier)) for info in infos
        }

    def __exit__(self, *error: object) -> None:
        self._file.close()

    def spectrum(self, name: str) -> Spectrum | None:
        return self._file.spectrum(name) if self._file.info(name).spectral else None

    def array(self, name: str) -> Array:
        return self._file[name]


class _CheckpointSide(Side):
    def __init__(self, path: str, memory_budget: int) -> None:
        from frformat import checkpoints

        self._checkpoint: Checkpoint = checkpoints.load(path)
        self._budget = memory_budget
        self.path = path
        self.size = os.path.getsize(path)
        self.metadata = self._checkpoint.metadata
        self.notes = self._checkpoint.notes
        self._entries = self._checkpoint.untied()
        self.kinds = {name: Kind(e.dtype, e.shape, e.nbytes, {}) for name, e in self._entries.items()}

    def __exit__(self, *error: object) -> None:
        self._checkpoint.close()

    def spectrum(self, name: str) -> Spectrum | None:
        value = self._value(name)
        return value if isinstance(value, Spectrum) else None

    def array(self, name: str) -> Array:
        nbytes = self.kinds[name].nbytes
        if nbytes > self._budget:
            reason = (
                f"this needs {nbytes:,} bytes, the memory budget is {self._budget:,}; raise it if you trust the file"
            )
            raise FrzError("BUDGET", reason, path=self.path, tensor=name)
        value = self._value(name)
        if isinstance(value, CodedTensor):
            return value.rebuild()
        return value.weights() if isinstance(value, Spectrum) else value

    def _value(self, name: str) -> Array | Spectrum | CodedTensor:
        return self._checkpoint[self._checkpoint.aliases.get(name, name)]


def _stored(info: TensorInfo, tier: int) -> dict[str, Any]:
    return {
        "bases": None if info.plain else info.bases,
        "kept": info.numbers(tier) if info.kept or info.corners else None,
        "dtype": info.dtype,
        "format": info.format,
        "step": info.step,
        "offsets": info.offsets or None,
        "view": info.view,
        "coder": info.coder,
    }
