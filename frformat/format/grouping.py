"""Turn tensors into values to store, and gather similar tensors into groups."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from frformat.errors import EncodeError, FrzError
from frformat.format import limits
from frformat.format.bases import KINDS, compact
from frformat.format.coders.runs import Run
from frformat.format.directory import Corners, Group, Shape
from frformat.format.layout import new_runs, take_slabs
from frformat.format.per_tier import PerTier
from frformat.format.tensor import CodedTensor

Array = NDArray[Any]
Cut = int | float | tuple[int, ...]
"""The part of a core that a smaller tier keeps: a number of zigzag entries, a share of them, or a corner."""


class Likeness(NamedTuple):
    """The properties that all tensors of a group share."""

    factor: bool
    dtype: str
    value_type: str
    bases: tuple[str, ...]
    extent: str
    stepped: bool
    offsets: int
    delta: bool = False

    @property
    def per_tier(self) -> bool:
        """Whether every tier stores its own version of the tensors."""
        return self.extent in (PER_TIER, OWN_CORNERS)

    @property
    def integers(self) -> bool:
        """Whether the stored values are integers; see :class:`Group`."""
        return self.stepped or self.delta

    @property
    def stored_type(self) -> str:
        """Type of the stored values; see :class:`Group`."""
        return "i32" if self.integers else self.value_type


@dataclass(frozen=True, slots=True)
class Pending:
    """A tensor that has not been put into a group yet.

    Attributes:
        name: its name; empty for a factor.
        tensors: the tensor, or its version for each tier.
        extents: the extent of its core in each tier, for :meth:`Group.extent`; one entry if the core is complete.
        factors: the numbers of its factors.
        likeness: the properties that it shares with the other tensors of its group.
        differences: differences from the base that replace its values, if any: one array for each run.
    """

    name: str
    tensors: Sequence[CodedTensor]
    extents: Sequence[Shape]
    factors: tuple[int, ...]
    likeness: Likeness
    differences: Sequence[Array] | None = None

    @property
    def first(self) -> CodedTensor:
        """The tensor, or its version in tier 0 if it differs from tier to tier."""
        return self.tensors[0]

    @property
    def count(self) -> int:
        """Number of core entries in all tiers."""
        return sum([tensor.values.size for tensor in self.tensors])

    @property
    def nbytes(self) -> int:
        """Size of all core entries in bytes."""
        return sum([tensor.values.nbytes for tensor in self.tensors])

    def pieces(self, tier: int) -> list[tuple[Run, Array]]:
        """Return the runs of a tier's segment, with their values."""
        per_tier = self.likeness.per_tier
        if tier >= len(self.extents) and not per_tier:
            return []
        tensor = self.tensors[tier] if per_tier else self.first
        now = tensor.corner if per_tier else self.extents[tier]
        before = self.extents[tier - 1] if tier and not per_tier else None
        axes = tuple(tensor.offsets)
        runs = new_runs(before, now, axes, ordered=tensor.ordered)
        if self.differences is not None:
            return list(zip(runs, self.differences, strict=True))
        if before is None and not axes and now == tensor.values.shape:
            return [(run, tensor.values) for run in runs]
        if tensor.ordered:
            start = before[0] if before else 0
            return [(run, tensor.values[start : now[0]]) for run in runs]
        old = before if before is not None else (0,) * len(now)
        new = iter([tensor.offsets[axis][old[axis] : now[axis]] for axis in axes if now[axis] > old[axis]])
        entries = take_slabs(tensor.values, old, now) if now else tensor.values
        return [(run, next(new) if run.offsets else entries) for run in runs]


WHOLE, KEPT, CORNERS, PER_TIER, OWN_CORNERS = "whole", "kept", "corners", "per tier", "corners, per tier"
"""The fields of a :class:`Group` that describe how much of a core each tier has, and whether it stores all of that."""


