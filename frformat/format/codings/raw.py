"""Coding ``raw``: the tensor's elements as they are, any dtype, lossless."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from frformat.errors import FrzError
from frformat.format.directory import Group


def working_memory(group: Group, index: int, tier: int) -> Iterator[int]:
    """Nothing beside the output and the values."""
    return iter(())


def rebuild(group: Group, index: int, values: NDArray[Any], out: NDArray[Any]) -> None:
    """Copy the values, unless ``out`` is where they already are."""
    if group.dtype == "bool" and values.size and values.view(np.uint8).max() > 1:
        raise FrzError("VALUE", "an element of a bool tensor is neither 0 nor 1", tensor=group.names[index])
    if not np.may_share_memory(values, out):
        out.reshape(-1)[:] = values
