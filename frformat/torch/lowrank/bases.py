"""The tables of a spectrum, computed once and shared: its bases, and the positions of its coefficients in their box."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Final
from weakref import WeakValueDictionary

import numpy as np
import torch
from torch import Tensor

from frformat.spectral import dct, zigzag

SMALL: Final = 1 << 16
"""Largest number of elements of a basis that is cached for other layers."""

_PLACES: Final[WeakValueDictionary[tuple[object, ...], Tensor]] = WeakValueDictionary()


def cosines(n: int, r: int) -> Tensor:
    """Return the first ``r`` orthonormal DCT-II basis functions of length ``n``: float64 (n, r), not to be modified."""
    return _small(n, r) if n * r <= SMALL else _made(n, r)


def joint(lengths: Sequence[int], ranks: Sequence[int]) -> Tensor:
    """Return the basis of several axes treated as one: float64 (Π lengths, Π ranks)."""
    table = torch.ones(1, 1, dtype=torch.float64, device="cpu")
    for n, r in zip(lengths, ranks, strict=True):
        table = torch.kron(table, cosines(n, r))
    return table


def places(lengths: Sequence[int], kept: int, strides: Sequence[int]) -> Tensor:
    """Return the positions of the first ``kept`` coefficients in a flat box: int64 (kept,), not to be modified.

    All spectra with the same positions share one tensor as long as any of them is in use.

    Args:
        lengths: shape in which the spectrum is taken.
        kept: number of coefficients.
        strides: strides of the box's axes.
    """
    lengths = tuple(min(n, kept) for n in lengths)  # a longer axis makes no difference
    key = (lengths, kept, tuple(strides))
    found = _PLACES.get(key)
    if found is None:
        flat = zigzag.prefix(lengths, kept) @ np.array(strides, np.int64)
        with torch.inference_mode(False):  # otherwise training could not share it
            found = _PLACES[key] = torch.from_numpy(flat)
    return found


@lru_cache(maxsize=64)
def _small(n: int, r: int) -> Tensor:
    return _made(n, r)


def _made(n: int, r: int) -> Tensor:
    with torch.inference_mode(False):
        return torch.from_numpy(dct.basis(n, r))
