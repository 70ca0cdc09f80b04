"""Coder ``adaptive``: a range coder that learns the scale of integers (specification, sections 10.1 to 10.4)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from frformat.format import limits
from frformat.format.coders.base import Coder
from frformat.format.coders.batches import Batch, Block, batches
from frformat.format.coders.engine import engine
from frformat.format.coders.entropy import entropy_coder
from frformat.format.coders.integers import Sink, Source, Told, cuts, malformed
from frformat.format.coders.runs import Runs
from frformat.format.coders.scales import SCALES, scale_of

CONFIDENCE: Final = {False: 16, True: 4}
"""Number of coded bits that the initial estimate of a counter counts for; the key says whether values are exact. The
number is lower for exact values, because the estimates suit them poorly."""

TERM_BYTES: Final = 8
OVER_BYTES: Final = 2


class _Models:
    """The models of a group: one for core entries, and one for step offsets if the group has any."""

    def __init__(self, exact: bool, offsets: bool) -> None:
        self._confidence = CONFIDENCE[exact]
        self.kinds = (False, True) if offsets else (False,)
        self.of: dict[bool, Any] = {}

    def start(self, scales: Sequence[int]) -> None:
        """Reset the models to their initial state."""
        self.of = {
            kind: engine().model(scale, self._confidence) for kind, scale in zip(self.kinds, scales, strict=True)
        }


class AdaptiveEncoder:
    """Encodes integers; see :class:`~frformat.format.coders.integers.IntegerEncoder`.

    Args:
        exact: whether the integers represent exact values.
        offsets: whether some of the integers are step offsets.
    """

    def __init__(self, exact: bool, offsets: bool) -> None:
        self._models = _Models(exact, offsets)

    def integers(self, pieces: Sequence[tuple[Batch, Source]], told: Told) -> bytes:
        """Return the stored bytes of one segment."""
        head = b""
        if not self._models.of:
            scales = [_scale(pieces, kind) for kind in self._models.kinds]
            self._models.start(scales)
            head = bytes(scales)
        made = engine()
        writer = made.writer()
        for batch, source in pieces:
            blocks = made.blocks(self._models.of[batch.offsets], batch.blocks)
            for start, stop in cuts(0, batch.size):
                writer.put(blocks, source.part(start, stop))
                told(stop - start)
        total = sum(batch.size for batch, _ in pieces)
        return head + writer.finish(limits.least_bytes(total) - len(head))


class AdaptiveDecoder:
    """Decodes integers; takes the same arguments as :class:`AdaptiveEncoder`."""

    def __init__(self, exact: bool, offsets: bool) -> None:
        self._models = _Models(exact, offsets)

    def integers(self, data: memoryview, runs: Runs, sink: Sink) -> None:
        """See :class:`~frformat.format.coders.integers.IntegerDecoder`."""
        if not self._models.of:
            count = len(self._models.kinds)
            scales = data[:count]
            if len(scales) < count or max(scales) >= SCALES:
                raise malformed("it does not begin with a scale")
            self._models.start(scales)
            data = data[count:]
        made = engine()
        reader = made.reader(data)
        base = 0
        for batch in batches(runs):
            blocks = made.blocks(self._models.of[batch.offsets], batch.blocks)
            for start, stop in cuts(base, base + batch.size):
                if not reader.take(blocks, sink.room(start, stop)):
                    raise malformed("its bits are out of range")
                sink.filled(start, stop)
            base += batch.size
        if not reader.finish():
            raise malformed("bytes are left after its values")


def _scale(pieces: Sequence[tuple[Batch, Source]], offsets: bool) -> int:
    """Return the scale of all core entries or, if ``offsets`` is true, of all step offsets."""
    total = count = 0
    for batch, source in pieces:
        if batch.offsets == offsets:
            for start, stop in cuts(0, batch.size):
                total += int(np.abs(source.part(start, stop)).sum(dtype=np.int64))
            count += batch.size
    return scale_of(total, count)


def memory(runs: Runs) -> int:
    """Return the size in bytes of the largest block state, which consists of terms and one row of values."""
    return max((_state(block) for batch in batches(runs) for block in batch.blocks), default=0)


def _state(block: Block) -> int:
    terms = sum(n for n in (block.channels, block.positions) if 1 < n < block.size)
    return TERM_BYTES * terms + (OVER_BYTES * block.columns if block.rows > 1 else 0)


ADAPTIVE: Final[Coder] = entropy_coder("adaptive", AdaptiveEncoder, AdaptiveDecoder, memory, slow=True)
