"""Coder ``none``: the bytes of the values, unchanged."""

from __future__ import annotations

from typing import Final

from frformat.format.coders.base import CHUNK, Coder, Readable
from frformat.format.coders.bytewise import byte_coder


class _Copier:
    def compress(self, data: memoryview, /) -> memoryview:
        return data

    def flush(self) -> bytes:
        return b""


def _fill(stored: Readable, out: memoryview) -> None:
    for start in range(0, len(out), CHUNK):
        stored.readinto(out[start : start + CHUNK])


NONE: Final[Coder] = byte_coder("none", _fill, lambda size: _Copier(), plain=True)
