"""A layer's weight as its factors: how the axes of its spectrum belong to the channels and the kernel."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, Literal

import numpy as np
import torch
from torch import Tensor, nn

from frformat.spectral import dct, zigzag

Side = Literal["into", "out"]
Sides = tuple[Side, ...]
"""Which bases stay factors; the core is multiplied by the others."""

Convolution = nn.Conv1d | nn.Conv2d | nn.Conv3d | nn.ConvTranspose1d | nn.ConvTranspose2d | nn.ConvTranspose3d
KINDS: Final[tuple[type[nn.Module], ...]] = (
    nn.Conv1d,
    nn.Conv2d,
    nn.Conv3d,
    nn.ConvTranspose1d,
    nn.ConvTranspose2d,
    nn.ConvTranspose3d,
    nn.Linear,
)
"""Layers that have factors; subclasses may do anything with their weights."""


@dataclass(frozen=True)
class Axes:
    """Which axes of a spectrum belong to the first axis of the weight, which to the second, and which to the rest.

    A view may split an axis of the weight into several, and the kernel's axes may be joined with the second.

    Attributes:
        lengths: the shape in which the spectrum is taken.
        first: number of axes that make up the weight's first axis.
        second: number of axes up to which they make up the second, or None if that is joined with the kernel.
    """

    lengths: tuple[int, ...]
    first: int
    second: int | None

    @classmethod
    def of(cls, shape: Sequence[int], view: Sequence[int] | None) -> Axes | None:
        """The axes of a weight (n0, n1, …kernel); None if its first axis is joined with others."""
        lengths = tuple(view or shape)
        ends = [math.prod(lengths[:i]) for i in range(len(lengths) + 1)]
        if shape[0] not in ends:
            return None
        first = ends.index(shape[0])
        both = shape[0] * shape[1]
        return cls(lengths, first, ends.index(both, first) if both in ends[first:] else None)


@dataclass(frozen=True)
class Factors:
    """The factors of a weight.

    Attributes:
        shape: of the weight.
        axes: the axes of its spectrum.
        kept: how many coefficients.
        box: the smallest corner that contains them.
        transposed: whether the weight's first axis is that of the channels that enter.
    """

    shape: tuple[int, ...]
    axes: Axes
    kept: int
    box: tuple[int, ...]
    transposed: bool

    def axes_of(self, side: Side) -> range:
        """The axes of the spectrum along channels."""
        if (side == "into") == self.transposed:
            return range(self.axes.first)
        return range(self.axes.first, self.axes.second or self.axes.first)

    def length(self, side: Side) -> int:
        """Extent of the weight along channels: those of all groups for its first axis, of one group for its second."""
        return self.shape[0 if (side == "into") == self.transposed else 1]

    def rank(self, side: Side) -> int:
        """How many coefficients stand for them."""
        return math.prod(self.box[axis] for axis in self.axes_of(side))

    def has(self, side: Side) -> bool:
        """Whether the axes along channels are apart from others and have fewer coefficients than channels."""
        apart = self.axes.second is not None or (side == "into") == self.transposed
        return apart and self.rank(side) < self.length(side)

    def basis(self, side: Side, like: Tensor) -> Tensor:
        """The basis along channels: (channels, rank)."""
        out = torch.ones(1, 1, dtype=torch.float64)
        for axis in self.axes_of(side):
            out = torch.kron(out, _basis(self.axes.lengths[axis], self.box[axis]))
        return out.to(like.device, like.dtype)

    def tables(self, sides: Sides, like: Tensor) -> list[Tensor]:
        """For :func:`frformat.torch.factorization.algebra.core`: the bases that the core is multiplied by."""
        left = {axis for side in sides for axis in self.axes_of(side)}
        tables = []
        for axis, (n, r) in enumerate(zip(self.axes.lengths, self.box, strict=True)):
            tables.append((torch.empty(0, r) if axis in left else _basis(n, r)).to(like.device, like.dtype))
        return tables

    def places(self) -> Tensor:
        """Where in the flat box each coefficient goes: int64 (k,)."""
        return _places(tuple(min(n, self.kept) for n in self.axes.lengths), self.kept, self.box)

    def building(self, sides: Sides) -> int:
        """Multiply-adds of making the core."""
        left = {axis for side in sides for axis in self.axes_of(side)}
        cost, after = 0, 1
        for axis in reversed(range(len(self.box))):
            n = self.box[axis] if axis in left else self.axes.lengths[axis]
            cost += 0 if axis in left else math.prod(self.box[: axis + 1]) * n * after
            after *= n
        return cost


@lru_cache(maxsize=64)
def _basis(n: int, r: int) -> Tensor:
    return torch.from_numpy(dct.basis(n, r))


@lru_cache(maxsize=64)
def _places(lengths: tuple[int, ...], kept: int, box: tuple[int, ...]) -> Tensor:
    """One tensor for all layers with such a box."""
    indices = zigzag.prefix(lengths, kept)
    return torch.from_numpy(np.ravel_multi_index(tuple(indices.T), box).astype(np.int64).reshape(-1))
