"""What ``frformat dump FILE NAME`` finds out about one tensor: its spectrum, or the range of its raw values."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from frformat.format.reader import FrzFile
from frformat.spectral import zigzag
from frformat.spectral.spectrum import Spectrum

CHUNK: Final = 1 << 20
"""Elements looked at together, so that a large tensor is not held twice."""

FIRST: Final = 16
"""How many raw values are shown."""


def tensor_facts(file: FrzFile, name: str, most: int | None = None) -> dict[str, Any]:
    """The content of one tensor as plain data, to add to what the directory tells of it.

    Args:
        file: the file.
        name: of the tensor.
        most: list only so many coefficients.

    Returns:
        For ``dct``: ``kept_at_tier``, how many coefficients the open tier has; of each its ``indices`` (in zigzag
        order), ``coefficients`` and ``cumulative_energy`` (share of the sum of squares that it and those before it
        have, 0 to 1); and ``rms``, the root mean square of the weights.
        For ``raw``: ``min``, ``max`` and ``mean`` of the finite values (of magnitudes if complex; None if there are
        none), ``not_finite``, how many are not, and the ``first`` values.

    Raises:
        FrzError: ``NOT_FOUND``, ``BUDGET``, or that its segment is damaged.
    """
    stored = file.stored(name)
    return _spectrum_facts(stored, most) if isinstance(stored, Spectrum) else _raw_facts(stored)


def cumulative_energy(coefficients: NDArray[np.float32]) -> NDArray[np.float64]:
    """The share of the sum of squares that the first 1, 2, … coefficients hold; ones if all are 0."""
    total = np.cumsum(np.asarray(coefficients, np.float64) ** 2)
    return total / total[-1] if total.size and total[-1] > 0 else np.ones_like(total)


def _spectrum_facts(spectrum: Spectrum, most: int | None) -> dict[str, Any]:
    elements = zigzag.element_count(spectrum.shape)
    norm = float(np.linalg.norm(np.asarray(spectrum.coefficients, np.float64)))
    listed = spectrum.kept if most is None else min(most, spectrum.kept)
    return {
        "kept_at_tier": spectrum.kept,
        "rms": norm / elements**0.5 if elements else 0.0,
        "indices": zigzag.prefix(spectrum.spectral_shape, listed).tolist(),
        "coefficients": spectrum.coefficients[:listed].tolist(),
        "cumulative_energy": cumulative_energy(spectrum.coefficients)[:listed].tolist(),
    }


def _raw_facts(array: NDArray[Any]) -> dict[str, Any]:
    flat = array.reshape(-1)
    least, most = [], []
    total, finite = 0.0, 0
    for start in range(0, flat.size, CHUNK):
        part = _comparable(flat[start : start + CHUNK])
        part = part[np.isfinite(part)]
        if part.size:
            least.append(part.min())
            most.append(part.max())
            with np.errstate(over="ignore"):
                total += float(part.sum(dtype=np.float64))
            finite += part.size
    return {
        "min": min(least).item() if finite else None,
        "max": max(most).item() if finite else None,
        "mean": total / finite if finite else None,
        "not_finite": flat.size - finite,
        "first": [_plain(value) for value in flat[:FIRST]],
    }


def _comparable(part: NDArray[Any]) -> NDArray[Any]:
    """Values that have an order: integers as they are, magnitudes for complex numbers, else float64."""
    if part.dtype.kind in "iu":
        return part
    with np.errstate(all="ignore"):
        return np.abs(part) if part.dtype.kind == "c" else part.astype(np.float64)


def _plain(value: Any) -> Any:
    """An element as JSON has it: a complex number as its two parts."""
    if np.iscomplexobj(value):
        return [float(value.real), float(value.imag)]
    return value.item() if value.dtype.kind in "biuf" else float(value)
