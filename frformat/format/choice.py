"""Which coder a group is stored by: the one that makes it smallest, as far as that can be told in good time."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from frformat.format.coders import CHUNK, CODERS, Array, Coder, Encoder, Run
from frformat.format.grouping import PER_TIER, Likeness, Pieces

SMALL: Final = 1 << 16
"""Groups of up to so many values are coded by every coder that may do well."""

SLOW: Final = 1 << 25
"""Beyond so many values, a slow coder would take some two seconds to read a group."""

WORTH: Final = 0.98
"""Large exact values are compressed if a sample of them gets smaller than so much of itself."""

Told = Callable[[int], None]


class Choice(NamedTuple):
    """How a group is stored.

    Attributes:
        coder: the coder.
        done: the stored bytes of each tier, if they have been made.
    """

    coder: Coder
    done: list[bytes] | None = None


def choose(
    likeness: Likeness, tiers: Sequence[Pieces], names: Sequence[str], *, fast: bool, told: Told | None
) -> Choice:
    """Choose the coder of a group.

    Args:
        likeness: what its tensors have in common.
        tiers: for each tier the runs of its segment, with their values.
        names: the coders that may be used; if none of them takes integers, all may be used for these.
        fast: a large group has to be read fast.
        told: is told how many bytes of values are done.
    """
    count = sum(run.size for tier in tiers for run, _ in tier)
    takes = [coder for coder in CODERS.values() if coder.takes(likeness.value_type, integers=likeness.stepped)]
    able = [coder for coder in takes if coder.name in names] or takes
    if count <= SMALL:
        able = [coder for coder in able if not coder.tables] or able
    elif fast or count > SLOW or not likeness.stepped:
        able = [coder for coder in able if not coder.slow] or able
    if len(able) == 1:
        return Choice(able[0])
    if count > SMALL and not likeness.stepped:
        return Choice(_sampled(able, likeness.value_type, *next(piece for tier in tiers for piece in tier)))
    choices = []
    for coder in able:
        choices.append(Choice(coder, _coded(coder, likeness, tiers, told)))
        told = None  # once is enough
    # Of equals the one that is read faster.
    return min(choices, key=lambda choice: (sum(map(len, choice.done or ())), choice.coder.slow))


def encoders(coder: Coder, likeness: Likeness, tiers: int) -> list[Encoder]:
    """What codes each tier: one encoder goes on, but of a group that every tier has anew each begins anew."""
    offsets = likeness.offsets != 0
    if likeness.extent == PER_TIER:
        return [coder.encoder(likeness.value_type, offsets) for _ in range(tiers)]
    return [coder.encoder(likeness.value_type, offsets)] * tiers


def _coded(coder: Coder, likeness: Likeness, tiers: Sequence[Pieces], told: Told | None) -> list[bytes]:
    """The stored bytes of each tier."""
    out = []
    for encoder, pieces in zip(encoders(coder, likeness, len(tiers)), tiers, strict=True):
        buffer = io.BytesIO()
        if pieces:
            encoder.encode(pieces, buffer, told)
        out.append(buffer.getvalue())
    return out


def _sampled(able: Sequence[Coder], value_type: str, run: Run, values: Array) -> Coder:
    """The coder that does best on the first megabyte; the plain one unless another saves something."""
    sample, shape = _sample(run, values)
    sizes = []
    for coder in able:
        # Deflate is far slower and hardly ever smaller than zstd: take it only where zstd may not be used.
        if coder.name == "deflate" and any(other.name == "zstd" for other in able):
            continue
        buffer = io.BytesIO()
        coder.encoder(value_type, False).encode([(Run(False, (shape,)), sample)], buffer)
        sizes.append((buffer.tell() if not coder.plain else WORTH * buffer.tell(), coder))
    return min(sizes, key=lambda pair: pair[0])[1]


def _sample(run: Run, values: Array) -> tuple[Array, tuple[int, ...]]:
    """The first megabyte of a tensor's values, whole rows if there are such, and their shape."""
    most = max(1, CHUNK // values.itemsize)
    first, *rest = run.blocks[0] or (1,)
    row = run.size // first if len(run.blocks) == 1 else run.size
    if rest and row <= most:
        rows = min(first, most // row)
        return values.reshape(-1)[: rows * row], (rows, *rest)
    sample = values.reshape(-1)[:most]
    return sample, (len(sample),)
