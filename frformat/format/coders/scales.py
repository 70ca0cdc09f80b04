"""Scales of the adaptive coder: mean magnitudes with eight steps per octave (specification, section 10.2)."""

from __future__ import annotations

from bisect import bisect_right
from typing import Final

SCALES: Final = 240
OCTAVE: Final = (68438, 74632, 81386, 88752, 96785, 105545, 115098, 125515)


def mean(scale: int) -> int:
    """Return the mean magnitude of a scale, times 4096."""
    return OCTAVE[scale % 8] << (scale // 8 + 2) >> 16


MEANS: Final = (0, *map(mean, range(1, SCALES)))
"""The mean magnitude of each scale, times 4096, except that the entry of scale 0 is 0."""


def scale_of(total: int, count: int) -> int:
    """Return the scale of ``count`` integers whose magnitudes sum to ``total``."""
    return bisect_right(MEANS, 4096 * total // max(count, 1)) - 1
