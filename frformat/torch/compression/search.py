"""Looking for the scale of all steps at which a file is as small, or a model as good, as it has to be.

One number governs all tensors: steps are such that rounding errors cost the same everywhere, so at each scale bits are
where they lower the loss most.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Final, Protocol, TypeVar

from frformat.torch.compression.inputs import CompressionError

TRIALS: Final = 10
"""At most so many are made."""

CLOSE: Final = 0.985
"""A file of at least so much of the size that was asked for is close enough."""

FINE: Final = 2.0**0.16
"""Scales that differ by less are not told apart: by a metric's noise, and some percent of bytes."""


class Trial(Protocol):
    """What is known of a model at a scale."""

    @property
    def nbytes(self) -> int:
        """Of the file."""


T = TypeVar("T", bound=Trial)


def of_size(trial: Callable[[float], T], size: int, start: float, finest: float, coarsest: float) -> T:
    """The best model whose file has at most ``size`` bytes.

    Args:
        trial: makes a file at a scale; with larger ones files are smaller.
        size: in bytes.
        start: the scale to begin with.
        finest: the smallest scale.
        coarsest: the largest.

    Raises:
        CompressionError: no file is that small.
    """
    best: T | None = None
    smaller: tuple[float, int] | None = None
    larger: tuple[float, int] | None = None
    scale, least = start, 0
    for _ in range(TRIALS):
        found = trial(scale)
        point = (math.log2(scale), found.nbytes)
        if found.nbytes <= size:
            best = found if best is None or found.nbytes > best.nbytes else best
            smaller = point
            if found.nbytes >= CLOSE * size or scale <= finest:
                break
        else:
            larger, least = point, found.nbytes
            if scale >= coarsest:
                break
        scale = min(max(2 ** _between(smaller, larger, size), finest), coarsest)
    if best is None:
        raise CompressionError(f"no file of {size:,} bytes holds this model: with the coarsest steps it takes {least:,}")
    return best


def _between(smaller: tuple[float, int] | None, larger: tuple[float, int] | None, size: int) -> float:
    """The logarithm of the scale to try next; points are such logarithms, with bytes."""
    aim = 0.994 * size
    if smaller is None or larger is None:
        known = smaller or larger
        assert known is not None
        # Bytes fall about as the power −0.85 of the scale.
        move = math.log2(max(known[1], 1) / aim) / 0.85
        return known[0] + (max(move, 0.05) if larger else min(move, -0.05))
    (x0, y0), (x1, y1) = smaller, larger
    share = (math.log(aim) - math.log(y0)) / (math.log(y1) - math.log(y0))
    return x0 + (x1 - x0) * min(max(share, 0.05), 0.95)


def of_metric(
    trial: Callable[[float], T], fits: Callable[[T], bool], start: float, finest: float, coarsest: float
) -> T | None:
    """The coarsest model that is good enough.

    Args:
        trial: makes a model at a scale.
        fits: whether it is good enough.
        start: the scale to begin with.
        finest: the smallest scale.
        coarsest: the largest.

    Returns:
        None if even that at the finest scale is not.
    """
    good: tuple[float, T] | None = None
    bad: float | None = None
    scale = start
    for _ in range(TRIALS):
        found = trial(scale)
        if fits(found):
            good = scale, found
        else:
            bad = scale
        if good is not None and bad is not None:
            if bad / good[0] < FINE:
                break
            scale = math.sqrt(good[0] * bad)
        elif good is not None:
            if scale >= coarsest:
                break
            scale = min(2 * scale, coarsest)
        else:
            if scale <= finest:
                break
            scale = max(scale / 2, finest)
    return good and good[1]
