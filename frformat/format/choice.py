"""Which coder a group is stored by: the one that makes it smallest, as far as that can be told in good time."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from frformat.format.coders import CHUNK, CODERS, Array, Coder, Encoder, Run, byte_view
from frformat.format.coders.zstd import quick_size
from frformat.format.grouping import PER_TIER, Likeness, Pieces

SMALL: Final = 1 << 16
"""Groups of up to so many values are coded by every coder that may do well."""

TABLES: Final = 1 << 13
"""Tables may be worth their bytes for tensors that have so many values on average."""

SLOW: Final = 1 << 25
"""Beyond so many values, a slow coder would take some two seconds to read a group."""

QUICK: Final = 1 << 14
"""Of so many bytes and more, the general compressors first show at their lowest level whether they may win …"""

GAIN: Final = 0.95
"""… which they do if the highest level would, at so much of the lowest's size; of weights it is hardly below 1."""

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
    sizes = [run.size for tier in tiers for run, _ in tier]
    count = sum(sizes)
    takes = [coder for coder in CODERS.values() if coder.takes(likeness.value_type, integers=likeness.stepped)]
    able = [coder for coder in takes if coder.name in names] or takes
    if count <= SMALL:
        if count <= TABLES * len(sizes):
            able = _preferred(able, [coder for coder in able if not coder.tables])
    elif fast or count > SLOW or not likeness.stepped:
        able = _preferred(able, [coder for coder in able if not coder.slow])
    if len(able) == 1:
        return Choice(able[0])
    if count > SMALL and not likeness.stepped:
        return Choice(_sampled(able, likeness.value_type, *next(piece for tier in tiers for piece in tier)))
    choices: list[Choice] = []
    arrays = [array for tier in tiers for _, array in tier]
    for coder in sorted(able, key=lambda coder: not coder.integers):
        if choices and coder.general and _is_beaten(arrays, min(map(_size, choices))):
            continue
        choices.append(Choice(coder, _coded(coder, likeness, tiers, told)))
        told = None  # once is enough
    # Of equals the one that is read faster.
    return min(choices, key=lambda choice: (_size(choice), choice.coder.slow, choice.coder.integers))


def _size(choice: Choice) -> int:
    return sum(map(len, choice.done or ()))


def _is_beaten(arrays: Sequence[Array], size: float) -> bool:
    """Whether no general compressor will make the values smaller than ``size``."""
    data = b"".join(map(byte_view, arrays))
    return len(data) >= QUICK and GAIN * quick_size(data) > size


def _preferred(able: list[Coder], some: list[Coder]) -> list[Coder]:
    """Some of the coders, unless whoever asked for one of the others would get none that makes anything smaller."""
    return able if all(coder.plain for coder in some) else some


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
    sizes: list[tuple[float, Coder]] = []
    for coder in sorted(able, key=lambda coder: not coder.integers):
        # Deflate is far slower and hardly ever smaller than zstd: take it only where zstd may not be used.
        if coder.name == "deflate" and any(other.name == "zstd" for other in able):
            continue
        if sizes and coder.general and _is_beaten([sample], sizes[0][0]):
            continue
        buffer = io.BytesIO()
        coder.encoder(value_type, False).encode([(Run(False, (shape,)), sample)], buffer)
        sizes.append((buffer.tell() if not coder.plain else WORTH * buffer.tell(), coder))
    return min(sizes, key=lambda pair: pair[0])[1]


def _sample(run: Run, values: Array) -> tuple[Array, tuple[int, ...]]:
    """The first megabyte of a tensor's values, or a little more to make whole rows, and their shape."""
    most = max(1, CHUNK // values.itemsize)
    first, *rest = run.blocks[0] or (1,)
    row = run.size // first if len(run.blocks) == 1 else run.size
    if rest and row <= most:
        rows = min(first, -(-most // row))
        return values.reshape(-1)[: rows * row], (rows, *rest)
    sample = values.reshape(-1)[:most]
    return sample, (len(sample),)
