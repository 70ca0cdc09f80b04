"""The container: convert between a file's bytes and its directory and segments (specification, sections 2 and 4).

The position of every part follows from the sizes in the directory. No byte of the directory is used before its checksum
has matched, and decoded values are returned only after their segment's checksum has matched.
"""

from __future__ import annotations

import os
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO, Any, Final

import numpy as np
from numpy.typing import NDArray

from frformat.errors import FrzError
from frformat.format import limits, packing, parser
from frformat.format.coders import CHUNK
from frformat.format.coders.deflate import pack_directory, unpack_directory
from frformat.format.directory import Directory, Group
from frformat.wording import count

MAGIC: Final = b"\x89FRZ"
VERSION: Final = 1
DEFLATED: Final = 1
HEADER_BYTES: Final = 14
CRC_BYTES: Final = 4


@dataclass(frozen=True)
class Header:
    """The fixed-size start of a file.

    Attributes:
        flags: bit 0 means that the directory is deflated.
        stored: size of the stored directory in bytes.
        length: size of the inflated directory in bytes.
    """

    flags: int
    stored: int
    length: int

    @property
    def deflated(self) -> bool:
        """Whether the directory is deflated."""
        return bool(self.flags & DEFLATED)

    @property
    def end(self) -> int:
        """Offset of the first segment."""
        return HEADER_BYTES + self.stored + CRC_BYTES


@dataclass(frozen=True)
class Extent:
    """The position of a segment: tier, index of its group, offset of its first byte, and size without the CRC-32."""

    tier: int
    group: int
    offset: int
    size: int


class Extents:
    """The positions of all segments of a file, including any that have been cut off.

    Args:
        directory: the file's directory.
        start: offset of the first segment.

    Attributes:
        ends: the offset after each tier.

    Raises:
        FrzError: ``LIMIT`` if the file is too large.
    """

    def __init__(self, directory: Directory, start: int) -> None:
        self._groups = directory.groups
        sums = np.zeros(directory.tiers, np.int64)
        self._starts: list[NDArray[np.int64]] = []
        for group in self._groups:
            framed = framed_sizes(group)
            self._starts.append(sums[: len(framed)].copy())
            sums[: len(framed)] += framed
            if sums.max() > limits.FILE_BYTES:
                raise FrzError("LIMIT", "the segments together have more than 2^56 bytes")
        ends = [start]
        for size in sums.tolist():
            ends.append(ends[-1] + size)
        if ends[-1] > limits.FILE_BYTES:
            raise FrzError("LIMIT", "the segments together have more than 2^56 bytes")
        self._tiers = ends[:-1]
        self.ends = tuple(ends[1:])

    def of(self, group: int, tier: int) -> Extent | None:
        """Return the segment of a group in a tier, or None if there is none."""
        held = self._groups[group]
        if tier >= len(held.sizes) or not held.values[tier]:
            return None
        return Extent(tier, group, self._tiers[tier] + int(self._starts[group][tier]), held.size(tier))

    def present(self, tiers: int) -> Iterator[Extent]:
        """Yield the segments of the first tiers, in file order."""
        tiered = [index for index, group in enumerate(self._groups) if len(group.sizes) > 1]
        for tier in range(tiers):
            for index in tiered if tier else range(len(self._groups)):
                extent = self.of(index, tier)
                if extent is not None:
                    yield extent


@dataclass(frozen=True)
class Container:
    """Everything in a file except the content of its segments.

    Attributes:
        directory: the parsed directory.
        header: the parsed header.
        extents: the positions of the segments.
        size: size of the file in bytes.
        present: number of tiers that are present.
    """

    directory: Directory
    header: Header
    extents: Extents
    size: int
    present: int

    @property
    def ends(self) -> tuple[int, ...]:
        """The offset after each tier, including tiers that are not present."""
        return self.extents.ends


def read(file: IO[bytes], budget: int = limits.MEMORY_BUDGET) -> Container:
    """Read and check everything before the segments.

    Args:
        file: seekable and open for reading.
        budget: bytes that the directory and its parsed form may take.

    Raises:
        FrzError: any code of stages 1 to 7 of section 12 of the specification.
    """
    size = file.seek(0, os.SEEK_END)
    file.seek(0)
    head = file.read(HEADER_BYTES)
    header = read_header(head)
    if size < header.end:
        reason = f"the file ends within its directory, which extends to byte {header.end}"
        raise FrzError("TRUNCATED", reason, offset=size)
    _check_budget(header, budget)
    stored = file.read(header.stored)
    if zlib.crc32(stored, zlib.crc32(head)) != int.from_bytes(file.read(CRC_BYTES), "little"):
        raise FrzError(
            "CHECKSUM", "the header or directory is damaged: get the file again", offset=header.end - CRC_BYTES
        )
    data = unpack_directory(stored, header.length) if header.deflated else stored
    directory = parser.parse(data, budget, _directory_bytes(header))
    extents = Extents(directory, header.end)
    ends = extents.ends
    if size > ends[-1]:
        raise FrzError("TRAILING", f"the last segment is followed by {count(size - ends[-1], 'byte')}", offset=ends[-1])
    if size not in ends:
        raise FrzError("TRUNCATED", f"the file ends within a tier; the complete file has {ends[-1]} bytes", offset=size)
    present = max(tier for tier, at in enumerate(ends) if at == size) + 1
    return Container(directory, header, extents, size, present)


