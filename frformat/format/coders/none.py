"""Coder ``none``: the bytes as they are."""

from __future__ import annotations

from frformat.format.coders.base import CHUNK, Readable


def fill(stored: Readable, out: memoryview) -> None:
    """Read a segment into ``out``."""
    for start in range(0, len(out), CHUNK):
        stored.readinto(out[start : start + CHUNK])


class _Copier:
    def compress(self, data: memoryview, /) -> memoryview:
        return data

    def flush(self) -> bytes:
        return b""


def compressor(size: int) -> _Copier:
    """A compressor that changes nothing."""
    return _Copier()
