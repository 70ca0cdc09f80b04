"""Choose the coder of a group: the one that makes it smallest, as far as a quick check can show."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Final, NamedTuple

from frformat.format.coders import CHUNK, CODERS, Array, Coder, Encoder, byte_view
from frformat.format.coders.batches import Batch, Block, Pieces
from frformat.format.coders.zstd import quick_size
from frformat.format.grouping import Likeness

SMALL: Final = 1 << 16
"""Groups of at most this many values are coded with every promising coder."""

TABLES: Final = 1 << 13
"""If tensors have at least this many values on average, tables can save more bytes than they take."""

SLOW: Final = 1 << 25
"""With a slow coder, reading a group of more values than this would take more than about two seconds."""

QUICK: Final = 1 << 14
"""From this many bytes on, the general-purpose compressors first run at their lowest level, to see whether they can
win."""

GAIN: Final = 0.95
"""Assumed minimum of the output size at the highest level, relative to that at the lowest; weights rarely reach it."""

WORTH: Final = 0.98
"""Large exact values are compressed if a sample shrinks to less than this share of its size."""

Told = Callable[[int], None]


class Choice(NamedTuple):
    """The chosen way to store a group.

    Attributes:
        coder: the coder.
        done: the stored bytes of each tier, if they have been computed.
    """

    coder: Coder
    done: list[bytes] | None = None


def choose(
    likeness: Likeness, tiers: Sequence[Pieces], names: Sequence[str], *, fast: bool, told: Told | None
) -> Choice:
    """Choose the coder of a group.

    Args:
        likeness: the properties that the group's tensors share.
        tiers: for each tier, the batches of its segment with their values.
        names: the coders that may be used. If none of them accepts the values, all others may be used.
        fast: whether large groups must be fast to read.
        told: called with the number of bytes of values processed since the last call.
    """
    batches = [batch for tier in tiers for batch, _ in tier]
    count, runs = sum(batch.size for batch in batches), sum(batch.runs for batch in batches)
    takes = [coder for coder in CODERS.values() if coder.takes(likeness.stored_type, integers=likeness.integers)]
    able = [coder for coder in takes if coder.name in names] or takes
    if count <= SMALL:
        if count <= TABLES * runs:
            able = _preferred(able, [coder for coder in able if not coder.tables])
    elif fast or count > SLOW or not likeness.integers:
        able = _preferred(able, [coder for coder in able if not coder.slow])
    if len(able) == 1:
        return Choice(able[0])
    if count > SMALL and not likeness.integers:
        return Choice(_sampled(able, likeness.value_type, *next(piece for tier in tiers for piece in tier)))
    choices: list[Choice] = []
    arrays = [array for tier in tiers for _, array in tier]
    least, plain = _Least(arrays), sum(array.nbytes for array in arrays)
    for coder in sorted(able, key=lambda coder: not coder.integers):
        size = min(map(_size, choices), default=plain + 1)
        if (coder.general and choices and least.exceeds(size)) or (coder.plain and plain > size):
            continue
        choices.append(Choice(coder, _coded(coder, likeness, tiers, told)))
        told = None  # report progress only once
    # If several choices have the same size, take the one that is fastest to read.
    return min(choices, key=lambda choice: (_size(choice), choice.coder.slow, choice.coder.integers))


def _size(choice: Choice) -> int:
    return sum(map(len, choice.done or ()))


class _Least:
    """A lower bound on the size to which general-purpose compressors can reduce values, from a quick check."""

    def __init__(self, arrays: Sequence[Array]) -> None:
        self._arrays = arrays

    @cached_property
    def _size(self) -> float:
        data = b"".join(map(byte_view, self._arrays))
        return GAIN * quick_size(data) if len(data) >= QUICK else 0

    def exceeds(self, size: float) -> bool:
        """Return whether the bound exceeds ``size`` bytes."""
        return self._size > size


def _preferred(able: list[Coder], some: list[Coder]) -> list[Coder]:
    """Return the coders in ``some``, or those in ``able`` if none in ``some`` compresses."""
    return able if all(coder.plain for coder in some) else some


def encoders(coder: Coder, likeness: Likeness, tiers: int) -> list[Encoder]:
    """Return the encoder of each tier: the same one for all tiers, or a fresh one for each tier of a per-tier group."""
    offsets = likeness.offsets != 0
    if likeness.per_tier:
        return [coder.encoder(likeness.stored_type, offsets) for _ in range(tiers)]
    return [coder.encoder(likeness.stored_type, offsets)] * tiers


def _coded(coder: Coder, likeness: Likeness, tiers: Sequence[Pieces], told: Told | None) -> list[bytes]:
    """Return the stored bytes of each tier."""
    out = []
    for encoder, pieces in zip(encoders(coder, likeness, len(tiers)), tiers, strict=True):
        buffer = io.BytesIO()
        if pieces:
            encoder.encode(pieces, buffer, told)
        out.append(buffer.getvalue())
    return out


def _sampled(able: Sequence[Coder], value_type: str, batch: Batch, values: Array) -> Coder:
    """Return the coder that does best on the first megabyte, or the plain one if none saves anything."""
    sample = _sample(batch, values)
    sizes: list[tuple[float, Coder]] = []
    least = _Least([array for _, array in sample])
    for coder in sorted(able, key=lambda coder: not coder.integers):
        # Deflate is far slower than zstd and rarely smaller: use it only if zstd is not allowed.
        if coder.name == "deflate" and any(other.name == "zstd" for other in able):
            continue
        if sizes and coder.general and least.exceeds(sizes[0][0]):
            continue
        buffer = io.BytesIO()
        coder.encoder(value_type, False).encode(sample, buffer)
        sizes.append((buffer.tell() if not coder.plain else WORTH * buffer.tell(), coder))
    return min(sizes, key=lambda pair: pair[0])[1]


def _sample(batch: Batch, values: Array) -> Pieces:
    """Return the first megabyte of a tensor's values, extended to whole rows."""
    most = max(1, CHUNK // values.itemsize)
    block = batch.blocks[0]
    if len(batch.blocks) == 1 and block.columns <= most:
        block = block._replace(rows=min(block.rows, -(-most // block.columns)))
    else:
        block = Block(1, 1, min(most, batch.size))
    return [(Batch(False, [block], 1, block.size), values[: block.size])]