def read_header(head: bytes) -> Header:
    """Parse the header from the first bytes of a file.

    Raises:
        FrzError: ``MAGIC``, ``VERSION``, ``TRUNCATED``, ``HEADER`` or ``LIMIT``.
    """
    if not MAGIC.startswith(head[:4]):
        raise FrzError("MAGIC", "not an .frz file; frformat encode makes one from a checkpoint", offset=0)
    if len(head) > 4 and head[4] != VERSION:
        raise FrzError("VERSION", f"format version {head[4]} is not supported, only {VERSION}: upgrade", offset=4)
    if len(head) < HEADER_BYTES:
        raise FrzError("TRUNCATED", f"the file ends within its header of {HEADER_BYTES} bytes", offset=len(head))
    header = Header(head[5], int.from_bytes(head[6:10], "little"), int.from_bytes(head[10:14], "little"))
    if header.flags & ~DEFLATED:
        raise FrzError("HEADER", f"reserved flags are set (0x{header.flags:02x})", offset=5)
    for offset, length in ((6, header.stored), (10, header.length)):
        if length > limits.DIRECTORY_BYTES:
            reason = f"the directory has {length} bytes; the limit is {limits.DIRECTORY_BYTES}"
            raise FrzError("LIMIT", reason, offset=offset)
    if not header.deflated and header.stored != header.length:
        reason = f"the directory is not deflated, but has two sizes, {header.stored} and {header.length} bytes"
        raise FrzError("HEADER", reason, offset=10)
    return header


def head(contents: Directory) -> bytes:
    """Return the bytes of a file before its segments: header, directory and CRC-32.

    Raises:
        FrzError: a reader would reject the directory.
    """
    packed = packing.pack(contents)
    parser.parse(packed, budget=limits.UNBOUNDED)
    stored = pack_directory(packed)
    flags = DEFLATED if len(stored) < len(packed) else 0
    if not flags:
        stored = packed
    start = b"%b%c%c%b%b%b" % (MAGIC, VERSION, flags, _u32(len(stored)), _u32(len(packed)), stored)
    read_header(start)
    return start + _u32(zlib.crc32(start))


def framed_sizes(group: Group) -> NDArray[np.int64]:
    """Return the bytes that a group takes in each tier, including the checksum; 0 where it has no segment."""
    framed: Any = np.where(group.values > 0, group.sizes.astype(np.int64) + CRC_BYTES, 0)
    return framed  # type: ignore[no-any-return]


def _directory_bytes(header: Header) -> int:
    return header.stored + (header.length if header.deflated else 0)


def _check_budget(header: Header, budget: int) -> None:
    # zlib writes blocks and finally joins them, so its output briefly takes twice its length.
    needed = _directory_bytes(header) + (header.length if header.deflated else 0)
    if needed > budget:
        reason = f"the directory needs {needed:,} bytes, but the memory budget is {budget:,}"
        raise FrzError("BUDGET", f"{reason}; raise it if you trust the file")


def _u32(value: int) -> bytes:
    return value.to_bytes(4, "little")


class SegmentReader:
    """Reads the stored bytes of one segment in order, and checks the CRC-32 that follows them."""

    def __init__(self, file: IO[bytes], extent: Extent) -> None:
        self._file = file
        self._extent = extent
        self._left = extent.size
        self._crc = 0
        file.seek(extent.offset)

    def read(self, size: int) -> bytes:
        """Return at most ``size`` bytes; none at the end of the segment."""
        data = self._file.read(min(size, self._left))
        self._account(data)
        return data

    def readinto(self, buffer: memoryview) -> int:
        """Fill ``buffer`` with the next bytes of the segment, and return their number."""
        count = self._file.readinto(buffer[: self._left])  # type: ignore[attr-defined]
        self._account(buffer[:count])
        return int(count)

    def rest(self) -> bytes:
        """Return all remaining bytes, once the checksum has matched.

        Raises:
            FrzError: ``CHECKSUM``.
        """
        data = self.read(self._left)
        self.check()
        return data

    def check(self) -> None:
        """Read the remaining bytes and compare checksums. Further calls have no effect.

        Raises:
            FrzError: ``CHECKSUM``.
        """
        extent = self._extent
        while self._left:
            if not self.read(CHUNK):
                break
        self._file.seek(extent.offset + extent.size)
        if self._left or self._crc != int.from_bytes(self._file.read(CRC_BYTES), "little"):
            raise FrzError("CHECKSUM", "a segment is damaged: get the file again", offset=extent.offset)

    def _account(self, data: bytes | memoryview) -> None:
        self._left -= len(data)
        self._crc = zlib.crc32(data, self._crc)


class SegmentWriter:
    """Writes the stored bytes of one segment to a file and appends their CRC-32."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._crc = 0
        self.size = 0

    def write(self, data: bytes | memoryview) -> None:
        """Append ``data``."""
        self._file.write(data)
        self.size += len(data)
        self._crc = zlib.crc32(data, self._crc)

    def close(self) -> None:
        """Append the checksum. The file stays open."""
        self._file.write(_u32(self._crc))
