"""Measure how the energy of spectra is distributed along the zigzag order, with few enough samples to plot any file."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from frformat.format.reader import FrzFile

Floats = NDArray[np.float64]

MEASURED: Final = 1 << 11
"""Maximum number of spectra to measure. Those with the most coefficients are measured."""

STEPS: Final = 64
"""Number of positions at which long spectra are sampled, evenly on a logarithmic scale."""


@dataclass(frozen=True)
class Energy:
    """The energy (sum of squares) of the spectra of a file.

    Attributes:
        names: names of the tensors, in file order.
        edges: int64 array of shape (n + 1,): numbers of coefficients 0 = e0 < e1 < … < en, where en is the largest
            number that a tensor keeps.
        kept: int64 array of shape (tensors,): the number of coefficients of each tensor.
        cumulative: float64 array of shape (tensors, n + 1): the energy of the first e0, e1, … coefficients; NaN beyond
            a tensor's last coefficient.
    """

    names: list[str]
    edges: NDArray[np.int64]
    kept: NDArray[np.int64]
    cumulative: Floats

    @property
    def totals(self) -> Floats:
        """The energy of each tensor: shape (tensors,)."""
        totals: Floats = np.nanmax(self.cumulative, axis=1, initial=0.0)
        return totals

    def shares(self) -> Floats:
        """Return ``cumulative`` relative to the tensor's energy, 0 to 1; NaN for a tensor that is all 0."""
        with np.errstate(invalid="ignore"):
            return self.cumulative / self.totals[:, None]

    def concentration(self) -> Floats:
        """Return the mean energy of the coefficients between two edges, relative to the tensor's mean: (tensors, n)."""
        kept = self.kept[:, None]
        counts = np.diff(np.minimum(self.edges, kept), axis=1)
        return np.diff(self.shares(), axis=1) / np.where(counts > 0, counts, np.nan) * kept

    def together(self) -> Floats:
        """Return the share of the total energy in the first e0, e1, … coefficients of all tensors: shape (n + 1,)."""
        filled = np.where(np.isnan(self.cumulative), self.totals[:, None], self.cumulative)
        total = float(self.totals.sum())
        return filled.sum(axis=0) / total if total > 0 else np.ones(len(self.edges))


def energy(file: FrzFile) -> Energy:
    """Measure the spectra of a file at its open tier, one at a time.

    Raises:
        FrzError: ``BUDGET``, or a segment is damaged.
    """
    spectra = list(_spectra(file))
    if len(spectra) > MEASURED:
        places = np.sort(np.argsort([-k for _, k in spectra], kind="stable")[:MEASURED])
        spectra = [spectra[place] for place in places]
    names = [name for name, _ in spectra]
    edges = _edges(max((k for _, k in spectra), default=0))
    cumulative = np.full((len(names), len(edges)), np.nan)
    for row, (name, k) in zip(cumulative, spectra, strict=True):
        squares = np.asarray(file.spectrum(name).coefficients, np.float64) ** 2
        sums = np.concatenate(([0.0], np.cumsum(squares)))
        # The first edge at or after the end closes the curve; later ones stay empty.
        inside = int(np.searchsorted(edges, k)) + 1
        row[:inside] = sums[np.minimum(edges[:inside], k)]
    return Energy(names, edges, np.array([k for _, k in spectra], np.int64), cumulative)


def _spectra(file: FrzFile) -> Iterator[tuple[str, int]]:
    """Yield the names of all spectra, and their numbers of coefficients."""
    for name in file:
        info = file.info(name)
        if info.spectral and info.alias_of is None:
            yield name, info.kept[file.tier]


def _edges(most: int) -> NDArray[np.int64]:
    if most <= STEPS:
        return np.arange(most + 1, dtype=np.int64)
    steps = np.unique(np.rint(np.geomspace(1, most, STEPS)).astype(np.int64))
    return np.concatenate(([0], steps))
