"""Compute the values of a template from tensors. Decoders must compute the same bits; see ``spec/template.md``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from frformat.runtimes.template.layout import Normalization, Plain, Scaled, Value

Array = NDArray[Any]


def computed(value: Value, normalizations: tuple[Normalization, ...], tensor: Callable[[str], Array]) -> Array:
    """Return a value as 32-bit floats, in row-major order.

    Every operation is in 64-bit floats; only the result is rounded to 32 bits.

    Args:
        value: the value.
        normalizations: the normalizations of the template.
        tensor: returns a tensor by its name.
    """
    if isinstance(value, Plain):
        return np.ascontiguousarray(tensor(value.tensor), np.float32)
    normalization = normalizations[value.normalization]

    def channels(name: str | None, default: float) -> Array:
        return np.float64(default) if name is None else tensor(name).astype(np.float64)  # type: ignore[return-value]

    with np.errstate(all="ignore"):
        deviation = np.sqrt(channels(normalization.variance, 1) + normalization.eps)
        scale = channels(normalization.weight, 1) / deviation
        if isinstance(value, Scaled):
            array = channels(value.tensor, 1)
            lengths = [1] * max(array.ndim, 1)
            lengths[value.axis] = len(scale)
            array = array * scale.reshape(lengths)
        else:
            mean = channels(normalization.mean, 0)
            array = (channels(value.tensor, 0) - mean) * scale + channels(normalization.bias, 0)
        return np.ascontiguousarray(array, np.float32)
