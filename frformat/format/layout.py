"""Map the values of a segment to tensors and to positions in their cores (specification, section 4)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from frformat.format.coders import Run
from frformat.format.directory import Group, Shape

Array = NDArray[Any]
Part = tuple[slice, ...]


def slabs(before: Sequence[int], now: Sequence[int]) -> list[Part]:
    """Return the entries of a corner that are not in a smaller corner, as parts of the larger one in file order.

    Args:
        before: the smaller corner; zeros if there is none.
        now: the larger corner, of the same rank, which must be at least 1.
    """
    found = []
    for axis, (old, new) in enumerate(zip(before, now, strict=True)):
        part = (*map(slice, now[:axis]), slice(old, new), *map(slice, before[axis + 1 :]))
        if new > old and all(now[:axis]) and all(before[axis + 1 :]):
            found.append(part)
    return found


def new_runs(before: Shape | None, now: Shape, offset_axes: Sequence[int], *, ordered: bool) -> list[Run]:
    """Return the runs of values that one tensor has in a segment, omitting empty ones.

    Args:
        before: extent of its core in the previous tier (see :meth:`Group.extent`), or None if everything is new.
        now: its extent in this tier.
        offset_axes: axes with step offsets.
        ordered: whether the core is a zigzag prefix.
    """
    if ordered:
        count = now[0] - (before[0] if before else 0)
        return [Run(False, ((count,),))] if count else []
    if before is None and not offset_axes:
        return [Run(False, (now,))] if 0 not in now else []
    if not now:  # rank 0: one entry, present from the first tier on
        return []
    old = before if before is not None else (0,) * len(now)
    runs = [Run(True, ((now[axis] - old[axis],),)) for axis in offset_axes if now[axis] > old[axis]]
    blocks = tuple(tuple(at.stop - (at.start or 0) for at in part) for part in slabs(old, now))
    return [*runs, Run(False, blocks)] if blocks else runs


class SegmentRuns:
    """The runs of all tensors of a group in one tier; see :class:`frformat.format.coders.Runs`."""

    def __init__(self, group: Group, tier: int) -> None:
        self._group = group
        self._tier = tier
        self.total = int(group.values[tier])

    def __iter__(self) -> Iterator[Run]:
        group, tier = self._group, self._tier
        for index in range(group.tensors):
            yield from tensor_runs(group, index, tier)


def tensor_runs(group: Group, index: int, tier: int) -> list[Run]:
    """Return the runs of one tensor in the segment of a tier."""
    before = group.extent(index, tier - 1) if tier and not group.per_tier else None
    ordered = group.kept is not None
    return new_runs(before, group.extent(index, tier), group.offset_axes(index), ordered=ordered)


def split(runs: Sequence[Run], values: Array) -> Iterator[tuple[Run, Array]]:
    """Yield each run with its part of ``values``."""
    at = 0
    for run in runs:
        count = run.size
        yield run, values[at : at + count]
        at += count


def put_slabs(core: Array, before: Sequence[int], now: Sequence[int], values: Array) -> None:
    """Write the new entries of a corner to their positions in a core that is at least as large."""
    at = 0
    for part in slabs(before, now):
        block = core[part]
        block[...] = values[at : at + block.size].reshape(block.shape)
        at += block.size


def take_slabs(core: Array, before: Sequence[int], now: Sequence[int]) -> Array:
    """Return the new entries of a corner in file order: the inverse of :func:`put_slabs`."""
    parts = [core[part].reshape(-1) for part in slabs(before, now)]
    if len(parts) == 1:
        return np.ascontiguousarray(parts[0])
    return np.concatenate(parts) if parts else core.reshape(-1)[:0]
