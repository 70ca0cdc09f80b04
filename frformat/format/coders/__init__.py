"""Coders: a segment's values ↔ its stored bytes (specification, sections 9 and 10). One file each.

Nothing else asks for a coder by its name; what differs between them are the fields of :class:`Coder`.
"""

from __future__ import annotations

from typing import Final

from frformat.format.coders.base import CHUNK, Coder, Decoder, Encoder, Readable, Run, Runs, Writable, byte_view
from frformat.format.coders.deflate import DEFLATE
from frformat.format.coders.floats import RANGE
from frformat.format.coders.integer import INTEGER
from frformat.format.coders.none import NONE
from frformat.format.coders.zstd import ZSTD

CODERS: Final = {coder.name: coder for coder in (NONE, DEFLATE, ZSTD, RANGE, INTEGER)}
"""By name, in the order of their ids."""

__all__ = ["CHUNK", "CODERS", "Coder", "Decoder", "Encoder", "Readable", "Run", "Runs", "Writable", "byte_view"]
