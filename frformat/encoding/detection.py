"""Detect which tensors of a checkpoint are not weights but spectra, as Frequency Regularization publishes them.

The file itself does not record this, and a wrong guess would ruin the network. The evidence must therefore be a pattern
that weights, even sparse ones, do not show: all matrices of the file are zero except for a zigzag prefix, in which
hardly any element is zero. If the evidence is weaker, the user has to pass ``--spectral``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np

from frformat.checkpoints import Entry
from frformat.dtypes import REAL_DTYPES
from frformat.format.tensor import CodedTensor
from frformat.spectral.sparse import Sparse, indices_at
from frformat.spectral.spectrum import Spectrum
from frformat.wording import count

SHARE: Final = 16
"""Together, the spectra of a file keep at most one in this many elements; each spectrum of rank 2 or more
keeps at most half of its elements."""

FILLED: Final = 7 / 8
"""Smallest share of nonzero elements in the prefix of a spectrum."""

LEAST: Final = 16
"""Smallest number of coefficients that counts as evidence; with fewer, the pattern can be chance."""


def is_matrix(entry: Entry) -> bool:
    """Return whether a tensor has float elements and rank 2 or more. By default, only such tensors are transformed."""
    return entry.dtype in REAL_DTYPES and len(entry.shape) >= 2


def is_sparse(entry: Entry) -> bool:
    """Return whether a tensor is a sparse tensor of floats, the form of published spectra."""
    return entry.kind == "sparse" and entry.dtype in REAL_DTYPES and len(entry.shape) >= 1


def spectra(entries: Mapping[str, Entry], said: bool | None) -> tuple[set[str], list[str]]:
    """Return the tensors that are treated as spectra, and notes for the user about the choice, one line each.

    Args:
        entries: all tensors of a checkpoint.
        said: whether matrices and sparse tensors are spectra; None looks for evidence. Spectra of ``.frz`` files are
            treated as spectra unless ``said`` is False.
    """
    if said is False:
        return set(), []
    given = {name for name, entry in entries.items() if entry.kind == "spectrum"}
    if said:
        return given | {name for name, entry in entries.items() if is_matrix(entry) or is_sparse(entry)}, []
    found, notes = detected_spectra(entries), []
    if found:
        reason = f"whose nonzero elements fill the first {max(found.values()):,} positions in zigzag order"
        what = f"treated as DCT spectra: {len(found)} of {count(len(entries), 'tensor')}, {reason}"
        notes.append(f"{what}; if they are weights, use --no-spectral")
    sparse = sum(is_sparse(entry) and name not in found for name, entry in entries.items())
    if sparse:
        what = f"treated as weights: {count(sparse, 'sparse tensor')} of {len(entries)}"
        notes.append(f"{what}; if they are DCT spectra, use --spectral")
    return given | found.keys(), notes


def detected_spectra(entries: Mapping[str, Entry]) -> dict[str, int]:
    """Return the tensors that are spectra, each with the length of the zigzag prefix of its nonzero elements.

    Either all matrices are spectra, or none are. Tensors that are all zero are no evidence either way, nor are those
    whose nonzero elements fill whole rows, as in an embedding. The first matrix that is not a spectrum ends the search;
    for dense weights, a nonzero last element is proof enough.
    """
    found = {}
    elements = told = 0
    for name, entry in entries.items():
        if entry.kind in ("spectrum", "coded") or not entry.elements or not (is_matrix(entry) or is_sparse(entry)):
            continue
        sparse = _sparse(entry)
        if sparse is None:
            return {}
        count, kept = len(sparse.places), sparse.kept()
        if count < FILLED * kept or (2 * kept > entry.elements and is_matrix(entry)):
            return {}
        if count:
            found[name] = kept
            elements += entry.elements
            told += 0 if _fills_slices(sparse) else count
    return found if SHARE * sum(found.values()) <= elements and told >= LEAST else {}


def _sparse(entry: Entry) -> Sparse | None:
    """Return a tensor as its nonzero elements; None if its last element, which is zero in spectra, is not zero."""
    value = entry.load()
    assert not isinstance(value, Spectrum | CodedTensor)
    if isinstance(value, Sparse):
        return value
    return None if value.flat[-1] != 0 else Sparse.of(value)  # the last element is also the last in zigzag order


def _fills_slices(sparse: Sparse) -> bool:
    """Return whether the elements form whole slices of the tensor along an axis, such as rows of a table."""
    indices = indices_at(sparse.places, sparse.shape)
    elements = int(np.prod(sparse.shape))
    return any(
        len(sparse.places) == len(np.unique(indices[:, axis])) * (elements // n) for axis, n in enumerate(sparse.shape)
    )
