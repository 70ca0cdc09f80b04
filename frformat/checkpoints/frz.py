"""The ``.frz`` format itself, as a checkpoint: to be decoded into another one, or encoded anew with other options."""

from __future__ import annotations

import os
from functools import partial

import frformat
from frformat import FrzFile
from frformat.checkpoints.checkpoint import Checkpoint, Entry
from frformat.format import limits
from frformat.format.tiers import without_figures

StrPath = str | os.PathLike[str]


def load(
    path: StrPath, *, tier: int | None = None, memory_budget: int = limits.MEMORY_BUDGET, spectral: bool = True
) -> Checkpoint:
    """List the tensors of the model that a file holds.

    Args:
        path: the file.
        tier: see :func:`frformat.open`.
        memory_budget: see :func:`frformat.open`.
        spectral: give tensors of coding ``dct`` as spectra, not as weights.

    Raises:
        FrzError: the file is not valid, or does not hold the tier.
    """
    return of(frformat.open(path, tier=tier, memory_budget=memory_budget), spectral=spectral)


def of(file: FrzFile, *, spectral: bool) -> Checkpoint:
    """An open file as a checkpoint, which closes it; ``spectral`` as for :func:`load`."""
    entries = {}
    for name in file.model:
        info = file.info(name)
        if info.alias_of is None:
            as_spectrum = spectral and info.coding == "dct"
            read = partial(file.spectrum if as_spectrum else file.__getitem__, name)
            entries[name] = Entry(info.dtype, info.shape, read, kind="spectrum" if as_spectrum else "dense")
    aliases = {name: target for name, target in file.aliases.items() if target in entries}
    notes = [f"one tier of {file.tiers} was read, and the file's figures of each were not"] if file.tiers > 1 else []
    return Checkpoint(entries, aliases, without_figures(file.metadata, file.tiers), notes, close=file.close)
