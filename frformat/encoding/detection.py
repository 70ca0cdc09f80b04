"""Which tensors of a checkpoint are spectra, not weights, as Frequency Regularization publishes them.

Nothing in such a file says so, and a mistake would ruin a network. So the evidence must be one that weights do not
give, sparse ones included: all matrices of the file are zero but for the start of their zigzag order, and there hardly
any element is zero. Where it is weaker, ``--spectral`` has to say so.
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

SHARE: Final = 16
"""Spectra together keep at most a sixteenth of their elements, and each at most half of them."""

FILLED: Final = 7 / 8
"""Of the places up to its last coefficient, so many of a spectrum are not zero."""

LEAST: Final = 16
"""So many coefficients are evidence; fewer may be chance."""


def is_matrix(entry: Entry) -> bool:
    """Whether a tensor is the kind that is transformed unless a rule says otherwise: floats of rank 2 or more."""
    return entry.dtype in REAL_DTYPES and len(entry.shape) >= 2


def is_sparse(entry: Entry) -> bool:
    """Whether a tensor is a sparse one of floats, as the spectra that are published are."""
    return entry.kind == "sparse" and entry.dtype in REAL_DTYPES and len(entry.shape) >= 1


def spectra(entries: Mapping[str, Entry], said: bool | None) -> tuple[set[str], list[str]]:
    """The tensors that are taken for spectra, and what a user should know of the choice, one line each.

    Args:
        entries: all tensors of a checkpoint.
        said: True for matrices and sparse tensors, False for none; None to look for evidence. Spectra of ``.frz`` files
            are spectra unless this is False.
    """
    if said is False:
        return set(), []
    given = {name for name, entry in entries.items() if entry.kind == "spectrum"}
    if said:
        return given | {name for name, entry in entries.items() if is_matrix(entry) or is_sparse(entry)}, []
    found, notes = detected_spectra(entries), []
    if found:
        reason = f"all that is not zero in them fills the first {max(found.values()):,} places of the zigzag order"
        what = f"taken for DCT spectra, since {reason}: {len(found)} of {len(entries)} tensors"
        notes.append(f"{what}; if they are weights, say --no-spectral")
    sparse = sum(is_sparse(entry) and name not in found for name, entry in entries.items())
    if sparse:
        what = f"sparse, and taken for weights: {sparse} of {len(entries)} tensors"
        notes.append(f"{what}; if they are DCT spectra, say --spectral")
    return given | found.keys(), notes


def detected_spectra(entries: Mapping[str, Entry]) -> dict[str, int]:
    """The tensors that are spectra, each with the length of the zigzag prefix that holds its non-zero elements.

    Either all matrices are spectra or none is. Tensors of nothing but zeros tell nothing, nor do those whose non-zero
    elements fill whole rows, as those of an embedding may. The first matrix that is no spectrum ends the search; for
    dense weights that takes a look at one element.
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
    """A tensor by its non-zero elements; None if its last element, which spectra have as zero, is not."""
    value = entry.load()
    assert not isinstance(value, Spectrum | CodedTensor)
    if isinstance(value, Sparse):
        return value
    return None if value.flat[-1] != 0 else Sparse.of(value)  # the last in zigzag order, too


def _fills_slices(sparse: Sparse) -> bool:
    """Whether the elements are whole slices of the tensor along an axis, such as rows of a table."""
    indices = indices_at(sparse.places, sparse.shape)
    elements = int(np.prod(sparse.shape))
    return any(
        len(sparse.places) == len(np.unique(indices[:, axis])) * (elements // n) for axis, n in enumerate(sparse.shape)
    )
