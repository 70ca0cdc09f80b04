"""Tensors that differ from tier to tier."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from frformat.errors import EncodeError
from frformat.format.tensor import CodedTensor


class PerTier:
    """A tensor with a separate version for each tier, such as the running statistics of batch normalization.

    Args:
        tensors: the version of each tier, smallest tier first: arrays or :class:`CodedTensor` objects that differ only
            in their values.

    Raises:
        EncodeError: they differ in more than their values.
    """

    def __init__(self, tensors: Sequence[NDArray[Any] | CodedTensor]) -> None:
        self.tensors = [
            each if isinstance(each, CodedTensor) else CodedTensor.of_array(np.asarray(each)) for each in tensors
        ]
        if not self.tensors:
            raise EncodeError("a PerTier needs at least one tensor")
        if any(each.ordered or each.corner != each.meant for each in self.tensors):
            raise EncodeError("a tensor that every tier stores again must have a complete core")
        first = _facts(self.tensors[0])
        for tier, each in enumerate(self.tensors):
            if _facts(each) != first:
                raise EncodeError(f"tier {tier} has a tensor that differs from that of tier 0 in more than its values")


def _facts(tensor: CodedTensor) -> tuple[object, ...]:
    """Return everything that must agree between tiers: all but the values."""
    axes = tuple(
        (axis.kind, axis.argument if isinstance(axis.argument, int) else id(axis.argument)) for axis in tensor.axes
    )
    return (tensor.shape, tensor.view, tensor.dtype, tensor.value_type, tensor.step, tuple(tensor.offsets), axes)