def pending(
    name: str,
    tensor: CodedTensor | PerTier,
    cuts: Sequence[Cut],
    factors: tuple[int, ...] = (),
    *,
    factor: bool = False,
) -> Pending:
    """Prepare one tensor for storing.

    Args:
        name: its name.
        tensor: the tensor.
        cuts: the parts of its core that the tiers before the last keep; see :func:`frformat.save_file`.
        factors: the numbers of its factors.
        factor: whether it is itself a factor.

    Raises:
        EncodeError: a value or the shape is not allowed, or a cut does not fit.
    """
    tensors = tensor.tensors if isinstance(tensor, PerTier) else [tensor]
    for shape in (tensors[0].shape, tensors[0].view or ()):
        if len(shape) > limits.RANK or max(shape, default=0) > limits.AXIS:
            most = f"{limits.RANK} axes, each of length {limits.AXIS}"
            raise EncodeError(f"a file cannot store shape {list(shape)}: the limits are {most}")
    for each in tensors:
        try:
            each.check_values(finite=factor)
        except FrzError as error:
            raise EncodeError(error.reason) from error
    first = tensors[0]
    extent, extents = _extents(tensor, first, cuts)
    bits = sum([1 << axis for axis in first.offsets])
    kinds = compact([axis.kind for axis in first.axes])
    likeness = Likeness(factor, first.dtype, first.value_type, kinds, extent, first.step is not None, bits)
    return Pending(name, tensors, extents, factors, likeness)


def _extents(tensor: CodedTensor | PerTier, first: CodedTensor, cuts: Sequence[Cut]) -> tuple[str, list[Shape]]:
    """Return the field that describes how much of a core each tier has, and the extent of the core in each tier."""
    if isinstance(tensor, PerTier):
        if len(tensor.tensors) != len(cuts) + 1:
            raise EncodeError(f"it has values for {len(tensor.tensors)} tiers, but the file has {len(cuts) + 1}")
        corners = [each.corner for each in tensor.tensors]
        return (PER_TIER, [first.corner]) if set(corners) == {first.meant} else (OWN_CORNERS, corners)
    if first.ordered:
        numbers = [cut for cut in cuts if not isinstance(cut, tuple)]
        if len(numbers) < len(cuts):
            raise EncodeError("a zigzag prefix is cut by a number or a share, not by a corner")
        return KEPT, [(k,) for k in kept_per_tier(len(first.values), numbers)]
    given = [cut for cut in cuts if isinstance(cut, tuple)]
    corner = first.corner
    if not given and corner == first.meant:
        return WHOLE, [corner]
    if len(given) not in (0, len(cuts)):
        raise EncodeError("some tiers have a corner, others do not")
    extents = [*map(tuple, given), corner] if given else [corner] * (len(cuts) + 1)
    for before, now in zip([(0,) * len(corner), *extents], extents, strict=False):
        if len(now) != len(before):
            raise EncodeError(f"corner {list(now)} does not fit a core with {len(before)} axes")
        if any(r < old for old, r in zip(before, now, strict=True)):
            raise EncodeError(f"corner {list(now)} of a tier does not contain that of the tier before, {list(before)}")
    return CORNERS, extents


def gather(parts: Sequence[Pending], coder: str, sizes: Sequence[int]) -> Group:
    """Combine similar tensors, in order, into a group."""
    likeness = parts[0].likeness
    firsts = [part.first for part in parts]
    tiers = [[part.extents[tier] for part in parts] for tier in range(len(parts[0].extents))]
    seeds = [tuple(axis.argument for axis in each.axes if isinstance(axis.argument, int)) for each in firsts]
    arguments = {KINDS[kind].argument for kind in likeness.bases}
    views = [each.view for each in firsts]
    exact = not likeness.stepped and likeness.value_type != likeness.dtype
    return Group(
        likeness.dtype,
        [each.shape for each in firsts],
        coder,
        np.array(sizes, np.int64),
        names=[part.name for part in parts] if not likeness.factor else (),
        views=views if any(view is not None for view in views) else None,
        bases=likeness.bases,
        factors=[part.factors for part in parts] if "factor" in arguments else None,
        seeds=seeds if "seed" in arguments else None,
        kept=np.array([[k for (k,) in row] for row in tiers], np.int64) if likeness.extent == KEPT else None,
        corners=Corners.of(tiers) if likeness.extent in (CORNERS, OWN_CORNERS) else None,
        per_tier=likeness.per_tier,
        format=likeness.value_type if exact else None,
        steps=[each.step for each in firsts if each.step is not None] if likeness.stepped else None,
        offsets=likeness.offsets,
        delta=likeness.delta,
    )


def kept_per_tier(k: int, cuts: Sequence[int | float]) -> list[int]:
    """Return how many of ``k`` entries each tier keeps: at least as many as the previous tier, and all in the last one.

    Args:
        k: number of entries.
        cuts: for each tier but the last, a number of entries, or a share below 1.
    """
    kept = [0]
    for cut in cuts:
        kept.append(max(kept[-1], min(cut, k) if isinstance(cut, int) else math.ceil(cut * k)))
    return [*kept[1:], k]
