"""Find the meaning of every byte of a file, even a damaged one, as far as checksums and lengths allow."""

from __future__ import annotations

import os
import zlib
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import IO, Final

from frformat.cli.dump.survey import CHECKED_BYTES
from frformat.errors import FrzError
from frformat.format import coders, container, limits, parser
from frformat.format.coders import deflate
from frformat.format.container import CRC_BYTES, HEADER_BYTES, Extents, Header
from frformat.format.directory import Directory
from frformat.format.reader import FrzFile, StrPath
from frformat.wording import count

SHOWN: Final = 1 << 17
"""Largest number of ranges."""


@dataclass(frozen=True, slots=True)
class Range:
    """Bytes ``start`` to ``end`` − 1 of a file.

    Attributes:
        start: offset of the first byte.
        end: offset after the last one.
        part: ``header``, ``directory``, ``checksum``, ``segment`` or ``unread``.
        meaning: an explanation of the bytes.
        tier: tier of a segment or its checksum.
        group: group of a segment or its checksum.
    """

    start: int
    end: int
    part: str
    meaning: str
    tier: int | None = None
    group: int | None = None


@dataclass
class Layout:
    """The layout of a whole file.

    Attributes:
        size: bytes of the file.
        ranges: nonempty ranges that cover the file without gaps or overlaps.
        directory: the inflated directory, for :func:`~frformat.cli.dump.walk.walk`; empty if it cannot be read.
        error: the file's fault, if any.
    """

    size: int
    ranges: list[Range] = field(default_factory=list)
    directory: bytes = b""
    error: FrzError | None = None

    @property
    def end(self) -> int:
        """The offset up to which ranges have been added."""
        return self.ranges[-1].end if self.ranges else 0

    def add(
        self, part: str, size: int, what: str, saying: str = "", tier: int | None = None, group: int | None = None
    ) -> None:
        """Add a range of ``size`` bytes, or fewer if the file ends early; ``saying`` describes a complete range."""
        left = self.size - self.end
        if left < size:
            saying = f": {count(left)} of {count(size, 'byte')}; the file ends early"
        if left and size:
            self.ranges.append(Range(self.end, self.end + min(size, left), part, what + saying, tier, group))

    def add_rest(self, meaning: str) -> None:
        """Add the rest of the file."""
        self.add("unread", self.size - self.end, meaning)


def explain(
    file: IO[bytes], path: str, memory_budget: int = limits.MEMORY_BUDGET, base: StrPath | None = None
) -> Layout:
    """Return the layout of a file and its first fault. The values of segments are checked unless the file is large.

    Args:
        file: seekable and open for reading.
        path: its name in the error.
        memory_budget: see :func:`frformat.open`.
        base: path of the base; without it, the values of a delta file are not checked.
    """
    layout = Layout(file.seek(0, os.SEEK_END))
    opened = None
    try:
        opened = FrzFile(file, path, None, memory_budget, base)
    except FrzError as error:
        layout.error = error
    header = _add_header(layout, file)
    if header is not None and _add_directory(layout, file, header):
        # If opening failed only because of the file's length, parsing the directory succeeds.
        contents = opened.container.directory if opened is not None else parser.parse(layout.directory)
        _add_segments(layout, file, path, contents)
    if opened is not None and layout.error is None and layout.size <= CHECKED_BYTES:
        try:
            opened.verify()
        except FrzError as error:
            # A budget that is too small, or a missing base file, is not a fault of this file.
            layout.error = None if error.code == "BUDGET" or (error.code == "BASE" and base is None) else error
    if opened is not None:
        opened.close_base()
    return layout


def _add_header(layout: Layout, file: IO[bytes]) -> Header | None:
    """Add the header and return it, or None if it is too damaged to find the directory."""
    head = _read(file, 0, HEADER_BYTES)
    flags = head[5] if len(head) > 5 else 0
    stored, length = (int.from_bytes(head[at : at + 4], "little") for at in (6, 10))
    header = Header(flags, stored, length)
    layout.add("header", 4, "magic" if head[:4] == container.MAGIC else "not the magic of an .frz file")
    layout.add("header", 1, "version", f": {head[4:5].hex()}")
    layout.add("header", 1, "flags", f": the directory is {'' if header.deflated else 'not '}deflated")
    layout.add("header", 4, "stored", f": the directory has {count(stored, 'byte')} in the file")
    layout.add("header", 4, "length", f": and {count(length)} when inflated")
    error = layout.error
    if error is not None and error.offset is not None and error.offset < HEADER_BYTES:
        layout.add_rest("not examined, because the header is not valid")
        return None
    return header


def _add_directory(layout: Layout, file: IO[bytes], header: Header) -> bool:
    """Add the directory and its checksum; return whether the segments can be located from it."""
    layout.add("directory", header.stored, "directory" + (", deflated" if header.deflated else ""))
    before = _read(file, 0, layout.end)
    matches, verdict = _checksum(zlib.crc32(before), _read(file, layout.end, CRC_BYTES))
    layout.add("checksum", CRC_BYTES, "CRC-32 of all bytes before it", verdict)
    if not matches:
        layout.add_rest("not examined, because the directory is damaged")
        return False
    stored = before[HEADER_BYTES:]
    with suppress(FrzError):  # already reported by opening the file
        layout.directory = deflate.unpack_directory(stored, header.length) if header.deflated else stored
    if layout.error is None or layout.error.code in ("TRUNCATED", "TRAILING"):
        return True
    layout.add_rest("segments, which cannot be told apart without a valid directory")
    return False


def _add_segments(layout: Layout, file: IO[bytes], path: str, contents: Directory) -> None:
    """Add the segments of all tiers with their checksums, up to the end of the file, and any bytes after them."""
    segments = Extents(contents, layout.end).present(contents.tiers)
    for tier, index in ((segment.tier, segment.group) for segment in segments):
        if layout.end == layout.size:
            break
        if len(layout.ranges) > SHOWN:
            layout.add_rest(f"further segments; only the first {SHOWN // 2:,} are listed")
            return
        group = contents.groups[index]
        start = layout.end
        values = count(int(group.values[tier]), "value")
        of = count(group.tensors, "tensor" if group.names else "factor")
        what = f": {values} of {of}, coder {group.coder}"
        layout.add("segment", group.size(tier), f"segment of tier {tier}, group {index}", what, tier, index)
        crc = 0
        for chunk in _chunks(file, start, layout.end):
            crc = zlib.crc32(chunk, crc)
        stored = _read(file, layout.end, CRC_BYTES)
        matches, verdict = _checksum(crc, stored)
        layout.add("checksum", CRC_BYTES, "CRC-32 of the segment", verdict, tier, index)
        if not matches and layout.error is None:
            reason = "a segment is damaged: get the file again"
            layout.error = FrzError("CHECKSUM", reason, path=path, offset=start)
    layout.add_rest("bytes after the last segment")


def _checksum(crc: int, stored: bytes) -> tuple[bool, str]:
    """Return whether a CRC-32 matches the stored one, and a message that says so."""
    if len(stored) < CRC_BYTES:
        return False, ""
    matches = crc == int.from_bytes(stored, "little")
    return matches, " matches" if matches else f" does NOT match: computed 0x{crc:08x}"


def _chunks(file: IO[bytes], start: int, end: int) -> Iterator[bytes]:
    for at in range(start, end, coders.CHUNK):
        yield _read(file, at, min(coders.CHUNK, end - at))


def _read(file: IO[bytes], start: int, size: int) -> bytes:
    file.seek(start)
    return file.read(size)
