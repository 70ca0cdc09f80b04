"""Tensors given by their nonzero elements, the form in which Frequency Regularization publishes spectra."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from frformat.dtypes import REAL_DTYPES, dtype_name
from frformat.errors import EncodeError
from frformat.spectral import zigzag
from frformat.spectral.spectrum import Spectrum
from frformat.wording import are, count


@dataclass(frozen=True, eq=False)
class Sparse:
    """The nonzero elements of a tensor.

    Attributes:
        places: their positions in row-major order: int64 array of shape (n,), ascending.
        values: array of shape (n,) in the tensor's element type, without zeros.
        shape: shape of the tensor.
    """

    places: NDArray[np.int64]
    values: NDArray[Any]
    shape: tuple[int, ...]

    @classmethod
    def of(cls, array: NDArray[Any]) -> Sparse:
        """Collect the nonzero elements of a dense ``array``."""
        flat = array.reshape(-1)
        places = np.flatnonzero(flat)
        return cls(places, flat[places], array.shape)

    @classmethod
    def of_spectrum(cls, spectrum: Spectrum) -> Sparse:
        """Return the coefficients of ``spectrum`` in float32, each at its position in the tensor's shape."""
        places = zigzag.places(spectrum.spectral_shape, spectrum.kept)
        order = np.argsort(places)
        order = order[spectrum.coefficients[order] != 0]
        return cls(places[order], spectrum.coefficients[order], spectrum.shape)

    @property
    def dtype(self) -> str:
        """Element type, a key of :data:`frformat.dtypes.DTYPES`."""
        return dtype_name(self.values.dtype)

    def dense(self) -> NDArray[Any]:
        """Return the dense tensor."""
        out = np.zeros(zigzag.element_count(self.shape), self.values.dtype)
        out[self.places] = self.values
        return out.reshape(self.shape)

    def kept(self, view: Sequence[int] | None = None) -> int:
        """Return the length of the shortest zigzag prefix with all elements; see :meth:`spectrum` for ``view``."""
        if len(self.places) == 0:
            return 0
        shape = self.shape if view is None else view
        indices = indices_at(self.places, shape)
        # Places are ascending, so the last one with the largest index sum is the last one in zigzag order.
        sums = indices.sum(axis=1)
        last = int(np.flatnonzero(sums == sums.max())[-1])
        return zigzag.position(shape, indices[last].tolist()) + 1

    def spectrum(self, view: Sequence[int] | None = None) -> Spectrum:
        """Treat the elements as coefficients: return the shortest zigzag prefix that contains them all.

        Args:
            view: shape with the same element count in which the spectrum is taken; None uses the tensor's own.

        Raises:
            EncodeError: the view does not fit, the elements are not finite real floats, or they are scattered.
                Scattered means that the prefix would be longer than 8n + 64 for n elements, which spectra never are.
        """
        shape = self.shape if view is None else tuple(view)
        if zigzag.element_count(shape) != zigzag.element_count(self.shape):
            raise EncodeError(f"view {list(shape)} does not have the element count of shape {list(self.shape)}")
        if self.dtype not in REAL_DTYPES:
            raise EncodeError(f"a spectrum has one of the dtypes {', '.join(REAL_DTYPES)}, not {self.dtype}")
        k = self.kept(view)
        if k > 8 * len(self.places) + 64:
            n = len(self.places)
            raise EncodeError(
                f"{count(n, 'element')} of shape {list(self.shape)} {are(n)} not zero, but the zigzag prefix that "
                f"contains all of them has {k:,} coefficients: these are weights, not a spectrum"
            )
        order = zigzag.places(shape, k)
        coefficients = np.zeros(k, self.values.dtype)
        _, at, among = np.intersect1d(order, self.places, assume_unique=True, return_indices=True)
        coefficients[at] = self.values[among]
        return Spectrum(coefficients, self.shape, None if view is None else shape, self.dtype)


def indices_at(places: NDArray[np.int64], shape: Sequence[int]) -> NDArray[np.int64]:
    """Return the multi-indices of ``places`` in row-major order of ``shape``: int64 array of shape (n, rank)."""
    if len(shape) == 0:
        return np.empty((len(places), 0), np.int64)
    return np.stack(np.unravel_index(places, tuple(shape)), axis=1)
