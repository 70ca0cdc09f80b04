"""Read ``.frz`` files as checkpoints, to convert them to another format or encode them with other options."""

from __future__ import annotations

import os
from functools import partial

import frformat
from frformat import CodedTensor, FrzError, FrzFile, Spectrum, TensorInfo
from frformat.checkpoints.checkpoint import Array, Checkpoint, Entry, Kind
from frformat.format import limits
from frformat.format.tiers import without_metrics

StrPath = str | os.PathLike[str]


def load(
    path: StrPath, *, tier: int | None = None, memory_budget: int = limits.MEMORY_BUDGET, spectral: bool = True
) -> Checkpoint:
    """List the tensors of a file. A delta file must be opened with its base and passed to :func:`of` instead.

    Args:
        path: the file.
        tier: see :func:`frformat.open`.
        memory_budget: see :func:`frformat.open`.
        spectral: return spectra as :class:`~frformat.Spectrum` objects, and other computed tensors as
            :class:`~frformat.CodedTensor` objects, instead of rebuilding them.

    Raises:
        FrzError: the file is not valid, the tier is not present, or (``BASE``) it is a delta file.
    """
    file = frformat.open(path, tier=tier, memory_budget=memory_budget)
    if file.container.directory.base is not None:
        file.close()
        reason = "this is a delta file: convert it with `frformat decode --base`, and pass the result"
        raise FrzError("BASE", reason, path=os.fspath(path))
    return of(file, spectral=spectral)


def of(file: FrzFile, *, spectral: bool) -> Checkpoint:
    """Turn an open file into a checkpoint that closes it; see :func:`load` for ``spectral``."""
    entries = {}
    aliases = file.aliases
    for name in file:
        if name not in aliases:
            info = file.info(name)
            kind = _kind(info) if spectral else "dense"
            entries[name] = Entry(info.dtype, info.shape, partial(_read, file, name, kind), kind)
    notes = [f"one of {file.tiers} tiers was read; the metrics of the tiers were dropped"] if file.tiers > 1 else []
    return Checkpoint(entries, aliases, without_metrics(file.metadata, file.tiers), notes, close=file.close)


def _read(file: FrzFile, name: str, kind: Kind) -> Array | Spectrum | CodedTensor:
    if kind == "spectrum":
        return file.spectrum(name)
    return file.stored(name) if kind == "coded" else file[name]


def _kind(info: TensorInfo) -> Kind:
    """Return the kind of entry with which a tensor can be copied to another file without loss."""
    if info.spectral:
        return "spectrum"
    return "dense" if info.plain and info.step is None else "coded"
