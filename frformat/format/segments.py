"""Segments: the stored values of a group's tensors, out of the file and checked."""

from __future__ import annotations

from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from frformat.dtypes import DTYPES
from frformat.errors import FrzError
from frformat.format import coders
from frformat.format.coders import rangecoder
from frformat.format.container import Container, Extent, SegmentReader
from frformat.format.directory import RANGE_CODERS, Group

Array = NDArray[Any]


def values_bytes(group: Group, tier: int) -> int:
    """Bytes that the values of a group take once decoded, in all tiers up to ``tier``."""
    return group.value_bytes * sum(sum(group.counts(t)) for t in range(tier + 1))


def unpack_values(file: IO[bytes], container: Container, group_index: int, tier: int) -> list[Array]:
    """The stored values of each tensor of a group, those of all tiers up to ``tier`` one after the other.

    Returns:
        For each tensor a one-dimensional array: of the tensor's dtype for ``raw``, of the number format for ``dct``.

    Raises:
        FrzError: ``CHECKSUM`` or ``STREAM``.
    """
    group = container.directory.groups[group_index]
    contexts = None
    if group.coder in RANGE_CODERS:
        contexts = rangecoder.Contexts(group.value_format, group.coder == "range-ctx")
    parts: list[list[Array]] = [[] for _ in group.names]
    for extent in container.by_group[group_index]:
        if extent.tier <= tier:
            counts = group.counts(extent.tier)
            values = _segment(file, group, extent, counts, contexts)
            for part, piece in zip(parts, np.split(values, np.cumsum(counts)[:-1]), strict=True):
                part.append(piece)
    nothing = np.empty(0, DTYPES[group.format or group.dtype])
    return [part[0] if len(part) == 1 else np.concatenate(part or [nothing]) for part in parts]


def _segment(
    file: IO[bytes], group: Group, extent: Extent, counts: tuple[int, ...], contexts: rangecoder.Contexts | None
) -> Array:
    """The values of one segment; handed out only if its checksum matches."""
    stored = SegmentReader(file, extent)
    if contexts is not None:
        data = stored.read(extent.size)
        stored.check()
        return rangecoder.decode(data, counts, contexts)
    values = np.empty(sum(counts), DTYPES[group.format or group.dtype])
    try:
        coders.fill(group.coder, stored, coders.byte_view(values))
    except FrzError:
        stored.check()  # a damaged segment is reported as such, whatever its stream looks like
        raise
    stored.check()
    return values
