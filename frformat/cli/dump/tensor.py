"""Describe one tensor for ``frformat dump FILE NAME``: its spectrum, its core, or the range of its elements."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from frformat.format.bases import KINDS
from frformat.format.info import TensorInfo
from frformat.format.reader import FrzFile
from frformat.spectral import zigzag
from frformat.spectral.rebuild import tiles
from frformat.spectral.spectrum import Spectrum

Array = NDArray[Any]

CHUNK: Final = 1 << 20
"""Number of values to examine at a time, so that a large tensor is not in memory twice."""

FIRST: Final = 16
"""Number of values to show if they are not a spectrum."""


@dataclass(frozen=True)
class SpectralContent:
    """The content of a spectrum.

    Attributes:
        nonzero: number of nonzero coefficients.
        rms: root mean square of the weights.
        indices: index of each listed coefficient, in zigzag order.
        coefficients: the listed coefficients.
        cumulative_energy: for each listed coefficient, the share of the sum of squares that it and all earlier
            coefficients account for.
    """

    nonzero: int
    rms: float
    indices: list[list[int]]
    coefficients: list[float]
    cumulative_energy: list[float]


@dataclass(frozen=True)
class AxisFacts:
    """An axis of a core.

    Attributes:
        basis: kind of its basis.
        length: length of the view's axis.
        entries: number of core entries.
        factor: number of the factor of a ``stored`` basis, or None.
        seed: seed of a ``seeded`` basis, or None.
    """

    basis: str
    length: int
    entries: int
    factor: int | None
    seed: int | None


@dataclass(frozen=True)
class Numbers:
    """The content of a tensor that is not a spectrum: its elements, or the canonical values of its core.

    Attributes:
        axes: axes of the core; None for elements.
        nonzero: number of nonzero values.
        min: the smallest finite value, or magnitude if complex; None, like ``max`` and ``mean``, if no value is finite.
        max: the largest finite value or magnitude.
        mean: the mean of the finite values or magnitudes.
        not_finite: number of values that are not finite.
        first: the first values; complex ones as their two parts.
        more: whether the tensor has more values than ``first``.
    """

    axes: list[AxisFacts] | None
    nonzero: int
    min: Any
    max: Any
    mean: float | None
    not_finite: int
    first: list[Any]
    more: bool


def tensor_content(file: FrzFile, name: str, most: int | None = None) -> SpectralContent | Numbers:
    """Describe the content of one tensor.

    Args:
        file: the file.
        name: name of the tensor.
        most: list at most this many coefficients.

    Raises:
        FrzError: ``NOT_FOUND`` or ``BUDGET``, or its segment is damaged.
    """
    info = file.info(name)
    if info.spectral:
        return _spectral(file.spectrum(name), most)
    if info.plain:
        return _numbers(_flat_parts(file[name]), None)
    stored = file.stored(name)
    parts = (stored.numbers(part).reshape(-1) for part in tiles(stored.values.shape, CHUNK))
    return _numbers(parts, list(_axes(info, file.tier)))


def cumulative_energy(coefficients: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return the share of the sum of squares in the first 1, 2, … coefficients; all ones if they are all 0."""
    total = np.cumsum(np.asarray(coefficients, np.float64) ** 2)
    return total / total[-1] if total.size and total[-1] > 0 else np.ones_like(total)


def _spectral(spectrum: Spectrum, most: int | None) -> SpectralContent:
    elements = zigzag.element_count(spectrum.shape)
    norm = float(np.linalg.norm(np.asarray(spectrum.coefficients, np.float64)))
    listed = spectrum.kept if most is None else min(most, spectrum.kept)
    return SpectralContent(
        nonzero=int(np.count_nonzero(spectrum.coefficients)),
        rms=norm / elements**0.5 if elements else 0.0,
        indices=zigzag.prefix(spectrum.spectral_shape, listed).tolist(),
        coefficients=spectrum.coefficients[:listed].tolist(),
        cumulative_energy=cumulative_energy(spectrum.coefficients)[:listed].tolist(),
    )


def _axes(info: TensorInfo, tier: int) -> Iterator[AxisFacts]:
    lengths = info.view if info.view is not None else info.shape
    factors, seeds = iter(info.factors), iter(info.seeds)
    for kind, length, entries in zip(info.bases, lengths, info.box(tier), strict=True):
        argument = KINDS[kind].argument
        yield AxisFacts(
            basis=kind,
            length=length,
            entries=entries,
            factor=next(factors) if argument == "factor" else None,
            seed=next(seeds) if argument == "seed" else None,
        )


def _flat_parts(array: Array) -> Iterator[Array]:
    flat = array.reshape(-1)
    for start in range(0, flat.size, CHUNK):
        yield flat[start : start + CHUNK]


def _numbers(parts: Iterator[Array], axes: list[AxisFacts] | None) -> Numbers:
    least, most = [], []
    first: list[Any] = []
    total, finite, count, nonzero = 0.0, 0, 0, 0
    for part in parts:
        first += [_plain(value) for value in part[: FIRST - len(first)]]
        count += part.size
        nonzero += int(np.count_nonzero(part))
        ordered = _comparable(part)
        ordered = ordered[np.isfinite(ordered)]
        if ordered.size:
            least.append(ordered.min())
            most.append(ordered.max())
            with np.errstate(over="ignore"):
                total += float(ordered.sum(dtype=np.float64))
            finite += ordered.size
    return Numbers(
        axes=axes,
        nonzero=nonzero,
        min=min(least).item() if finite else None,
        max=max(most).item() if finite else None,
        mean=total / finite if finite else None,
        not_finite=count - finite,
        first=first,
        more=count > len(first),
    )


def _comparable(part: Array) -> Array:
    """Return comparable values: integers unchanged, magnitudes for complex numbers, otherwise float64."""
    if part.dtype.kind in "iu":
        return part
    with np.errstate(all="ignore"):
        return np.abs(part) if part.dtype.kind == "c" else part.astype(np.float64)


def _plain(value: Any) -> Any:
    """Convert an element to a JSON value: a complex number becomes its two parts."""
    if np.iscomplexobj(value):
        return [float(value.real), float(value.imag)]
    return value.item() if value.dtype.kind in "biuf" else float(value)
