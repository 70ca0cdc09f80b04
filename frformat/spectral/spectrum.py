"""A tensor represented by the first coefficients of its DCT, as Frequency Regularization trains it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from frformat.dtypes import DTYPES, REAL_DTYPES, all_finite, cast, check_unmasked, dtype_name
from frformat.errors import EncodeError
from frformat.spectral import dct, zigzag
from frformat.spectral.bases import Dct
from frformat.spectral.rebuild import rebuild


@dataclass(frozen=True, eq=False)
class Spectrum:
    """The leading DCT coefficients of a tensor, in zigzag order.

    Attributes:
        coefficients: finite float32 array of shape (k,).
        shape: shape of the tensor.
        view: shape with the same element count in which the spectrum is taken; None means the tensor's own.
        dtype: element type of the rebuilt weights: ``f16``, ``bf16``, ``f32`` or ``f64``.

    Raises:
        EncodeError: the parts do not match, or a coefficient does not fit float32.
    """

    coefficients: NDArray[np.float32]
    shape: tuple[int, ...]
    view: tuple[int, ...] | None = None
    dtype: str = "f32"

    def __post_init__(self) -> None:
        check_unmasked(self.coefficients)
        object.__setattr__(self, "shape", tuple(int(n) for n in self.shape))
        object.__setattr__(self, "coefficients", _single(np.asarray(self.coefficients)))
        if self.view is not None:
            view = tuple(int(n) for n in self.view)
            object.__setattr__(self, "view", view if view != self.shape else None)
        count = zigzag.element_count(self.shape)
        if self.dtype not in REAL_DTYPES:
            raise EncodeError(f"dtype {self.dtype} has no spectrum, only {', '.join(REAL_DTYPES)} do; store it raw")
        if self.view is not None and zigzag.element_count(self.view) != count:
            raise EncodeError(f"view {list(self.view)} does not have the {count} elements of shape {list(self.shape)}")
        if self.coefficients.ndim != 1 or len(self.coefficients) > count:
            raise EncodeError(
                f"coefficients must have shape (k,) with k at most {count}, not {self.coefficients.shape}"
            )

    @property
    def kept(self) -> int:
        """Number of coefficients, ``k``."""
        return len(self.coefficients)

    @property
    def spectral_shape(self) -> tuple[int, ...]:
        """The shape in which the spectrum is taken: the view, or else the tensor's shape."""
        return self.view if self.view is not None else self.shape

    @property
    def box(self) -> tuple[int, ...]:
        """The smallest corner of the spectrum that contains the coefficients."""
        return zigzag.box(self.spectral_shape, self.kept)

    def weights(self) -> NDArray[Any]:
        """Rebuild the tensor as an array of ``shape`` and ``dtype``."""
        out = np.empty(self.shape, DTYPES[self.dtype])
        box = self.box
        bases = [Dct(n, r) for n, r in zip(self.spectral_shape, box, strict=True)]
        rebuild(zigzag.scattered(self.coefficients, box), bases, out.reshape(self.spectral_shape), scratch=True)
        return out

    def truncated(self, k: int) -> Spectrum:
        """Return the spectrum with at most its first ``k`` coefficients."""
        return Spectrum(self.coefficients[:k], self.shape, self.view, self.dtype)

    @classmethod
    def of(cls, weights: NDArray[Any], k: int, view: tuple[int, ...] | None = None) -> Spectrum:
        """Compute the first ``k`` coefficients of ``weights``, or all of them if there are fewer.

        Raises:
            EncodeError: the dtype has no spectrum, a weight is not finite, the view does not fit, or the coefficients
                are too large or too small for float32.
        """
        check_unmasked(weights)
        dtype = dtype_name(weights.dtype)
        shape = weights.shape if view is None else view
        if zigzag.element_count(shape) != weights.size:
            raise EncodeError(f"view {list(shape)} does not have the {weights.size} elements of {list(weights.shape)}")
        if dtype in REAL_DTYPES and not all_finite(weights):
            raise EncodeError("a weight is not finite, so the tensor has no spectrum; store it unchanged (rule: raw)")
        k = min(k, weights.size)
        if dtype not in REAL_DTYPES or k == 0:
            return cls(np.empty(0, np.float32), weights.shape, view, dtype)
        box = zigzag.box(shape, k)
        coefficients = zigzag.gathered(dct.forward(weights.reshape(shape), box), k)
        return cls(_single(coefficients), weights.shape, view, dtype)


def _single(values: NDArray[Any]) -> NDArray[np.float32]:
    """Return finite ``values`` as float32."""
    if values.dtype.kind not in "iufV" or not all_finite(values):
        raise EncodeError("a coefficient is not a finite number; store the tensor unchanged (rule: raw)")
    return np.ascontiguousarray(cast(values.astype(np.float64) if values.dtype.kind in "iu" else values, "f32"))
