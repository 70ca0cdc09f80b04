"""Compute a tensor's coefficients on demand."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import cached_property
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from frformat.spectral.spectrum import Spectrum
from frformat.spectral.zigzag import element_count

Array = NDArray[Any]

BLOCK = 1 << 20
"""Number of elements compared at a time."""


class Source(Protocol):
    """The properties of a tensor that selections use."""

    @property
    def elements(self) -> int:
        """Element count of the tensor."""

    @property
    def count(self) -> int:
        """Number of coefficients to choose from."""

    @property
    def energy(self) -> float:
        """Sum of the squared weights, which equals that of the squared coefficients."""

    @property
    def largest(self) -> float:
        """Largest magnitude of a weight."""

    def spectrum(self, k: int) -> Spectrum:
        """Return the first ``k`` coefficients."""

    def error(self, stored: Spectrum) -> float:
        """Return the largest error of a weight rebuilt from ``stored``, relative to the largest weight."""


class Weights:
    """Weights to be transformed.

    Args:
        array: array of one of :data:`frformat.dtypes.REAL_DTYPES`.
        view: shape in which the spectrum is taken; None means the tensor's own.

    Raises:
        EncodeError: a weight is not finite, or the view does not fit.
    """

    def __init__(self, array: Array, view: tuple[int, ...] | None = None) -> None:
        self._array = array
        self._view = view
        self._known = Spectrum.of(array, 0, view)
        self.elements = self.count = array.size
        # Compute both values in one pass over the weights.
        self.energy, self.largest = 0.0, 0.0
        for block in blocks(array):
            self.energy += float(np.vdot(block, block))
            self.largest = max(self.largest, float(np.abs(block).max()))

    def spectrum(self, k: int) -> Spectrum:
        """Return the first ``k`` coefficients, which are computed unless an earlier call has done so."""
        if k > self._known.kept:
            self._known = Spectrum.of(self._array, k, self._view)
        return self._known.truncated(k)

    def error(self, stored: Spectrum) -> float:
        """See :class:`Source`."""
        pairs = zip(blocks(self._array), blocks(stored.weights()), strict=True)
        largest = max((float(np.abs(a - b).max()) for a, b in pairs), default=0.0)
        return largest / self.largest if self.largest else largest


class Coefficients:
    """A given spectrum."""

    def __init__(self, spectrum: Spectrum) -> None:
        self._spectrum = spectrum
        self.elements = element_count(spectrum.shape)
        self.count = spectrum.kept
        self.energy = float(np.sum(np.square(spectrum.coefficients, dtype=np.float64)))

    @cached_property
    def largest(self) -> float:
        """Largest magnitude of a weight."""
        return _largest(self._spectrum)

    def spectrum(self, k: int) -> Spectrum:
        """Return the first ``k`` coefficients."""
        return self._spectrum.truncated(k)

    def error(self, stored: Spectrum) -> float:
        """See :class:`Source`. The transform is linear: the error is the rebuilt difference of the spectra."""
        difference = self._spectrum.coefficients.copy()
        difference[: stored.kept] -= stored.coefficients
        if not difference.any():
            return 0.0
        return _largest(replace(self._spectrum, coefficients=difference)) / self.largest


def _largest(spectrum: Spectrum) -> float:
    weights = replace(spectrum, dtype="f32").weights()
    return max((float(np.abs(block).max()) for block in blocks(weights)), default=0.0)


def blocks(array: Array) -> Iterator[NDArray[np.float64]]:
    """Yield all elements in row-major order, in blocks of float64."""
    flat = array.reshape(-1)
    for start in range(0, flat.size, BLOCK):
        yield flat[start : start + BLOCK].astype(np.float64)
