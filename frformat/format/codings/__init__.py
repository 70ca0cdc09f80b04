"""Codings: how one tensor becomes values to store, and comes back. One file and one registry entry each."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from numpy.typing import NDArray

from frformat.format.codings import dct, raw
from frformat.format.directory import Group


@dataclass(frozen=True)
class Coding:
    """How the tensors of a coding are read; how they are written is told by :mod:`frformat.format.grouping`.

    Attributes:
        working_memory: (group, index of the tensor in it, tier) → bytes that rebuilding it takes beside the output and
            the stored values, in parts: each is to be afforded before the next is found.
        rebuild: (group, index, values, out): turn the tensor's stored values, those of all tiers to be used one after
            the other, into ``out``, a C-contiguous array of its shape and dtype; all of it is written. Raises
            :class:`~frformat.errors.FrzError`, ``VALUE``.
    """

    working_memory: Callable[[Group, int, int], Iterator[int]]
    rebuild: Callable[[Group, int, NDArray[Any], NDArray[Any]], None]


CODINGS: Final = {
    "raw": Coding(raw.working_memory, raw.rebuild),
    "dct": Coding(dct.working_memory, dct.rebuild),
}
"""Codings by name, in the order of their ids."""
