"""Choose how many coefficients of a tensor to keep."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from frformat.encoding.source import Source, blocks
from frformat.errors import EncodeError
from frformat.spectral.spectrum import Spectrum
from frformat.wording import parse_amount

AsStored = Callable[[Spectrum], Spectrum]
"""Maps a spectrum to what a reader will get if it is stored in the file's number format."""

FLOAT32 = 2.0**-23
"""Relative error of an energy that is computed from float32 coefficients."""


class Selection(Protocol):
    """A way to choose how many leading coefficients to keep."""

    def choose(self, source: Source, as_stored: AsStored, most: int) -> int | None:
        """Return the number of coefficients to keep.

        Args:
            source: the tensor.
            as_stored: applies the number format.
            most: largest number of coefficients to try; with more, the tensor is no smaller than without a transform.

        Returns:
            The number, from 0 to the element count, or None if more than ``most`` are needed.
        """


@dataclass(frozen=True)
class Everything:
    """Keeps all coefficients."""

    def choose(self, source: Source, as_stored: AsStored, most: int) -> int | None:
        """See :class:`Selection`."""
        return source.count


@dataclass(frozen=True)
class Keep:
    """Keeps a number of coefficients (int, at least 1) or a share of the element count (float, above 0, at most 1)."""

    amount: int | float

    def __post_init__(self) -> None:
        whole = isinstance(self.amount, int) and not isinstance(self.amount, bool)
        if not (self.amount >= 1 if whole else isinstance(self.amount, float) and 0 < self.amount <= 1):
            raise EncodeError(f"keep={self.amount!r} is neither a number of coefficients (an int from 1) nor a share")

    def choose(self, source: Source, as_stored: AsStored, most: int) -> int | None:
        """See :class:`Selection`."""
        wanted = self.amount if isinstance(self.amount, int) else math.ceil(self.amount * source.elements)
        return min(wanted, source.count)


@dataclass(frozen=True)
class Energy:
    """Keeps the fewest coefficients that retain ``share`` (0 to 1) of the sum of the squared weights.

    The share accounts for losses from the number format. If these are large, the number of coefficients is found by
    bisection, to within 1/64 of the minimum.
    """

    share: float

    def __post_init__(self) -> None:
        _check_share(self.share, "energy")

    def choose(self, source: Source, as_stored: AsStored, most: int) -> int | None:
        """See :class:`Selection`."""
        low = fewest_with_energy(source, self.share * source.energy)

        def good(k: int) -> bool:
            spectrum = source.spectrum(k)
            return energy_left(source, spectrum, as_stored(spectrum)) >= self.share * (1 - FLOAT32)

        return _fewest(good, low, max(low, min(most, source.count)))


@dataclass(frozen=True)
class MaxError:
    """Keeps the fewest coefficients with which no rebuilt weight is off by more than ``share`` of the largest weight.

    The error is measured on the rebuilt weights and includes that of the number format. The number of coefficients is
    found by bisection, to within 1/64 of the minimum.
    """

    share: float

    def __post_init__(self) -> None:
        _check_share(self.share, "max-error")

    def choose(self, source: Source, as_stored: AsStored, most: int) -> int | None:
        """See :class:`Selection`."""

        def good(k: int) -> bool:
            return source.error(as_stored(source.spectrum(k))) <= self.share

        # The largest error is at least the root mean square error, which Parseval's theorem gives without rebuilding.
        gap = self.share * source.largest
        allowed = source.elements * gap * gap  # can become infinite; ``gap**2`` would raise OverflowError
        low = fewest_with_energy(source, source.energy - allowed)
        return _fewest(good, low, min(most, source.count))


def _check_share(share: float, what: str) -> None:
    if not 0 < share <= 1:
        raise EncodeError(f"{what}={share!r} is not a share, above 0 and at most 1")


def energy_left(source: Source, spectrum: Spectrum, stored: Spectrum) -> float:
    """Return the share of a tensor's energy that its stored coefficients retain, by Parseval's theorem.

    Args:
        source: the tensor.
        spectrum: the coefficients that are kept.
        stored: the same coefficients in the file's number format.
    """
    if source.energy == 0:
        return 1.0
    kept = lost = 0.0
    for a, b in zip(blocks(spectrum.coefficients), blocks(stored.coefficients), strict=True):
        gap = a - b
        kept, lost = kept + float(np.vdot(a, a)), lost + float(np.vdot(gap, gap))
    return min(kept / source.energy, 1.0) - lost / source.energy


def _fewest(good: Callable[[int], bool], low: int, most: int) -> int | None:
    """Return the smallest number from ``low`` to ``most`` that is good, to within 1/64, or None if there is none."""
    if low > most:
        return None
    if good(low):
        return low
    high = low
    while True:
        low, high = high, min(4 * high + 64, most)
        if high <= low:
            return None
        if good(high):
            break
    while high - low > 1 + (high >> 6):
        middle = (low + high) // 2
        low, high = (low, middle) if good(middle) else (middle, high)
    return high


def fewest_with_energy(source: Source, energy: float) -> int:
    """Return the smallest number of leading coefficients whose squares sum to at least ``energy``, or else all.

    Coefficients are computed in growing prefixes, so a smooth tensor needs only a small transform.
    """
    wanted = energy * (1 - FLOAT32)
    k = 0
    while k < source.count:
        k = 8 * k + 64 if 32 * k < source.count else source.count
        k = min(k, source.count)
        found = _first_with_energy(source.spectrum(k).coefficients, wanted)
        if found is not None:
            return found
    return source.count


def _first_with_energy(coefficients: NDArray[np.float32], wanted: float) -> int | None:
    """Return how many leading coefficients have squares that sum to ``wanted``, or None if all do not suffice."""
    if wanted <= 0:
        return 0
    held, start = 0.0, 0
    for block in blocks(coefficients):
        sums = np.cumsum(np.concatenate(([held], np.square(block))))
        if sums[-1] >= wanted:
            return start + int(np.searchsorted(sums, wanted))
        held, start = sums[-1], start + len(block)
    return None


def parse_keep(text: str) -> Keep:
    """Parse ``300`` or ``10%``.

    Raises:
        EncodeError: ``text`` is neither.
    """
    try:
        amount = parse_amount(text)
    except ValueError as error:
        raise EncodeError(f"keep={error}") from error
    if not amount:
        raise EncodeError(f"keep={text!r} must be above 0")
    return Keep(amount)


def parse_share(text: str, what: str) -> float:
    """Parse a share such as ``0.999`` or ``99.9%``: above 0, at most 1.

    Raises:
        EncodeError: ``text`` is not such a share.
    """
    try:
        share = float(text[:-1]) / 100 if text.endswith("%") else float(text)
    except ValueError:
        share = math.nan
    if not 0 < share <= 1:
        raise EncodeError(f"{what}={text} is not a share such as 0.999 or 99.9%, above 0 and at most 1")
    return share
