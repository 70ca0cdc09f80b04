"""Coders, which convert a segment's values to stored bytes and back (specification, sections 9 and 10), one per module.

The fields of :class:`Coder` describe all differences between coders. Other modules refer to coders by name only to
restrict which of them may be used (``options.py``) and to prefer ``zstd`` to ``deflate`` (``choice.py``).
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
