"""Tensors that differ from tier to tier."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from frformat.errors import EncodeError
from frformat.format.tensor import CodedTensor


class PerTier:
    """A tensor with a separate version for each tier, such as the running statistics of batch normalization.

    A smaller tier can have fewer values, such as the biases of fewer filters. The tensor then has the shape of the last
    tier's version; at a smaller tier, all elements outside the leading corner that the tier's version fills are 0.

    Args:
        tensors: the version of each tier, smallest tier first: arrays of the same rank, none of which is larger than
            the next on any axis, or :class:`CodedTensor` objects that differ only in their values and their corners.

    Raises:
        EncodeError: they differ in more than that, or a corner does not contain that of the tier before.
    """

    def __init__(self, tensors: Sequence[NDArray[Any] | CodedTensor]) -> None:
        self.tensors = [
            each if isinstance(each, CodedTensor) else CodedTensor.of_array(np.asanyarray(each)) for each in tensors
        ]
        if not self.tensors:
            raise EncodeError("a PerTier needs at least one tensor")
        shape = self.tensors[-1].shape
        self.tensors = [
            each if isinstance(given, CodedTensor) else replace(each, shape=shape)
            for each, given in zip(self.tensors, tensors, strict=True)
        ]
        if any(each.ordered for each in self.tensors):
            raise EncodeError("a tensor that every tier stores again cannot be a zigzag prefix")
        first = _facts(self.tensors[0])
        for tier, each in enumerate(self.tensors):
            if _facts(each) != first:
                raise EncodeError(
                    f"tier {tier} has a tensor that differs from that of tier 0 in more than its values and corner"
                )
            before = self.tensors[max(tier - 1, 0)].corner
            if any(r < old for old, r in zip(before, each.corner, strict=True)):
                raise EncodeError(
                    f"tier {tier} has a tensor of shape {list(each.corner)}, which does not contain that of the tier "
                    f"before, {list(before)}"
                )


def _facts(tensor: CodedTensor) -> tuple[object, ...]:
    """Return everything that must agree between tiers: all but the values and the corner."""
    axes = tuple(
        (axis.kind, axis.argument if isinstance(axis.argument, int) else id(axis.argument)) for axis in tensor.axes
    )
    return (tensor.shape, tensor.view, tensor.dtype, tensor.value_type, tensor.step, tuple(tensor.offsets), axes)
