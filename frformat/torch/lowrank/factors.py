"""The factors of a layer's weight: which axes of its spectrum belong to the channels, and which to the kernel."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple

import torch
from torch import Tensor, nn

from frformat.spectral import zigzag
from frformat.torch.lowrank import bases

Mode = Literal["into", "out"]
"""The input channels of a layer (``into``) or its output channels (``out``)."""

Modes = tuple[Mode, ...]
"""The modes whose bases stay factors; the core is multiplied by all other bases."""

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
"""Layers that have a factored form. Subclasses are excluded, because they can use their weights differently."""


class Matrices(NamedTuple):
    """The product of a basis (n, r) with each of several matrices (r, after).

    Attributes:
        batch: number of matrices.
        n: rows of the basis.
        r: columns of the basis.
        after: columns of each matrix.
    """

    batch: int
    n: int
    r: int
    after: int


@dataclass(frozen=True)
class Axes:
    """Assigns the axes of a spectrum to the weight's first axis, to its second axis, and to the rest.

    A view can split an axis of the weight into several, and can join the kernel's axes with the second.

    Attributes:
        lengths: shape in which the spectrum is taken.
        first: number of axes that make up the weight's first axis.
        second: index of the axis after those that make up the weight's second axis; None if the second axis is joined
            with the kernel.
    """

    lengths: tuple[int, ...]
    first: int
    second: int | None

    @classmethod
    def of(cls, shape: Sequence[int], view: Sequence[int] | None) -> Axes | None:
        """Return the axes of a weight (n0, n1, …kernel); None if its first axis is joined with other axes."""
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
        shape: shape of the weight.
        axes: the axes of its spectrum.
        kept: number of coefficients.
        box: the smallest corner that contains them.
        transposed: whether the weight's first axis is that of the input channels.
    """

    shape: tuple[int, ...]
    axes: Axes
    kept: int
    box: tuple[int, ...]
    transposed: bool

    @classmethod
    def of(cls, shape: Sequence[int], axes: Axes, kept: int, transposed: bool) -> Factors:
        """Return the factors of a weight whose spectrum has these axes and this many coefficients."""
        return cls(tuple(shape), axes, kept, zigzag.box(axes.lengths, kept), transposed)

    def axes_of(self, mode: Mode) -> range:
        """Return the axes of the spectrum along the channels of a mode."""
        if (mode == "into") == self.transposed:
            return range(self.axes.first)
        return range(self.axes.first, self.axes.second or self.axes.first)

    def length(self, mode: Mode) -> int:
        """Return the number of channels: those of all groups on the first axis, or those of one group on the second."""
        return self.shape[0 if (mode == "into") == self.transposed else 1]

    def rank(self, mode: Mode) -> int:
        """Return the number of coefficients that represent these channels."""
        return math.prod(
            [self.box[axis] for axis in self.axes_of(mode)]
        )  # a list, because torch.compile does not support generators

    def has(self, mode: Mode) -> bool:
        """Return whether the channel axes are separate from other axes and have fewer coefficients than channels."""
        apart = self.axes.second is not None or (mode == "into") == self.transposed
        return apart and self.rank(mode) < self.length(mode)

    def basis(self, mode: Mode, like: Tensor) -> Tensor:
        """Return the basis along channels, shape (channels, rank)."""
        axes = self.axes_of(mode)
        table = bases.joint([self.axes.lengths[axis] for axis in axes], [self.box[axis] for axis in axes])
        return table.to(like.device, like.dtype)

    def tables(self, modes: Modes, like: Tensor) -> list[Tensor]:
        """Return the bases that the core is multiplied by, for :func:`~frformat.torch.lowrank.algebra.expand`."""
        left, axes = self._left(modes), enumerate(self._axes())
        tables = [torch.empty(0, r, device="cpu") if axis in left else bases.cosines(n, r) for axis, (n, r) in axes]
        return [table.to(like.device, like.dtype) for table in tables]

    def places(self) -> Tensor:
        """Return the position of each coefficient in the flat box: int64 (k,)."""
        strides = [math.prod(self.box[axis + 1 :]) for axis in range(len(self.box))]
        return bases.places(self.axes.lengths, self.kept, strides)

    def elements(self, mode: Mode) -> int:
        """Return the number of elements of the basis along channels."""
        return self.length(mode) * self.rank(mode)

    def building(self, modes: Modes) -> list[Matrices]:
        """Return the products that compute the core; see :func:`~frformat.torch.lowrank.algebra.expand`."""
        left = self._left(modes)
        found, after = [], 1
        for axis in reversed(range(len(self.box))):
            n = self.box[axis] if axis in left else self.axes.lengths[axis]
            if axis not in left:
                found.append(Matrices(math.prod(self.box[:axis]), n, self.box[axis], after))
            after *= n
        return found

    def resident(self, modes: Modes) -> int:
        """Return the number of elements resident between runs: coefficients, their positions, tables and bases."""
        left = self._left(modes)
        tables = sum(n * r for axis, (n, r) in enumerate(self._axes()) if axis not in left)
        return 3 * self.kept + tables + sum(map(self.elements, modes))

    def operations(self) -> int:
        """Return the number of operations other than products."""
        return 2 + len(self.box)

    def choices(self) -> list[Modes]:
        """Return every nonempty set of bases that can be factors."""
        there: list[Mode] = [mode for mode in ("into", "out") if self.has(mode)]
        return [(mode,) for mode in there] + ([tuple(there)] if len(there) == 2 else [])

    def _left(self, modes: Modes) -> set[int]:
        """Return the axes whose bases stay factors."""
        return {axis for mode in modes for axis in self.axes_of(mode)}

    def _axes(self) -> Iterator[tuple[int, int]]:
        """Yield the length and the rank of each axis."""
        return zip(self.axes.lengths, self.box, strict=True)
