"""Compute the values of a template from tensors. Decoders must compute the same bits; see ``spec/template.md``."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from frformat.runtimes.template import cosines
from frformat.runtimes.template.layout import Basis, Core, Layout, Plain, Product, Scaled, Shifted, Value, rows
from frformat.spectral import zigzag

Array = NDArray[Any]


def computed(value: Value, layout: Layout, tensor: Callable[[str], Array]) -> Array:
    """Return a value as 32-bit floats, in row-major order.

    Every operation is in 64-bit floats; only the result is rounded to 32 bits.

    Args:
        value: the value.
        layout: the template.
        tensor: returns a tensor by its name, or its coefficients if these are needed.
    """
    if isinstance(value, Plain):
        return np.ascontiguousarray(tensor(value.tensor), np.float32)
    with np.errstate(all="ignore"):
        if isinstance(value, Core):
            array = _core(value, layout, tensor(value.tensor))
        elif isinstance(value, Basis):
            array = cosines.joint(value.axes)
        elif isinstance(value, Product):
            left, right = cosines.joint(value.left), cosines.joint(value.right)
            array = _sum(left[value.start : value.start + rows(value.right)].T[:, :, None], right)
        else:
            array = _normalized(value, layout, tensor)
        return np.ascontiguousarray(array, np.float32)


def _normalized(value: Scaled | Shifted, layout: Layout, tensor: Callable[[str], Array]) -> Array:
    normalization = layout.normalizations[value.normalization]

    def channels(name: str | None, default: float) -> Array:
        return np.float64(default) if name is None else tensor(name).astype(np.float64)  # type: ignore[return-value]

    deviation = np.sqrt(channels(normalization.variance, 1) + normalization.eps)
    scale = channels(normalization.weight, 1) / deviation
    if isinstance(value, Scaled):
        array = channels(value.tensor, 1)
        lengths = [1] * max(array.ndim, 1)
        lengths[value.axis] = len(scale)
        return array * scale.reshape(lengths)
    mean = channels(normalization.mean, 0)
    return (channels(value.tensor, 0) - mean) * scale + channels(normalization.bias, 0)


def _core(value: Core, layout: Layout, coefficients: Array) -> Array:
    shape = list(value.box)
    box = np.zeros(shape)
    box.reshape(-1)[zigzag.places(shape, len(coefficients))] = coefficients
    for axis in reversed(value.expanded):
        n, r = layout.forms[value.tensor][axis], shape[axis]
        lines = box.reshape(-1, 1, r, math.prod(shape[axis + 1 :]))
        box = _sum(cosines.basis(n, r)[:, :, None], lines)
        shape[axis] = n
    return box


def _sum(left: Array, right: Array) -> Array:
    """Return the sums of ``left[…, i, :] * right[…, i, :]`` over i, added in the order of i."""
    total = left[..., 0, :] * right[..., 0, :]
    for i in range(1, left.shape[-2]):
        total = total + left[..., i, :] * right[..., i, :]
    return total
