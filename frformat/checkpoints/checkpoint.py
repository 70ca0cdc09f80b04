"""The common form of all checkpoint files: named tensors that are read one at a time, on request."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final, Literal

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
"""The possible results of reading a tensor."""

BLOCK: Final = 1 << 24
"""Number of bytes to compare at a time."""


@dataclass(frozen=True)
class Entry:
    """One tensor of a checkpoint that has not been read yet.

    Attributes:
        dtype: element type, a key of :data:`frformat.dtypes.DTYPES`.
        shape: its shape.
        load: reads the tensor as an array, a :class:`Sparse` tensor, a :class:`Spectrum` or a :class:`CodedTensor`.
        kind: what ``load`` returns: ``dense``, ``sparse``, ``spectrum`` or ``coded``.
        format: number format for which the coefficients were trained, or ``auto``.
        shared: whether an element shares memory with another one, of this tensor or of another. In the model, the two
            always have the same value, so the tensor must be stored exactly.
    """

    dtype: str
    shape: tuple[int, ...]
    load: Callable[[], Value]
    kind: Kind = "dense"
    format: str = "auto"
    shared: bool = False

    @property
    def elements(self) -> int:
        """The element count."""
        return element_count(self.shape)

    @property
    def nbytes(self) -> int:
        """Size of the dense tensor in bytes."""
        return self.elements * DTYPES[self.dtype].itemsize

    def array(self) -> Array:
        """Read the tensor as a dense little-endian array in C order, whatever its kind."""
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
    """The tensors of a file, as a mapping that can be passed directly to :func:`frformat.save_file`.

    Looking up a sparse tensor returns a dense array, because a checkpoint does not say whether the tensor is a
    spectrum. Use a checkpoint as a context manager: some formats keep their file open.

    Attributes:
        entries: every tensor by name.
        aliases: additional names for tensors, ``{name: target}`` (tied weights).
        metadata: the file's metadata, a flat map of strings.
        notes: remarks for the user on how the file was interpreted, one line each.
        size: size of the file in bytes.
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

    def __exit__(self, *error: object) -> None:
        self.close()

    def __getitem__(self, name: str) -> Array | Spectrum | CodedTensor:
        value = self.entries[name].load()
        return value.dense() if isinstance(value, Sparse) else value

    def __iter__(self) -> Iterator[str]:
        return iter(self.entries)

    def __len__(self) -> int:
        return len(self.entries)

    def without_metadata(self, kind: str) -> list[str]:
        """Return a note if there is metadata, for formats that cannot store it, such as ``.npz``."""
        return [f"metadata was left out: {kind} files have none"] if self.metadata else []

    def tied(self, ties: Mapping[str, str]) -> Checkpoint:
        """Return the checkpoint with more tied weights.

        Args:
            ties: the name of another tensor by name. Tensors that differ are not tied, since one of them may have been
                changed.
        """
        entries, aliases = dict(self.entries), dict(self.aliases)
        targets = set(aliases.values())
        for name, target in ties.items():
            known = name in entries and target in entries and name != target
            if known and name not in targets and _same(entries[name], entries[target]):
                del entries[name]
                aliases[name] = target
                targets.add(target)
        return replace(self, entries=entries, aliases=aliases)

    def untied(self) -> dict[str, Entry]:
        """Return every tensor under each of its names, for formats without tied weights."""
        return self.entries | {name: self.entries[target] for name, target in self.aliases.items()}


def _same(one: Entry, other: Entry) -> bool:
    """Return whether two tensors have the same type, shape and elements, bit for bit."""
    if (one.dtype, one.shape) != (other.dtype, other.shape):
        return False
    first, second = (each.array().reshape(-1).view(np.uint8) for each in (one, other))
    starts = range(0, len(first), BLOCK)
    return all(np.array_equal(first[start : start + BLOCK], second[start : start + BLOCK]) for start in starts)
