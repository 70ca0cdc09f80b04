"""A layer's weight as its factors: how the axes of its spectrum belong to the channels and the kernel."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Literal

import torch
from torch import Tensor, nn

from frformat.spectral import zigzag
from frformat.torch.lowrank import bases

Mode = Literal["into", "out"]
"""The channels that enter a layer, or those that leave it."""

Modes = tuple[Mode, ...]
"""Along which the bases stay factors; the core is multiplied by the others."""

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
        """Return the axes of a weight (n0, n1, …kernel); None if its first axis is joined with others."""
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

    @classmethod
    def of(cls, shape: Sequence[int], axes: Axes, kept: int, transposed: bool) -> Factors:
        """Return the factors of a weight whose spectrum has these axes and as many coefficients."""
        return cls(tuple(shape), axes, kept, zigzag.box(axes.lengths, kept), transposed)

    def axes_of(self, mode: Mode) -> range:
        """Return the axes of the spectrum along channels."""
        if (mode == "into") == self.transposed:
            return range(self.axes.first)
        return range(self.axes.first, self.axes.second or self.axes.first)

    def length(self, mode: Mode) -> int:
        """Return extent of the weight along channels: those of all groups for its first axis, of one group for its second."""
        return self.shape[0 if (mode == "into") == self.transposed else 1]

    def rank(self, mode: Mode) -> int:
        """Return how many coefficients stand for them."""
        return math.prod([self.box[axis] for axis in self.axes_of(mode)])  # no generator, for torch.compile

    def has(self, mode: Mode) -> bool:
        """Return whether the axes along channels are apart from others and have fewer coefficients than channels."""
        apart = self.axes.second is not None or (mode == "into") == self.transposed
        return apart and self.rank(mode) < self.length(mode)

    def basis(self, mode: Mode, like: Tensor) -> Tensor:
        """Return the basis along channels: (channels, rank)."""
        axes = self.axes_of(mode)
        table = bases.joint([self.axes.lengths[axis] for axis in axes], [self.box[axis] for axis in axes])
        return table.to(like.device, like.dtype)

    def tables(self, modes: Modes, like: Tensor) -> list[Tensor]:
        """Return the bases that the core is multiplied by, for :func:`~frformat.torch.lowrank.algebra.expand`."""
        left, axes = self._left(modes), enumerate(self._axes())
        tables = [torch.empty(0, r) if axis in left else bases.cosines(n, r) for axis, (n, r) in axes]
        return [table.to(like.device, like.dtype) for table in tables]

    def places(self) -> Tensor:
        """Return where in the flat box each coefficient goes: int64 (k,)."""
        strides = [math.prod(self.box[axis + 1 :]) for axis in range(len(self.box))]
        return bases.places(self.axes.lengths, self.kept, strides)

    def elements(self, mode: Mode) -> int:
        """Return elements of the basis along channels."""
        return self.length(mode) * self.rank(mode)

    def building(self, modes: Modes) -> int:
        """Return multiply-adds of making the core."""
        left = self._left(modes)
        cost, after = 0, 1
        for axis in reversed(range(len(self.box))):
            n = self.box[axis] if axis in left else self.axes.lengths[axis]
            cost += 0 if axis in left else math.prod(self.box[: axis + 1]) * n * after
            after *= n
        return cost

    def resident(self, modes: Modes) -> int:
        """Return elements that are resident between runs: coefficients, their places of 8 bytes each, tables and bases."""
        left = self._left(modes)
        tables = sum(n * r for axis, (n, r) in enumerate(self._axes()) if axis not in left)
        return 3 * self.kept + tables + sum(map(self.elements, modes))

    def choices(self) -> list[Modes]:
        """Return every set of bases that can be factors, but for none."""
        there: list[Mode] = [mode for mode in ("into", "out") if self.has(mode)]
        return [(mode,) for mode in there] + ([tuple(there)] if len(there) == 2 else [])

    def _left(self, modes: Modes) -> set[int]:
        """Return axes whose bases stay factors."""
        return {axis for mode in modes for axis in self.axes_of(mode)}

    def _axes(self) -> Iterator[tuple[int, int]]:
        """Return length and rank of each axis."""
        return zip(self.axes.lengths, self.box, strict=True)
