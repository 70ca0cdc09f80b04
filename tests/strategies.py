"""Hypothesis strategies for tensors, spectra and files of them."""

from __future__ import annotations

import math

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from frformat import Spectrum
from frformat.dtypes import DTYPES

shapes = st.lists(st.integers(0, 5), max_size=6).map(tuple)

names = st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc")), min_size=1, max_size=20)

number_formats = st.sampled_from(["auto", "f32", "bf16", "q4", "q8", "q12", "step=0.125", "step=1e-3"])

finite = st.floats(-1e4, 1e4, width=32)


@st.composite
def arrays(draw: st.DrawFn) -> np.ndarray:
    """Any dtype of the format, any bytes (but 0 and 1 for bool)."""
    dtype = DTYPES[draw(st.sampled_from(list(DTYPES)))]
    shape = draw(shapes)
    if dtype == np.bool_:
        return draw(hnp.arrays(np.bool_, shape))
    size = math.prod(shape) * dtype.itemsize
    data = draw(st.binary(min_size=size, max_size=size))
    return np.frombuffer(data, dtype).reshape(shape)


@st.composite
def spectra(draw: st.DrawFn) -> Spectrum:
    """Any shape and view, any number of coefficients from none to all."""
    shape = draw(shapes)
    count = math.prod(shape)
    k = draw(st.integers(0, count))
    view = draw(st.sampled_from([None, (count,), (1, count, 1)]))
    values = draw(hnp.arrays(np.float32, k, elements=finite))
    return Spectrum(values, shape, view, draw(st.sampled_from(["f16", "bf16", "f32", "f64"])))


def tensors(max_size: int = 6) -> st.SearchStrategy[dict[str, np.ndarray | Spectrum]]:
    """Several of both under distinct names."""
    return st.dictionaries(names, arrays() | spectra(), max_size=max_size)
