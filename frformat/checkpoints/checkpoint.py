"""What all checkpoint files have in common: named tensors that are read one at a time, when they are asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from frformat.dtypes import DTYPES
from frformat.format.tensor import CodedTensor
from frformat.spectral.sparse import Sparse
from frformat.spectral.spectrum import Spectrum
from frformat.spectral.zigzag import element_count

Array = NDArray[Any]
Kind = Literal["dense", "sparse", "spectrum", "coded"]

Value = Array | Sparse | Spectrum | CodedTensor
"""What reading a tensor gives."""


@dataclass(frozen=True)
class Entry:
    """One tensor of a checkpoint, not read yet.

    Attributes:
        dtype: element type, a key of :data:`frformat.dtypes.DTYPES`.
        shape: shape.
        load: reads it: an array, a :class:`Sparse` tensor, the :class:`Spectrum` of one, or a :class:`CodedTensor`.
        kind: what ``load`` gives: ``dense``, ``sparse``, ``spectrum`` or ``coded``.
        format: number format that coefficients were trained for; ``auto`` if there is none.
    """

    dtype: str
    shape: tuple[int, ...]
    load: Callable[[], Value]
    kind: Kind = "dense"
    format: str = "auto"

    @property
    def elements(self) -> int:
        """The element count."""
        return element_count(self.shape)

    @property
    def nbytes(self) -> int:
        """Bytes of the dense tensor."""
        return self.elements * DTYPES[self.dtype].itemsize

    def array(self) -> Array:
        """The tensor itself: little-endian array in C order, also of one that is sparse, a spectrum or coded."""
        value = self.load()
        if isinstance(value, Sparse):
            value = value.dense()
        elif isinstance(value, Spectrum):
            value = value.weights()
        elif isinstance(value, CodedTensor):
            value = value.rebuild()
        return np.asarray(value, DTYPES[self.dtype], order="C")


@dataclass(frozen=True)
class Checkpoint(Mapping[str, Array | Spectrum | CodedTensor]):
    """The tensors of a file. As a mapping it can be given to :func:`frformat.save_file` as it is.

    Looking a sparse tensor up gives the dense one, since nothing says that it is a spectrum. Use it as a context
    manager, since some kinds keep their file open.

    Attributes:
        entries: every tensor by name.
        aliases: further names for tensors, ``{name: target}`` (tied weights).
        metadata: flat text of the file.
        notes: what a user should know of how the file was understood, one line each.
        size: bytes of the file.
        close: closes the file.
    """

    entries: dict[str, Entry]
    aliases: dict[str, str] = field(default_factory=dict)
    metadata: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    size: int = 0
    close: Callable[[], None] = lambda: None

    def __enter__(self) -> Checkpoint:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __getitem__(self, name: str) -> Array | Spectrum | CodedTensor:
        value = self.entries[name].load()
        return value.dense() if isinstance(value, Sparse) else value

    def __iter__(self) -> Iterator[str]:
        return iter(self.entries)

    def __len__(self) -> int:
        return len(self.entries)

    def untied(self) -> dict[str, Entry]:
        """Every tensor under each of its names, for formats that know no tied weights."""
        return self.entries | {name: self.entries[target] for name, target in self.aliases.items()}
