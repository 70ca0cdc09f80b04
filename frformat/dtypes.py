"""Element types (specification, section 3), and casts that refuse to lose information silently."""

from __future__ import annotations

from typing import Any, Final

import ml_dtypes
import numpy as np
from numpy.typing import NDArray

from frformat.errors import EncodeError

Array = NDArray[Any]

DTYPES: Final[dict[str, np.dtype[Any]]] = {
    "bool": np.dtype(np.bool_),
    "u8": np.dtype("<u1"),
    "i8": np.dtype("<i1"),
    "u16": np.dtype("<u2"),
    "i16": np.dtype("<i2"),
    "u32": np.dtype("<u4"),
    "i32": np.dtype("<i4"),
    "u64": np.dtype("<u8"),
    "i64": np.dtype("<i8"),
    "f16": np.dtype("<f2"),
    "bf16": np.dtype(ml_dtypes.bfloat16),
    "f32": np.dtype("<f4"),
    "f64": np.dtype("<f8"),
    "c64": np.dtype("<c8"),
    "c128": np.dtype("<c16"),
    "f8_e4m3": np.dtype(ml_dtypes.float8_e4m3fn),
    "f8_e5m2": np.dtype(ml_dtypes.float8_e5m2),
    "f8_e8m0": np.dtype(ml_dtypes.float8_e8m0fnu),
}
"""Element types by name, in the order of their ids."""

REAL_DTYPES: Final = ("f16", "bf16", "f32", "f64")
"""Element types of tensors that are computed: rebuilt from bases, or dequantized."""

FORMATS: Final = ("f16", "bf16", "f32")
"""Number formats in which exact values can be stored, whatever the element type."""

UNITS: Final = {"f16": 2.0**-11, "bf16": 2.0**-8, "f32": 2.0**-24, "f64": 2.0**-53}
"""Largest relative error of rounding a number that lies within a type's range."""

BLOCK: Final = 1 << 18
"""Number of values that are compared at a time."""

_NAMES: Final = {dtype: name for name, dtype in DTYPES.items()}


def dtype_name(dtype: np.dtype[Any]) -> str:
    """Return the format's name for a NumPy dtype.

    Raises:
        EncodeError: the format has no such element type.
    """
    name = _NAMES.get(dtype) or _NAMES.get(dtype.newbyteorder("<"))
    if name is None:
        raise EncodeError(f"dtype {dtype} has no counterpart in the format; convert to one of {', '.join(DTYPES)}")
    return name


def check_unmasked(values: object) -> None:
    """Check that an array is not a masked one, or masks nothing.

    Raises:
        EncodeError: some of its elements have no values.
    """
    if np.ma.is_masked(values):
        raise EncodeError("a masked array has elements without values; fill them, or store the mask separately")


def all_finite(values: Array) -> bool:
    """Return whether all elements are finite. Signaling NaNs count as not finite and raise no warning."""
    with np.errstate(invalid="ignore"):
        return bool(np.isfinite(values).all())


def cast(values: Array, name: str) -> Array:
    """Cast finite real ``values`` to another of :data:`REAL_DTYPES`.

    Raises:
        EncodeError: a value is too large for the type, or all values are so small that the type loses their digits.
    """
    wanted = DTYPES[name]
    if values.dtype == wanted:
        return values
    with np.errstate(over="ignore", under="ignore"):
        found = values.astype(wanted)
    if values.dtype.itemsize < wanted.itemsize or values.size == 0:
        return found
    if not all_finite(found):
        largest = np.abs(values.astype(np.float64)).max()
        raise EncodeError(f"a value of {largest:g} is too large for {name}; scale the tensor, or keep its dtype")
    largest, error = _largest_and_error(values.reshape(-1), found.reshape(-1))
    if error > 2 * UNITS[name] * largest:
        raise EncodeError(f"values of up to {largest:g} are too small for {name}; scale the tensor, or keep its dtype")
    return found


def _largest_and_error(values: Array, found: Array) -> tuple[float, float]:
    """Return the largest magnitude of ``values``, and the largest difference between them and ``found``."""
    largest = error = 0.0
    for start in range(0, values.size, BLOCK):
        part = slice(start, start + BLOCK)
        wide = values[part].astype(np.float64)
        largest = max(largest, float(np.abs(wide).max()))
        error = max(error, float(np.abs(wide - found[part].astype(np.float64)).max()))
    return largest, error


def rounded(values: NDArray[np.float64], dtype: np.dtype[Any]) -> Array:
    """Round float64 ``values`` once to another real type; a plain cast to bfloat16 would round twice, via float32."""
    if dtype != DTYPES["bf16"]:
        return values.astype(dtype)
    near = values.astype(np.float32)
    # Round to odd: truncate, and set the last bit if any bit was lost, so that the second rounding sees it.
    bits = near.view(np.uint32)
    bits -= (np.abs(near.astype(np.float64)) > np.abs(values)).astype(np.uint32)
    bits |= (near.astype(np.float64) != values).astype(np.uint32)
    return near.astype(dtype)
