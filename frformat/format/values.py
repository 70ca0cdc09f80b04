"""Decode the values of a group from its segments, and separate them by tensor."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from frformat.dtypes import DTYPES
from frformat.errors import FrzError
from frformat.format.coders import CODERS, Decoder
from frformat.format.container import Container, Extent, SegmentReader
from frformat.format.directory import Group
from frformat.format.layout import SegmentRuns, put_slabs, split, tensor_runs

Array = NDArray[Any]


@dataclass(frozen=True)
class Content:
    """The decoded values of one tensor at a tier.

    Attributes:
        values: the core entries, in the group's value type: in zigzag order, or in the shape of the corner.
        offsets: the step offsets of each axis that has them.
    """

    values: Array
    offsets: dict[int, NDArray[np.int32]]


class Values:
    """The values of a group at a tier.

    Args:
        group: the group.
        segments: the values of each segment that is used, by tier.
        tier: the tier.
    """

    def __init__(self, group: Group, segments: dict[int, Array], tier: int) -> None:
        self._group = group
        self._tier = tier
        self._segments = segments
        self.nbytes = sum(values.nbytes for values in segments.values())

    @cached_property
    def _bounds(self) -> dict[int, NDArray[np.int64]]:
        return {t: bounds(self._group, t) for t in self._segments}

    def of(self, index: int) -> Content:
        """Return the values of one tensor; a view of the group's if all of them are in one segment."""
        if not (self._group.tiered or self._group.offsets) and self._segments:
            [(_, values)] = self._parts(index)
            return Content(values.reshape(self._group.view(index)), {})
        return assemble(self._group, index, self._tier, dict(self._parts(index)))

    def flat(self, index: int) -> Array:
        """Return the values of one tensor in file order, if all of them are in one segment."""
        found = [part for _, part in self._parts(index)]
        return found[0] if found else np.empty(0, DTYPES[self._group.value_type])

    def elements(self) -> Array:
        """Return the values of all tensors, one after the other, if these are the tensors' elements."""
        return next(iter(self._segments.values()), np.empty(0, DTYPES[self._group.dtype]))

    def _parts(self, index: int) -> Iterator[tuple[int, Array]]:
        for tier, values in self._segments.items():
            at = self._bounds[tier]
            yield tier, values[at[index] : at[index + 1]]


def bounds(group: Group, tier: int) -> NDArray[np.int64]:
    """Return where each tensor's values begin in the segment of a tier, and where those of the last tensor end."""
    return np.concatenate(([0], np.cumsum(group.counts(tier))))


def assemble(group: Group, index: int, tier: int, parts: dict[int, Array]) -> Content:
    """Combine the values that one tensor has in each used tier."""
    extent = group.extent(index, tier)
    nothing = np.empty(0, DTYPES[group.value_type])
    if group.kept is not None:
        found = [part for part in parts.values() if part.size]
        return Content(found[0] if len(found) == 1 else np.concatenate([nothing, *found]), {})
    tiers = [tier] if group.per_tier else [t for t in sorted(parts) if parts[t].size]
    offsets: dict[int, list[Array]] = {axis: [] for axis in group.offset_axes(index)}
    entries: list[tuple[int, Array]] = []
    for t in tiers:
        axes = _new_axes(group, index, t)
        for run, values in split(tensor_runs(group, index, t), parts.get(t, nothing)):
            if run.offsets:
                offsets[axes.pop(0)].append(values)
            else:
                entries.append((t, values))
    joined = {axis: np.concatenate([nothing, *found]) for axis, found in offsets.items()}
    if len(entries) == 1 and entries[0][1].size == np.prod(extent, dtype=np.int64):
        return Content(entries[0][1].reshape(extent), joined)
    core = np.zeros(extent, nothing.dtype)
    for t, values in entries:
        before = group.extent(index, t - 1) if t and not group.per_tier else (0,) * len(extent)
        put_slabs(core, before, group.extent(index, t), values)
    return Content(core, joined)


def _new_axes(group: Group, index: int, tier: int) -> list[int]:
    """Return the axes that have new step offsets in a tier."""
    now = group.extent(index, tier)
    before = group.extent(index, tier - 1) if tier and not group.per_tier else (0,) * len(now)
    return [axis for axis in group.offset_axes(index) if now[axis] > before[axis]]


def values_bytes(group: Group, tier: int) -> int:
    """Return the size in bytes of a group's decoded values in all segments that are used at ``tier``."""
    return group.value_bytes * sum(int(group.values[t]) for t in used_tiers(group, tier))


def used_tiers(group: Group, tier: int) -> list[int]:
    """Return the tiers whose segments are used at a tier."""
    last = min(tier, len(group.sizes) - 1)
    tiers = range(last, last + 1) if group.per_tier else range(last + 1)
    return [t for t in tiers if group.values[t]]


def decode(file: IO[bytes], container: Container, index: int, tier: int) -> Values:
    """Decode all values of a group at a tier, or its differences from the base.

    Raises:
        FrzError: ``CHECKSUM`` or ``STREAM``.
    """
    group = container.directory.groups[index]
    decoder = CODERS[group.coder].decoder(group.stored_type, bool(group.offsets))
    segments = {}
    for t in used_tiers(group, tier):
        extent = container.extents.of(index, t)
        assert extent is not None
        segments[t] = _segment(file, extent, decoder, SegmentRuns(group, t))
    return Values(group, segments, tier)


def _segment(file: IO[bytes], extent: Extent, decoder: Decoder, runs: SegmentRuns) -> Array:
    """Return the values of one segment, but only if its checksum matches."""
    stored = SegmentReader(file, extent)
    try:
        values = decoder.decode(stored, runs)
    except FrzError:
        stored.check()  # if the segment is damaged, report that instead
        raise
    stored.check()
    return values


def read_part(file: IO[bytes], extent: Extent, group: Group, start: int, count: int) -> Array:
    """Return some values of an uncoded segment whose checksum has already matched."""
    values = np.empty(count, DTYPES[group.value_type])
    file.seek(extent.offset + start * group.value_bytes)
    view: Any = values.view(np.uint8).data
    if file.readinto(view) != values.nbytes:  # type: ignore[attr-defined]
        raise FrzError("CHECKSUM", "the file has changed while it was open", offset=extent.offset)
    return values
