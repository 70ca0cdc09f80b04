"""The directory: a description of everything in a file (specification, section 3)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from frformat.dtypes import DTYPES
from frformat.format.bases import spread
from frformat.spectral.zigzag import element_count

Shape = tuple[int, ...]
Integers = NDArray[Any]

COUNTED: Final = 1 << 15
"""Number of pairs of a tensor and a tier whose values are counted at a time."""

# Keys of the maps.
FEATURES, TIERS, GROUPS, ALIASES, METADATA, BASE = range(6)
(
    DTYPE, NAMES, SHAPES, VIEWS, BASES, FACTORS, SEEDS, KEPT, CORNERS, PER_TIER, FORMAT, STEPS, OFFSETS, CODER, SIZES,
    DELTA,
) = range(16)  # fmt: skip


@dataclass(frozen=True)
class Corners:
    """The number of core entries on each axis, for each tier and tensor.

    Attributes:
        cells: integer array of shape (tiers, …): for each tensor, a 1 and then its number of entries on each axis.
        starts: the position where the cells of each tensor begin.
    """

    cells: Integers
    starts: Integers

    @classmethod
    def of(cls, tiers: Sequence[Sequence[Shape]]) -> Corners:
        """Build it from the corner of each tensor in each tier."""
        cells = np.array([[cell for corner in row for cell in (1, *corner)] for row in tiers], np.int64)
        ranks = np.array([len(corner) for corner in tiers[0]], np.int64)
        return cls(cells, np.cumsum(ranks + 1) - ranks - 1)

    def of_tensor(self, index: int, tier: int) -> Shape:
        """Return the corner of one tensor in one tier."""
        start = int(self.starts[index]) + 1
        stop = int(self.starts[index + 1]) if index + 1 < len(self.starts) else self.cells.shape[1]
        return tuple(self.cells[tier, start:stop].tolist())

    def counts(self, tiers: slice, offsets: int) -> NDArray[np.int64]:
        """Return the number of values that each tensor has up to each of these tiers: array (tiers, tensors).

        Args:
            tiers: the tiers.
            offsets: bit mask of the axes that have step offsets, which also count as values.
        """
        cells = self.cells[tiers].astype(np.int64)
        counts = np.multiply.reduceat(cells, self.starts, axis=1)
        if offsets:
            width = cells.shape[1]
            axis = np.arange(width) - np.repeat(self.starts, np.diff(self.starts, append=width)) - 1
            chosen = (axis >= 0) & (offsets >> np.maximum(axis, 0) & 1 == 1)
            counts += np.add.reduceat(cells * chosen, self.starts, axis=1)
        return counts


@dataclass(frozen=True)
class Group:
    """Tensors that are stored in the same way.

    Attributes:
        dtype: element type of the tensors, a key of :data:`~frformat.dtypes.DTYPES`.
        shapes: the shape of each tensor. Names, views, factors, seeds and steps also have one entry for each tensor.
        coder: the coder of the segments, a key of :data:`~frformat.format.coders.CODERS`.
        sizes: stored bytes of the segment in each tier, or only in tier 0: integer array.
        names: names of the tensors; empty for factors.
        views: the shapes that cores and bases refer to; None means the tensor's own.
        bases: kinds of basis, as in the file; the last one applies to all remaining axes.
        factors: for each ``stored`` axis of a tensor, the number of a factor.
        seeds: for each ``seeded`` axis of a tensor, a seed.
        kept: length of each core's zigzag prefix in each tier: integer array (tiers, tensors).
        corners: the corner of each core in each tier.
        per_tier: whether every tier stores its own version of the tensors, which can have its own corners.
        format: number format of exact values; None if they are elements of the dtype.
        steps: step codes, if values are integers.
        offsets: bit mask of the axes that have step offsets.
        delta: whether the stored values are differences from the values of the base.
    """

    dtype: str
    shapes: Sequence[Shape]
    coder: str
    sizes: Integers
    names: Sequence[str] = ()
    views: Sequence[Shape | None] | None = None
    bases: tuple[str, ...] = ()
    factors: Sequence[tuple[int, ...]] | None = None
    seeds: Sequence[tuple[int, ...]] | None = None
    kept: Integers | None = None
    corners: Corners | None = None
    per_tier: bool = False
    format: str | None = None
    steps: Sequence[int] | None = None
    offsets: int = 0
    delta: bool = False

    @property
    def tensors(self) -> int:
        """Number of tensors."""
        return len(self.shapes)

    @property
    def tiered(self) -> bool:
        """Whether every tier may have a segment."""
        return self.kept is not None or self.corners is not None or self.per_tier

    @property
    def elements(self) -> bool:
        """Whether the values of the only segment are the elements of all tensors, one after the other."""
        exact = self.steps is None and self.format is None
        return exact and not (self.tiered or self.bases or self.offsets)

    @property
    def numbers(self) -> bool:
        """Whether exact values must be finite even if no basis computes with them.

        This holds for factors, and for values of a number format, even one that equals the dtype.
        """
        return not self.names or self.format is not None

    @property
    def value_type(self) -> str:
        """Type of the values, a key of :data:`~frformat.dtypes.DTYPES`."""
        return "i32" if self.steps is not None else self.format or self.dtype

    @property
    def integers(self) -> bool:
        """Whether the stored values are integers: multiples of steps, or differences."""
        return self.steps is not None or self.delta

    @property
    def stored_type(self) -> str:
        """Type of the stored values, which can be differences: a key of :data:`~frformat.dtypes.DTYPES`."""
        return "i32" if self.integers else self.value_type

    @property
    def value_bytes(self) -> int:
        """Size of a decoded value in bytes."""
        return DTYPES[self.value_type].itemsize

    def view(self, index: int) -> Shape:
        """Return the shape that the core and the bases of a tensor refer to."""
        view = self.views[index] if self.views is not None else None
        return self.shapes[index] if view is None else view

    def kinds(self, index: int) -> tuple[str, ...]:
        """Return the kind of basis of each axis of a tensor's view."""
        return spread(self.bases, len(self.view(index)))

    def extent(self, index: int, tier: int) -> Shape:
        """Return the extent of a tensor's core in a tier: the length of its prefix, or its corner."""
        if self.kept is not None:
            return (int(self.kept[tier, index]),)
        return self.corners.of_tensor(index, tier) if self.corners is not None else self.view(index)

    def offset_axes(self, index: int) -> tuple[int, ...]:
        """Return the axes of a tensor that have step offsets."""
        if not self.offsets:
            return ()
        return tuple(axis for axis in range(len(self.view(index))) if self.offsets >> axis & 1)

    def counts(self, tier: int) -> NDArray[np.int64]:
        """Return the number of values, including offsets, that each tensor has in the segment of ``tier``."""
        if tier and not self.tiered:
            return np.zeros(self.tensors, np.int64)
        if tier == 0 or self.per_tier:
            return np.asarray(self._totals(slice(tier, tier + 1))[0], np.int64)
        before, now = self._totals(slice(tier - 1, tier + 1))
        return np.asarray(now - before, np.int64)

    @cached_property
    def values(self) -> NDArray[np.float64]:
        """Number of values in the segment of each tier that has an entry in ``sizes``; exact up to 2^53."""
        tiers = len(self.sizes)
        if self.kept is None and self.corners is None and not self.offsets:
            return np.full(tiers, float(sum(element_count(self.view(index)) for index in range(self.tensors))))
        step = max(1, COUNTED // self.tensors)
        rows = [self._totals(slice(at, at + step)).sum(axis=1, dtype=np.float64) for at in range(0, tiers, step)]
        totals = np.concatenate(rows)
        if self.kept is None and self.corners is None:
            return np.repeat(totals[:1], tiers)
        return totals if self.per_tier else np.diff(totals, prepend=0.0)

    def size(self, tier: int) -> int:
        """Return the stored size of the segment of ``tier`` without its CRC-32; 0 if there is none."""
        return int(self.sizes[tier]) if tier < len(self.sizes) else 0

    def _totals(self, tiers: slice) -> NDArray[np.int64]:
        """Return each tensor's number of values up to each tier: (tiers, tensors), or one row for complete cores."""
        if self.kept is not None:
            return self.kept[tiers].astype(np.int64)
        if self.corners is not None:
            return self.corners.counts(tiers, self.offsets)
        return self._views.counts(slice(0, 1), self.offsets)

    @cached_property
    def _views(self) -> Corners:
        """The views in the form of corners, for groups with complete cores in every tier."""
        return Corners.of([[self.view(index) for index in range(self.tensors)]])


@dataclass(frozen=True)
class Directory:
    """A description of everything in a file.

    Attributes:
        groups: the groups.
        metadata: a flat map of strings.
        aliases: additional names, each with the name of a tensor.
        tiers: number of capacity tiers.
        base: SHA-256 digest of the base, if the file is a delta file.
    """

    groups: Sequence[Group] = ()
    metadata: dict[str, str] = field(default_factory=dict)
    aliases: dict[str, str] = field(default_factory=dict)
    tiers: int = 1
    base: bytes | None = None
