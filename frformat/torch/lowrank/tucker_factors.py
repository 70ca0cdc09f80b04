"""The factors of a layer's weight in Tucker form."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from torch import Tensor

from frformat.torch.lowrank.factors import Factors, Matrices, Mode, Modes

VIEWS: Final = 2
"""Number of operations that take as long as creating the views of the coefficients."""


@dataclass(frozen=True)
class TuckerFactors:
    """A core and factors along some channel axes. The interface is that of :class:`~.factors.Factors`.

    Attributes:
        shape: shape of the weight.
        ranks: the rank of the factor of each axis, or 0 if the axis has none.
        transposed: whether the weight's first axis is that of the input channels.
    """

    shape: tuple[int, ...]
    ranks: tuple[int, ...]
    transposed: bool

    @classmethod
    def of(cls, form: Sequence[int], transposed: bool) -> TuckerFactors:
        """Return the factors that a form describes; see :meth:`frformat.TensorInfo.form`."""
        half = len(form) // 2
        return cls(tuple(form[:half]), tuple(-r for r in form[half:]), transposed)

    @property
    def form(self) -> tuple[int, ...]:
        """See :meth:`frformat.TensorInfo.form`."""
        return (*self.shape, *(-r for r in self.ranks))

    @property
    def box(self) -> tuple[int, ...]:
        """Shape of the core."""
        return tuple(r or n for r, n in zip(self.ranks, self.shape, strict=True))

    @property
    def kept(self) -> int:
        """Number of coefficients: entries of the core and the factors."""
        return math.prod(self.box) + sum(r * n for r, n in zip(self.ranks, self.shape, strict=True))

    def axis(self, mode: Mode) -> int:
        """Return the axis of a mode."""
        return 0 if (mode == "into") == self.transposed else 1

    def length(self, mode: Mode) -> int:
        """Return the number of channels."""
        return self.shape[self.axis(mode)]

    def rank(self, mode: Mode) -> int:
        """Return the core's extent along channels."""
        return self.box[self.axis(mode)]

    def elements(self, mode: Mode) -> int:
        """Return the number of elements of a factor."""
        return self.length(mode) * self.rank(mode)

    def building(self, modes: Modes) -> list[Matrices]:
        """Return the products that compute the core: none."""
        return []

    def resident(self, modes: Modes) -> int:
        """Return the number of elements resident between runs."""
        return self.kept

    def operations(self) -> int:
        """Return the number of operations other than products."""
        return VIEWS

    def choices(self) -> list[Modes]:
        """Return the only choice of modes: all of them."""
        modes: tuple[Mode, ...] = ("into", "out")
        return [tuple(mode for mode in modes if self.ranks[self.axis(mode)])]

    def starts(self) -> list[int]:
        """Return where the coefficients of each axis's factor start."""
        starts = [math.prod(self.box)]
        for rank, length in zip(self.ranks, self.shape, strict=True):
            starts.append(starts[-1] + rank * length)
        return starts[:-1]

    def split(self, coefficients: Tensor) -> list[Tensor]:
        """Return the core, and the factor (length, rank) of each axis that has one, as views."""
        parts = [coefficients[: math.prod(self.box)].reshape(self.box)]
        for start, rank, length in zip(self.starts(), self.ranks, self.shape, strict=True):
            if rank:
                parts.append(coefficients[start : start + rank * length].reshape(rank, length).T)
        return parts


AnyFactors = Factors | TuckerFactors
"""The factors of a spectrum, or of a weight in Tucker form."""
