"""Choose how to store the elements of plain tensors: unchanged, in a number format, or as multiples of steps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from frformat.dtypes import DTYPES, FORMATS, REAL_DTYPES, all_finite, cast
from frformat.errors import EncodeError
from frformat.format import quantization
from frformat.spectral.rebuild import tiles

Array = NDArray[Any]

SAMPLE: Final = 1 << 12
"""Size of the sample that shows whether it is worth examining all elements."""

STEPPED: Final = 1 << 17
"""Multiples of a step are searched for only in tensors with at most this many elements."""

BLOCK: Final = 1 << 18
"""Number of elements that are quantized at a time."""


@dataclass(frozen=True)
class Elements:
    """Elements in the form in which a file stores them.

    Attributes:
        values: array of the tensor's shape: its own elements, floats in a number format, or multiples of steps (int32).
        step: step code, if the values are multiples of steps.
        offsets: by axis, the step offset of each index.
    """

    values: Array
    step: int | None = None
    offsets: Mapping[int, NDArray[np.int32]] = field(default_factory=dict)


def elements(array: Array, dtype: str, format: str, axis: int | None) -> Elements:
    """Convert a C-contiguous ``array`` of type ``dtype`` to the form in which it is stored.

    Args:
        array: the tensor.
        dtype: its type, a key of :data:`~frformat.dtypes.DTYPES`.
        format: see :meth:`frformat.CodedTensor.of_array`.
        axis: the axis along which each index has its own step, or None.

    Raises:
        EncodeError: the elements do not fit the format.
    """
    if format == "exact" or (format == "auto" and dtype not in REAL_DTYPES):
        return Elements(array)
    if format == "auto":
        return _lossless(array, dtype)
    quantization.check_format(format)
    if dtype not in REAL_DTYPES or not all_finite(array):
        raise EncodeError(f"elements of {dtype} cannot be stored as {format} unless all are finite floats")
    if format in FORMATS:
        return Elements(cast(array, format))
    if array.ndim == 0 or axis is None:
        numbers = quantization.quantized(cast(array.reshape(-1), "f32"), format)
        return Elements(numbers.values.reshape(array.shape), numbers.step)
    return _per_index(array, format, axis)


def _lossless(array: Array, dtype: str) -> Elements:
    """Store floats in the narrowest lossless form, or unchanged if some are not finite."""
    sample = array.reshape(-1)[:SAMPLE]
    if array.size <= STEPPED and dtype in ("f32", "f64") and quantization.exact_in(array, "f32"):
        single = array.reshape(-1).astype(np.float32, copy=False)
        if (dtype == "f64" or quantization.may_be_narrower(single)) and all_finite(single):
            numbers = quantization.quantized(single, "auto")
            if numbers.format != dtype:
                return Elements(numbers.values.reshape(array.shape), numbers.step)
        return Elements(array)
    for name in FORMATS[: FORMATS.index(dtype)] if dtype in FORMATS[1:] else FORMATS if dtype == "f64" else ():
        narrower = DTYPES[name].itemsize < array.itemsize
        if narrower and all(quantization.exact_in(part, name) for part in (sample, array)) and all_finite(array):
            return Elements(array.astype(DTYPES[name]))
    return Elements(array)


def _per_index(array: Array, format: str, axis: int) -> Elements:
    """Quantize with one step for each index of an axis."""
    bits, size = quantization.parse_format(format)
    others = tuple(a for a in range(array.ndim) if a != axis)
    largest = np.abs(array).max(axis=others, initial=0).astype(np.float64)
    if size is not None:
        codes = np.full(len(largest), quantization.step_code(size), np.int64)
    else:
        codes = np.array([quantization.code_for(float(each), bits) for each in largest], np.int64)
    used = np.sort(codes[largest > 0])
    code = int(used[len(used) // 2]) if used.size else 0
    offsets = np.where(largest > 0, codes - code, 0)
    sizes = quantization.steps(code + offsets)
    values = np.empty(array.shape, np.int32)
    for part in tiles(array.shape, BLOCK):
        shape = [1] * array.ndim
        shape[axis] = -1
        values[part] = quantization.whole(array[part].astype(np.float64) / sizes[part[axis]].reshape(shape))
    if size is None and largest.any() and not values.any():
        raise EncodeError(f"values of up to {largest.max():g} are too small for steps; scale the tensor")
    return Elements(values, code, {axis: offsets.astype(np.int32)} if offsets.any() else {})
