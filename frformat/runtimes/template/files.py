"""Read and write template files; see ``spec/template.md``."""

from __future__ import annotations

import struct
import zlib
from typing import Final

from frformat.errors import LoadError
from frformat.runtimes.seal import LENGTH, MARK, is_whole, sealed
from frformat.runtimes.template.layout import Layout
from frformat.runtimes.template.maps import pack_map, parse_map
from frformat.runtimes.template.stream import Reader

MAGIC: Final = b"\x89FRT"
VERSION: Final = 1
HEADER: Final = struct.Struct("<4sBI")
MAP_BYTES: Final = 1 << 22
"""Limit of the format: the size of the map."""


def pack(layout: Layout, content: bytes) -> bytes:
    """Return the bytes of a template, given a result of :func:`literal`. They depend only on the arguments."""
    assert len(content) == layout.literal, (len(content), layout.literal)
    body = pack_map(layout)
    assert len(body) <= MAP_BYTES
    deflate = zlib.compressobj(9, wbits=-15)
    stream = deflate.compress(body + content) + deflate.flush()
    return sealed(HEADER.pack(MAGIC, VERSION, len(body)) + stream + MARK)


def literal(file: bytes, layout: Layout) -> bytes:
    """Return the bytes of a file that are outside all places and digests."""
    parts, end = [], 0
    for start, next_end in layout.holes:
        parts.append(file[end:start])
        end = next_end
    return b"".join([*parts, file[end:]])


def parse(data: bytes) -> tuple[Layout, Literal]:
    """Parse a template. Memory use grows only with ``data`` and the map, whose size is limited to 4 MiB.

    Returns:
        The map, and the literal bytes, which are inflated while they are read.

    Raises:
        LoadError: the template is damaged, or has a version or content that this release does not support.
    """
    whole = is_whole(data)
    if not whole:
        what = "its bytes do not match their checksum" if whole is False else "it does not end like a template"
        raise damaged(what)
    if len(data) < HEADER.size + LENGTH or not data.startswith(MAGIC):
        raise LoadError("SKELETON_UNSUPPORTED", "this is not a template; export one with `frformat export`")
    _, version, size = HEADER.unpack_from(data)
    if version != VERSION:
        raise LoadError(
            "SKELETON_UNSUPPORTED", f"the template has version {version}, not {VERSION}; export it again, or upgrade"
        )
    if size > MAP_BYTES:
        raise damaged(f"its map has {size} bytes, more than {MAP_BYTES}")
    content = Literal(memoryview(data)[HEADER.size : len(data) - LENGTH])
    try:
        layout = parse_map(Reader(content.take(size)))
    except ValueError as error:
        raise damaged(str(error)) from error
    return layout, content


def damaged(what: str) -> LoadError:
    """Return the exception for a template that was altered or is malformed."""
    return LoadError(
        "SKELETON_DAMAGED", f"this is not an intact template: {what}; export it again with `frformat export`"
    )


class Literal:
    """The inflated bytes of a template's stream, read in order."""

    def __init__(self, stream: memoryview) -> None:
        self._inflate = zlib.decompressobj(-15)
        self._rest: bytes | memoryview = stream

    def take(self, size: int) -> bytes:
        """Return the next ``size`` bytes.

        Raises:
            LoadError: the stream is malformed, or ends too early.
        """
        parts = []
        while size:
            part = self._inflated(size)
            if not part:
                raise damaged("its stream ends too early")
            parts.append(part)
            size -= len(part)
        return b"".join(parts)

    def finish(self) -> None:
        """Check that the stream ends here.

        Raises:
            LoadError: the stream is malformed, or contains more bytes.
        """
        if self._inflated(1) or not self._inflate.eof or self._inflate.unused_data or self._rest:
            raise damaged("its stream does not end where it should")

    def _inflated(self, size: int) -> bytes:
        try:
            part = self._inflate.decompress(self._rest, size)
        except zlib.error as error:
            raise damaged("its stream is malformed") from error
        self._rest = self._inflate.unconsumed_tail
        return part
