"""Coding ``dct``: the first coefficients of the tensor's DCT in zigzag order."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from frformat.errors import FrzError
from frformat.format import quantization
from frformat.format.directory import Group, Shape
from frformat.spectral import dct, zigzag


def spectral_shape(group: Group, index: int) -> Shape:
    """The shape in which the spectrum of tensor ``index`` is taken: its view, else its own."""
    view = group.views[index]
    return group.shapes[index] if view is None else view


def working_memory(group: Group, index: int, tier: int) -> Iterator[int]:
    """The coefficients and the listing of their indices; then, when that is afforded, the inverse transform."""
    k = group.kept[tier][index]
    shape = spectral_shape(group, index)
    yield k * (4 + 24 * len(shape))
    yield dct.working_memory(shape, zigzag.box(shape, k))


def coefficients(group: Group, index: int, stored: NDArray[Any]) -> NDArray[np.float32]:
    """The canonical coefficients of tensor ``index``: float32 array of shape (k,).

    Raises:
        FrzError: ``VALUE``.
    """
    try:
        return quantization.canonical(stored, group.steps[index] if group.steps else None)
    except FrzError as error:
        error.tensor = group.names[index]
        raise


def rebuild(group: Group, index: int, stored: NDArray[Any], out: NDArray[Any]) -> None:
    """Rebuild the weights from the stored values of all tiers to be used."""
    dct.inverse(coefficients(group, index, stored), spectral_shape(group, index), out)
