from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from frformat import EncodeError, Spectrum
from frformat.spectral import zigzag
from frformat.spectral.sparse import Sparse
from tests.strategies import shapes, spectra


@given(spectra())
def test_a_spectrum_survives(spectrum: Spectrum):
    assume(spectrum.kept <= 64 or spectrum.coefficients.all())  # too many zeros would hide the spectrum
    back = Sparse.of_spectrum(spectrum).spectrum(spectrum.view)
    np.testing.assert_array_equal(back.coefficients, np.trim_zeros(spectrum.coefficients, "b"))
    assert (back.shape, back.view, back.dtype) == (spectrum.shape, spectrum.view, "f32")


@given(hnp.arrays(np.float64, shapes, elements=st.sampled_from([1.0, -2.0, 0.0]), fill=st.just(0.0)))
def test_dense_and_sparse_are_the_same(array: np.ndarray):
    shape = array.shape
    sparse = Sparse.of(array)
    np.testing.assert_array_equal(sparse.dense(), array)
    assert sparse.dtype == "f64"
    coefficients = array.reshape(-1)[zigzag.places(shape, sparse.kept())]
    assert np.count_nonzero(coefficients) == np.count_nonzero(array)
    assert not len(coefficients) or coefficients[-1] != 0


def test_zeros_among_the_leading_coefficients_are_kept():
    array = np.zeros((30, 30), np.float16)
    array[0, 0] = array[3, 4] = 1
    spectrum = Sparse.of(array).spectrum()
    assert spectrum.kept == zigzag.position((30, 30), (3, 4)) + 1
    assert spectrum.dtype == "f16"


def test_scattered_elements_are_not_a_spectrum():
    array = np.zeros((30, 30), np.float32)
    array[0, 0] = array[29, 29] = 1
    with pytest.raises(EncodeError, match=r"2 elements of shape \[30, 30\] are not zero, but .* 900 coefficients"):
        Sparse.of(array).spectrum()


def test_views_must_fit():
    with pytest.raises(EncodeError, match=r"view \[2, 2\] does not have the element count of shape \[6\]"):
        Sparse.of(np.ones(6, np.float32)).spectrum((2, 2))


@pytest.mark.parametrize(
    "value", [np.array([[1, 2]]), np.array([[np.nan, 1]], np.float32), np.array([[1j]]), np.array([[1e300]])]
)
def test_only_finite_real_floats_are_coefficients(value: np.ndarray):
    with pytest.raises(EncodeError, match=r"a spectrum has one of|not a finite number|too large for f32"):
        Sparse.of(value).spectrum()
