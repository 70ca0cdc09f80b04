"""Code segments one after the other into a temporary file, and copy them in file order at the end."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import IO, Final

from frformat.format.choice import SMALL, choose, encoders
from frformat.format.coders import CHUNK, joined
from frformat.format.container import CRC_BYTES, SegmentWriter
from frformat.format.directory import Group
from frformat.format.grouping import WHOLE, Pending, gather

SHARED_VALUES: Final = SMALL
"""Largest number of values in a group of several tensors, so that reading one tensor costs little more than its own
values."""


class Spool:
    """Coded segments in a temporary file.

    Args:
        file: an empty file, open for reading and writing.
        coders: names of the coders that may be used.
        tiers: number of tiers in the file.
        fast: whether large groups must be fast to read.
    """

    def __init__(self, file: IO[bytes], coders: Sequence[str], tiers: int, *, fast: bool = False) -> None:
        self._file = file
        self._coders = coders
        self._tiers = tiers
        self._fast = fast
        self._starts: list[list[int]] = []

    def add(self, parts: Sequence[Pending], progress: Callable[[int], None] | None = None) -> tuple[int, Group]:
        """Code the tensors of one group.

        Args:
            parts: the tensors.
            progress: called with the number of bytes of values processed since the last call.

        Returns:
            The number to pass to :meth:`copy`, and the group.
        """
        likeness = parts[0].likeness
        tiers = self._tiers if likeness.extent != WHOLE else 1
        pieces = [joined(piece for part in parts for piece in part.pieces(tier)) for tier in range(tiers)]
        coder, done = choose(likeness, pieces, self._coders, fast=self._fast, told=progress)
        makers = encoders(coder, likeness, tiers)
        starts, sizes = [], []
        for tier, each in enumerate(pieces):
            starts.append(self._file.tell())
            segment = SegmentWriter(self._file)
            if done is not None:
                segment.write(done[tier])
            elif each:
                makers[tier].encode(each, segment, progress)
            sizes.append(segment.size)
            if each:
                segment.close()
        self._starts.append(starts)
        return len(self._starts) - 1, gather(parts, coder.name, sizes)

    def copy(self, number: int, group: Group, tier: int, file: IO[bytes]) -> None:
        """Append the segment of a tier, if there is one, with its checksum."""
        if tier >= len(group.sizes) or not group.values[tier]:
            return
        self._file.seek(self._starts[number][tier])
        left = group.size(tier) + CRC_BYTES
        while left:
            data = self._file.read(min(left, CHUNK))
            file.write(data)
            left -= len(data)
