"""The dense formula, which computes every basis function explicitly, in float64."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from hypothesis import strategies as st
from torch import Tensor

from frformat.spectral import dct, zigzag


def matrix(shape: Sequence[int], k: int) -> Tensor:
    """Return one column for each of the first ``k`` basis functions of a tensor's DCT: float64, (elements, k)."""
    bases = [dct.basis(n, n) for n in shape]
    columns = []
    for index in zigzag.prefix(shape, k):
        column = np.ones(1)
        for basis, i in zip(bases, index, strict=True):
            column = np.multiply.outer(column, basis[:, i])
        columns.append(column.reshape(-1))
    return torch.from_numpy(np.stack(columns, axis=1))


@st.composite
def prefixes(draw: st.DrawFn, shapes: st.SearchStrategy[tuple[int, ...]]) -> tuple[tuple[int, ...], int]:
    """Return a shape and a number of coefficients: few, some, or all."""
    shape = draw(shapes)
    count = math.prod(shape)
    return shape, draw(st.integers(1, min(count, 4)) | st.integers(1, count) | st.just(count))


shapes = st.lists(st.integers(1, 9), max_size=5).map(tuple).filter(lambda shape: math.prod(shape) <= 600)
