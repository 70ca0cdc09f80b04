"""Which dense tensors of a checkpoint are spectra already."""

from __future__ import annotations

from collections.abc import Mapping

from frformat.checkpoints import Entry
from frformat.dtypes import REAL_DTYPES
from frformat.spectral.sparse import Sparse

SHARE = 16
"""Spectra are detected if together they keep at most a sixteenth of their elements."""


def is_matrix(entry: Entry) -> bool:
    """Whether a tensor is the kind that is transformed unless a rule says otherwise: floats of rank 2 or more."""
    return entry.dtype in REAL_DTYPES and len(entry.shape) >= 2


def dense_spectra(entries: Mapping[str, Entry]) -> dict[str, int]:
    """The dense tensors that are spectra, each with the length of the zigzag prefix that holds its non-zero elements.

    Weights are hardly ever zero exactly where a spectrum is, but a mistake would ruin them; so either all matrices are
    spectra or none is. Each must be zero beyond a prefix of at most half its elements, half of which are not zero, and
    all together beyond a sixteenth. Tensors of nothing but zeros tell nothing. The first matrix that is none ends the
    search; for weights that takes a look at one element.
    """
    found = {}
    elements = 0
    for name, entry in entries.items():
        if not (is_matrix(entry) and entry.kind == "dense" and entry.elements):
            continue
        array = entry.array()
        if array.flat[-1] != 0:  # the last in zigzag order, too
            return {}
        sparse = Sparse.of(array)
        kept = sparse.kept()
        if 2 * kept > entry.elements or kept > 2 * len(sparse.places):
            return {}
        if kept:
            found[name] = kept
            elements += entry.elements
    return found if SHARE * sum(found.values()) <= elements else {}
