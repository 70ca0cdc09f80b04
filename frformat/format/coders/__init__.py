"""Coders, which convert a segment's values to stored bytes and back (specification, sections 9 and 10), one per module.

No other module refers to coders by name: all their differences are described by the fields of :class:`Coder`.
"""

from __future__ import annotations

from typing import Final

from frformat.format.coders.adaptive import ADAPTIVE
from frformat.format.coders.base import CHUNK, Array, Coder, Decoder, Encoder, Readable, Writable, byte_view
from frformat.format.coders.batches import joined
from frformat.format.coders.deflate import DEFLATE
from frformat.format.coders.none import NONE
from frformat.format.coders.runs import Run, Runs
from frformat.format.coders.static import STATIC
from frformat.format.coders.zstd import ZSTD

CODERS: Final = {coder.name: coder for coder in (NONE, DEFLATE, ZSTD, ADAPTIVE, STATIC)}
"""Coders by name, in the order of their ids."""

__all__ = [
    "CHUNK",
    "CODERS",
    "Array",
    "Coder",
    "Decoder",
    "Encoder",
    "Readable",
    "Run",
    "Runs",
    "Writable",
    "byte_view",
    "joined",
]
