"""Search for the scale of all steps at which the file is small enough, or the model is good enough.

One scale applies to all tensors, because the steps are chosen so that rounding errors cost the same in each of them.
Bits are therefore spent where they reduce the loss most, at every scale.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable
from typing import Final, Protocol, TypeVar

from frformat.torch.compression.inputs import CompressionError
from frformat.wording import count

TRIALS: Final = 10
"""Maximum number of files to create; if the goal is a size, ``effort`` is added to it."""

CLOSE: Final = 0.995
"""A file of at least this fraction of the limit is close enough."""

PATIENCE: Final = 4
"""Number of trials, in addition to ``effort``, after which :data:`LOOSE` applies: small models have few possible
file sizes."""

LOOSE: Final = 0.97
"""After the trials of :data:`PATIENCE`, a file of at least this fraction of the limit is close enough."""

AIM: Final = 0.998
"""Size to aim for, as a fraction of the limit."""

MARGIN: Final = 0.1
"""Least distance of a scale from the two scales between which it lies, as a share of their distance in octaves."""

STRIDE: Final = 2.0
"""Largest factor by which the scale grows from one trial to the next while all files are too large."""

RESOLUTION: Final = 1 / 256
"""Resolution of scales in octaves. Step codes are 1/16 octave apart, but each tensor's code changes at different
scales."""

FINE: Final = 2.0**0.16
"""The search for a metric stops at this ratio of scales, where file sizes differ by a few percent."""


FAR: Final = 2.0
"""A loss of at most this multiple of the intended loss is close enough."""

NEAR: Final = 100.0
"""A loss of less than the intended loss divided by this is too small: coarser steps produce a smaller file. The loss on
the calibration inputs may be much smaller than on others: on a LeNet-5 that was trained on them, a thirtieth, while the
loss on test images was as intended."""

CORRECTIONS: Final = 4
"""Maximum number of times to change the scale if the loss differs too much from the intended one."""

MOST: Final = 8.0
"""Largest factor by which the scale changes in one correction."""


class Trial(Protocol):
    """Measurements of a model at a scale."""

    @property
    def nbytes(self) -> int:
        """Size of the file in bytes."""

    @property
    def loss(self) -> float:
        """Distance of the outputs from those of the original."""


T = TypeVar("T", bound=Trial)


def of_size(
    trial: Callable[[float], T],
    estimate: Callable[[float], int],
    size: int,
    finest: float,
    coarsest: float,
    effort: int,
    codes: Callable[[float], Hashable],
) -> T:
    """Return the best model whose file has close to ``size`` bytes, but no more.

    Rounding a parameter influences all later ones, so the losses of two files of nearly the same size can differ by a
    few percent.

    Args:
        trial: function that creates a file at a scale; larger scales produce smaller files.
        estimate: function that quickly estimates the size of that file in bytes.
        size: maximum size in bytes.
        finest: the smallest scale.
        coarsest: the largest scale.
        effort: number of files close to the limit to create. The one with the lowest loss is returned.
        codes: function that returns the step codes at a scale; equal codes produce equal files.

    Raises:
        CompressionError: no file is small enough.
    """
    best: T | None = None
    aim, close = AIM * size, 0
    tried: set[Hashable] = set()
    known: list[tuple[float, T]] = []  # all files, by ascending scale
    for number in range(TRIALS + effort):
        scale = _where(estimate, aim, finest, coarsest)
        large = [each for each in known if each[1].nbytes > size]
        small = [each for each in known if each[1].nbytes <= size]
        if large and small and not large[-1][0] < scale < small[0][0]:
            scale = _between(large[-1], small[0], AIM * size) or scale
        elif len(large) > 1 and not small:
            scale = min(max(scale, _beyond(large[0], large[-1], AIM * size)), coarsest)
        while codes(scale) in tried and scale < coarsest:
            scale *= 2**RESOLUTION
        tried.add(codes(scale))
        found = trial(scale)
        known = sorted([*known, (scale, found)], key=lambda each: each[0])
        if found.nbytes <= size:
            best = found if best is None or _merit(found, size) > _merit(best, size) else best
            close += found.nbytes >= CLOSE * size
            enough = close >= effort or (number + 1 >= PATIENCE + effort and best.nbytes >= LOOSE * size)
            if enough or scale <= 2**RESOLUTION * finest:
                break
        elif scale >= coarsest / 2**RESOLUTION:
            break
        aim *= AIM * size / found.nbytes
    if best is None and scale < coarsest:
        found = trial(coarsest)
        best = found if found.nbytes <= size else None
    if best is None:
        raise CompressionError(
            f"no file of {count(size, 'byte')} can store this model: with the coarsest steps, it takes {found.nbytes:,}"
        )
    return best


def _between(large: tuple[float, Trial], small: tuple[float, Trial], aim: float) -> float | None:
    """Return a scale between two others at which the file is expected to have ``aim`` bytes.

    Estimates that depend less on the scale than the sizes of files do lead beyond scales that have been tried.

    Args:
        large: a scale, and a larger file.
        small: another scale, and a smaller file.
        aim: the size to aim for.

    Returns:
        The scale; None if there is hardly a scale between the two.
    """
    octaves = math.log2(small[0] / large[0])
    if octaves < 2 * RESOLUTION:
        return None
    share = math.log(large[1].nbytes / aim) / math.log(large[1].nbytes / small[1].nbytes)
    return float(large[0] * 2 ** (octaves * min(max(share, MARGIN), 1 - MARGIN)))


def _beyond(fine: tuple[float, Trial], coarse: tuple[float, Trial], aim: float) -> float:
    """Return a scale, coarser than two others, at which the file is expected to have ``aim`` bytes.

    The size is assumed to be a power of the scale. The result is coarser by at most :data:`STRIDE`.
    """
    scale, largest = coarse[0], STRIDE * coarse[0]
    if fine[1].nbytes <= coarse[1].nbytes or fine[0] >= scale:
        return largest
    power = math.log(fine[1].nbytes / coarse[1].nbytes) / math.log(scale / fine[0])
    octaves = math.log2(coarse[1].nbytes / aim) / power
    return float(scale * 2 ** min(octaves, math.log2(STRIDE)))


def _merit(found: Trial, size: int) -> tuple[bool, float]:
    """Return a key for comparing files: those close to the limit by their losses, all others by their sizes."""
    close = found.nbytes >= CLOSE * size
    return close, -found.loss if close else found.nbytes


def _where(estimate: Callable[[float], int], aim: float, finest: float, coarsest: float) -> float:
    """Return, approximately, the smallest scale at which the estimated size is at most ``aim`` bytes."""
    low, high = math.floor(math.log2(finest) / RESOLUTION), math.ceil(math.log2(coarsest) / RESOLUTION)
    while high - low > 1:
        middle = (low + high) // 2
        if estimate(2.0 ** (middle * RESOLUTION)) > aim:
            low = middle
        else:
            high = middle
    return float(2.0 ** (high * RESOLUTION))


def of_loss(trial: Callable[[float], T], loss: float, start: float, finest: float, coarsest: float) -> T:
    """Return the smallest model found whose loss is at most about ``loss``, or else the one with the smallest loss.

    The scale for a loss is calculated for small rounding errors that add up independently. If most weights become zero,
    or the errors of the blocks of a wide layer add up, the loss is larger, and finer steps are needed. If errors cancel
    out, or most of them have no effect, the loss is smaller, and coarser steps suffice.

    Args:
        trial: function that creates a model at a scale.
        loss: the intended loss.
        start: the scale at which this loss is expected.
        finest: the smallest scale.
        coarsest: the largest scale.
    """
    good: tuple[float, T] | None = None  # the coarsest scale that is fine enough
    bad: tuple[float, T] | None = None  # the finest one that is too coarse
    scale = start
    for _ in range(1 + CORRECTIONS):
        found = trial(scale)
        if found.loss <= FAR * loss:
            good = scale, found
        else:
            bad = scale, found
        if loss / NEAR <= found.loss <= FAR * loss or scale == (finest if good is None else coarsest):
            break
        low, high = (good[0] if good else finest), (bad[0] if bad else coarsest)
        if good and bad:
            if high / low < FINE:
                break
            scale = math.sqrt(low * high)
        else:
            aim = loss if found.loss > loss else loss / math.sqrt(NEAR)
            change = math.sqrt(aim / max(found.loss, 1e-30))
            scale = min(max(scale * min(max(change, 1 / MOST), MOST), low), high)
    chosen = good or bad
    assert chosen is not None
    return chosen[1]


def of_metric(
    trial: Callable[[float], T], fits: Callable[[T], bool], start: float, finest: float, coarsest: float
) -> T | None:
    """Return the model at the largest scale at which it is good enough.

    Args:
        trial: function that creates a model at a scale.
        fits: function that returns whether a model is good enough.
        start: the scale to try first.
        finest: the smallest scale.
        coarsest: the largest scale.

    Returns:
        The model, or None if none of the models tried is good enough.
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
