"""Segments on their way into a file: coded one after the other, and put in the file's order at the end."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Sequence
from typing import IO, Final

from frformat.format import limits
from frformat.format.coders import CHUNK, CODERS, Coder, Encoder
from frformat.format.container import CRC_BYTES, SegmentWriter
from frformat.format.directory import Group
from frformat.format.grouping import PER_TIER, Likeness, Pending, Pieces, gather

SHARED_VALUES: Final = 1 << 16
"""A group has at most so many values, unless one tensor has more: so no tensor costs much more than itself to read."""

ADAPTIVE_VALUES: Final = 1 << 17
"""Exact values are coded adaptively in groups of at most so many; beyond, that gains little and takes long."""

WORTH: Final = 0.98
"""A large tensor is compressed if its start gets smaller than so much of itself."""


class Spool:
    """Coded segments in a temporary file.

    Args:
        file: empty, and open for reading and writing.
        coders: names of the coders of exact values that may be used.
        tiers: how many tiers the file has.
    """

    def __init__(self, file: IO[bytes], coders: Sequence[str], tiers: int) -> None:
        self._file = file
        self._coders = coders
        self._tiers = tiers
        self._starts: list[list[int]] = []

    def add(self, parts: Sequence[Pending], progress: Callable[[int], None] | None = None) -> tuple[int, Group]:
        """Code the tensors of one group.

        Args:
            parts: the tensors.
            progress: told how many bytes of values are done since it was last told.

        Returns:
            The number to ask :meth:`copy` by, and the group.
        """
        tiers = self._tiers if parts[0].likeness.extent != "whole" else 1
        pieces = [[piece for part in parts for piece in part.pieces(tier)] for tier in range(tiers)]
        coder, done = self._chosen(parts, pieces)
        starts, sizes = [], []
        encoders = _encoders(CODERS[coder], parts[0].likeness)
        for tier, (each, encoder) in enumerate(zip(pieces, encoders, strict=False)):
            starts.append(self._file.tell())
            segment = SegmentWriter(self._file)
            if done is not None:
                segment.write(done[tier])
            elif each:
                encoder.encode(each, segment, progress)
            sizes.append(segment.size)
            if each:
                segment.close()
        self._starts.append(starts)
        return len(self._starts) - 1, gather(parts, coder, sizes)

    def copy(self, number: int, group: Group, tier: int, file: IO[bytes]) -> None:
        """Append the segment of a tier, with its checksum, if there is one."""
        if tier >= len(group.sizes) or not group.values[tier]:
            return
        self._file.seek(self._starts[number][tier])
        left = group.size(tier) + CRC_BYTES
        while left:
            data = self._file.read(min(left, CHUNK))
            file.write(data)
            left -= len(data)

    def _chosen(self, parts: Sequence[Pending], pieces: Sequence[Pieces]) -> tuple[str, list[bytes] | None]:
        """The coder that makes a group smallest, and the stored bytes of each tier if they have been made."""
        likeness = parts[0].likeness
        able = [c for c in CODERS.values() if c.takes(likeness.value_type, integers=likeness.stepped)]
        able = [coder for coder in able if coder.integers or coder.name in self._coders]
        if len(able) == 1:
            return able[0].name, None
        values = sum(part.count for part in parts)
        if values > SHARED_VALUES:
            return _sampled(able, next(piece for tier in pieces for piece in tier), likeness.value_type), None
        best: tuple[str, list[bytes]] | None = None
        for coder in able:
            coded = _coded(coder, likeness, pieces)
            if coded is not None and (best is None or sum(map(len, coded)) < sum(map(len, best[1]))):
                best = coder.name, coded
        assert best is not None  # `none` is always allowed
        return best


def _encoders(coder: Coder, likeness: Likeness) -> Iterator[Encoder]:
    """One for each tier: the same, so that what it has learnt goes on, unless each tier is decoded alone."""
    encoder = coder.encoder(likeness.value_type)
    while True:
        yield encoder
        if likeness.extent == PER_TIER:
            encoder = coder.encoder(likeness.value_type)


def _coded(coder: Coder, likeness: Likeness, pieces: Sequence[Pieces]) -> list[bytes] | None:
    """The stored bytes of each tier, unless there are too few of them for so many values."""
    out = []
    for tier, encoder in zip(pieces, _encoders(coder, likeness), strict=False):
        buffer = io.BytesIO()
        if tier:
            encoder.encode(tier, buffer)
        out.append(buffer.getvalue())
        values = sum(run.size for run, _ in tier)
        if coder.adaptive and (values > ADAPTIVE_VALUES or values > limits.coded_values(len(out[-1]))):
            return None
    return out


def _sampled(able: Sequence[Coder], piece: tuple[object, object], value_type: str) -> str:
    """The coder of bytes that does best on the first megabyte; ``none`` unless another saves something."""
    run, values = piece
    sample = values[: CHUNK // values.itemsize]  # type: ignore[index, attr-defined]
    names = [coder.name for coder in able]
    sizes = {"none": WORTH * sample.nbytes}
    for coder in able:
        # Deflate is far slower and hardly ever smaller than zstd: take it only where zstd may not be used.
        if coder.adaptive or coder.plain or (coder.name == "deflate" and "zstd" in names):
            continue
        buffer = io.BytesIO()
        coder.encoder(value_type).encode([(run, sample)], buffer)  # type: ignore[list-item]
        sizes[coder.name] = buffer.tell()
    return min(sizes, key=lambda name: sizes[name])
