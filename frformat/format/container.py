"""The container: a file's bytes ↔ its directory and segments (specification, sections 2 and 4).

All extents follow from the sizes in the directory. No byte of the directory is used before its checksum has matched,
and what is decoded from a segment is handed out only after the segment's has.
"""

from __future__ import annotations

import os
import zlib
from dataclasses import dataclass
from typing import IO, Final

from frformat.errors import FrzError
from frformat.format import coders, directory, directory_parser, limits
from frformat.format.coders import deflate
from frformat.format.directory import Directory

MAGIC: Final = b"\x89FRZ"
VERSION: Final = 1
DEFLATED: Final = 1
HEADER_BYTES: Final = 14
CRC_BYTES: Final = 4


@dataclass(frozen=True)
class Header:
    """The fixed start of a file.

    Attributes:
        flags: bit 0 says that the directory is deflated.
        stored: bytes of the directory as stored.
        length: bytes of the directory when inflated.
    """

    flags: int
    stored: int
    length: int


@dataclass(frozen=True)
class Extent:
    """Where a segment lies: tier, index of its group, offset of its first byte and its size without the CRC-32."""

    tier: int
    group: int
    offset: int
    size: int


@dataclass(frozen=True)
class Container:
    """What opening a file yields: everything but the content of segments.

    Attributes:
        directory: what the file says of itself.
        header: the header's fields.
        extents: the segments that are present, in file order.
        by_group: the same for each group, in the order of tiers.
        ends: offset after each tier, also of tiers that are not present.
        size: bytes of the file.
        present: how many tiers are present.
    """

    directory: Directory
    header: Header
    extents: tuple[Extent, ...]
    by_group: tuple[tuple[Extent, ...], ...]
    ends: tuple[int, ...]
    size: int
    present: int


def read(file: IO[bytes]) -> Container:
    """Read and check everything before the segments.

    Args:
        file: seekable and open for reading.

    Raises:
        FrzError: any code that section 11 of the specification lists before ``TIER``.
    """
    size = file.seek(0, os.SEEK_END)
    file.seek(0)
    head = file.read(HEADER_BYTES)
    header = _read_header(head)
    end = HEADER_BYTES + header.stored
    if size < end + CRC_BYTES:
        raise FrzError("TRUNCATED", f"the file ends within its directory, at {end + CRC_BYTES} bytes", offset=size)
    stored = file.read(header.stored)
    if zlib.crc32(stored, zlib.crc32(head)) != int.from_bytes(file.read(CRC_BYTES), "little"):
        raise FrzError("CHECKSUM", "the header or directory is damaged: get the file again", offset=end)
    data = deflate.unpack_directory(stored, header.length) if header.flags & DEFLATED else stored
    contents = directory_parser.parse(data)
    segments, ends = extents(contents, end + CRC_BYTES)
    if size > ends[-1]:
        raise FrzError("TRAILING", f"{size - ends[-1]} bytes follow the last segment", offset=ends[-1])
    if size not in ends:
        raise FrzError("TRUNCATED", f"the file ends within a tier; whole it has {ends[-1]} bytes", offset=size)
    present = max(tier for tier, at in enumerate(ends) if at == size) + 1
    there = tuple(segment for segment in segments if segment.tier < present)
    by_group: list[list[Extent]] = [[] for _ in contents.groups]
    for segment in there:
        by_group[segment.group].append(segment)
    return Container(contents, header, there, tuple(map(tuple, by_group)), ends, size, present)


def _read_header(head: bytes) -> Header:
    if not MAGIC.startswith(head[:4]):
        raise FrzError("MAGIC", "not an .frz file", offset=0)
    if len(head) > 4 and head[4] != VERSION:
        raise FrzError("VERSION", f"format version {head[4]}, this reader knows version {VERSION}: upgrade", offset=4)
    if len(head) < HEADER_BYTES:
        raise FrzError("TRUNCATED", f"the file ends within its header of {HEADER_BYTES} bytes", offset=len(head))
    header = Header(head[5], int.from_bytes(head[6:10], "little"), int.from_bytes(head[10:14], "little"))
    if header.flags & ~DEFLATED:
        raise FrzError("HEADER", f"reserved flags are set (0x{header.flags:02x})", offset=5)
    for offset, count in ((6, header.stored), (10, header.length)):
        if count > limits.DIRECTORY_BYTES:
            raise FrzError("LIMIT", f"a directory of {count} bytes, at most {limits.DIRECTORY_BYTES}", offset=offset)
    if not header.flags & DEFLATED and header.stored != header.length:
        raise FrzError("HEADER", f"{header.stored} and {header.length} bytes for one directory", offset=10)
    return header


def extents(contents: Directory, start: int) -> tuple[list[Extent], tuple[int, ...]]:
    """All segments in file order and the offset after each tier, if the first segment is at ``start``."""
    segments, ends = [], []
    offset = start
    groups = list(enumerate(contents.groups))
    for tier in range(contents.tiers):
        if tier == 1:  # raw groups end with tier 0
            groups = [(index, group) for index, group in groups if group.coding != "raw"]
        for index, group in groups:
            if any(group.counts(tier)):
                segments.append(Extent(tier, index, offset, group.size(tier)))
                offset += group.size(tier) + CRC_BYTES
        ends.append(offset)
    return segments, tuple(ends)


def head(contents: Directory) -> bytes:
    """Header, directory and its CRC-32: the bytes of a file before its segments."""
    packed = directory.pack(contents)
    stored = deflate.pack_directory(packed)
    flags = DEFLATED if len(stored) < len(packed) else 0
    if not flags:
        stored = packed
    head = b"%b%c%c%b%b%b" % (MAGIC, VERSION, flags, _u32(len(stored)), _u32(len(packed)), stored)
    return head + _u32(zlib.crc32(head))


def _u32(value: int) -> bytes:
    return value.to_bytes(4, "little")


class SegmentReader:
    """The stored bytes of one segment, read in order; checks the CRC-32 that follows them."""

    def __init__(self, file: IO[bytes], extent: Extent) -> None:
        self._file = file
        self._extent = extent
        self._left = extent.size
        self._crc = 0
        file.seek(extent.offset)

    def read(self, size: int) -> bytes:
        """At most ``size`` bytes; none at the end of the segment."""
        data = self._file.read(min(size, self._left))
        self._account(data)
        return data

    def readinto(self, buffer: memoryview) -> int:
        """Fill ``buffer`` or what the segment has left for it."""
        count = self._file.readinto(buffer[: self._left])  # type: ignore[attr-defined]
        self._account(buffer[:count])
        return int(count)

    def check(self) -> None:
        """Read what is left and compare checksums.

        Raises:
            FrzError: ``CHECKSUM``.
        """
        while self._left:
            if not self.read(coders.CHUNK):
                break
        if self._left or self._crc != int.from_bytes(self._file.read(CRC_BYTES), "little"):
            raise FrzError("CHECKSUM", "a segment is damaged: get the file again", offset=self._extent.offset)

    def _account(self, data: bytes | memoryview) -> None:
        self._left -= len(data)
        self._crc = zlib.crc32(data, self._crc)


class SegmentWriter:
    """Collects the stored bytes of one segment in a file and appends their CRC-32."""

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
        """Append the checksum; the file stays open."""
        self._file.write(_u32(self._crc))
