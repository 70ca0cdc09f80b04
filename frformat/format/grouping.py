"""Grouping: tensors become values to store, gathered with the tensors that are alike."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from frformat.dtypes import DTYPES, FORMATS, dtype_name
from frformat.errors import EncodeError
from frformat.format import quantization
from frformat.format.directory import Group
from frformat.spectral.spectrum import Spectrum

Array = NDArray[Any]


@dataclass(frozen=True)
class Pending:
    """One or more tensors on the way to a group.

    Attributes:
        group: the group, but for its coder and sizes.
        runs: for each tier the values of each tensor.
    """

    group: Group
    runs: list[list[Array]]

    @property
    def count(self) -> int:
        """How many values there are in all tiers."""
        return sum(len(run) for tier in self.runs for run in tier)

    @property
    def nbytes(self) -> int:
        """Bytes of the values."""
        return self.count * self.group.value_bytes


def pending(name: str, tensor: Array | Spectrum, wanted: str, cuts: Sequence[int | float]) -> Pending:
    """One tensor as values to store.

    Args:
        name: its name.
        tensor: array (``raw``) or spectrum (``dct``).
        wanted: number format of a spectrum.
        cuts: what the tiers before the last keep of a spectrum.

    Raises:
        EncodeError: dtype or number format do not fit.
    """
    if not isinstance(tensor, Spectrum):
        tensor = np.asarray(tensor)
        dtype = dtype_name(tensor.dtype)
        # C order and little-endian, without a copy where it is so already.
        array = np.asarray(tensor, DTYPES[dtype], order="C")
        if dtype == "bool" and array.size and array.view(np.uint8).max() > 1:
            raise EncodeError("an element of a bool tensor is neither 0 nor 1")
        return Pending(Group("raw", dtype, (name,), (array.shape,), "none", ()), [[array.reshape(-1)]])
    fmt, steps, stored = quantization.quantized(tensor.coefficients, wanted)
    kept = kept_per_tier(tensor.kept, cuts)
    group = Group(
        "dct",
        tensor.dtype,
        (name,),
        (tensor.shape,),
        "none",
        (),
        format=fmt,
        kept=tuple((k,) for k in kept),
        steps=steps,
        views=(tensor.view,),
    )
    return Pending(group, [[stored[start:end]] for start, end in zip([0, *kept[:-1]], kept, strict=True)])


def likeness(group: Group) -> tuple[str, ...]:
    """What tensors must have in common to share a group; integer formats widen to fit."""
    return group.coding, group.dtype, "integer" if group.steps else group.format


def gather(parts: Sequence[Pending]) -> Pending:
    """One group of tensors that are alike, in order."""
    if len(parts) == 1:
        return parts[0]
    groups = [part.group for part in parts]
    fmt = max((group.format for group in groups), key=lambda f: list(FORMATS).index(f) if f else -1)
    tiers = range(len(parts[0].runs))
    runs = [[run for part in parts for run in part.runs[tier]] for tier in tiers]
    group = replace(
        groups[0],
        names=tuple(name for group in groups for name in group.names),
        shapes=tuple(shape for group in groups for shape in group.shapes),
        format=fmt,
        kept=tuple(tuple(k for group in groups for k in group.kept[tier]) for tier in range(len(groups[0].kept))),
        steps=tuple(code for group in groups for code in group.steps),
        views=tuple(view for group in groups for view in group.views),
    )
    return Pending(group, [[run.astype(DTYPES[fmt or group.dtype], copy=False) for run in tier] for tier in runs])


def kept_per_tier(k: int, cuts: Sequence[int | float]) -> list[int]:
    """What each tier keeps of ``k`` coefficients: never less than the one before, all of them in the last.

    Args:
        k: how many there are.
        cuts: of each tier but the last: a number of coefficients, or a share below 1.
    """
    kept = [0]
    for cut in cuts:
        kept.append(max(kept[-1], min(cut, k) if isinstance(cut, int) else math.ceil(cut * k)))
    return [*kept[1:], k]
