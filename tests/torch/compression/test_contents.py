from __future__ import annotations

import numpy as np
import pytest

import frformat
from frformat import CodedTensor
from frformat.torch.compression.contents import coded_bytes, forms

RNG = np.random.default_rng(0)


@pytest.mark.parametrize(
    ("array", "limit"),
    [
        (RNG.standard_normal((20, 30)).astype(np.float32), 1 / 127),
        (RNG.standard_normal(200).astype(np.float32), 1 / 511),
        (RNG.uniform(0.5, 2, 200), 1 / 511),
    ],
)
def test_floats_are_rounded_to_a_share_of_the_largest(array: np.ndarray, limit: float):
    found, *_ = forms(array)
    assert isinstance(found, CodedTensor)
    assert found.step is not None
    assert 0 < np.abs(found.rebuild() - array).max() <= limit * np.abs(array).max()
    assert coded_bytes(found) < 0.45 * 4 * array.size


def test_variances_keep_their_relative_precision():
    array = np.exp(RNG.uniform(-12, 3, 100)).astype(np.float32)
    found, *_ = forms(array)
    assert isinstance(found, CodedTensor)
    assert (np.abs(found.rebuild() / array - 1) < 2**-8).all()
    huge = (array * np.float32(1e30)).astype(np.float32)
    assert (np.abs(forms(huge)[0].rebuild() / huge - 1) < 2**-8).all()


def test_values_that_are_exact_in_few_bits_stay_exact():
    for array in (np.ones(5, np.float32), np.zeros((3, 4), np.float32), np.arange(9, dtype=np.float32) / 8):
        (found,) = forms(array)
        assert np.array_equal(found.rebuild(), array)


def test_constant_vectors_take_few_bytes_beside_biases():
    biases = {f"{n}.bias": forms(RNG.standard_normal(32).astype(np.float32))[0] for n in range(30)}
    ones = {f"{n}.scale": np.ones(32, np.float32) for n in range(30)}
    constant = {name: forms(array)[0] for name, array in ones.items()}
    assert all(
        form.step is None and np.array_equal(form.rebuild(), np.ones(32, np.float32)) for form in constant.values()
    )
    exact = {name: CodedTensor.of_array(array, "auto") for name, array in ones.items()}
    assert len(frformat.save(biases | constant)) < len(frformat.save(biases | exact)) - 50


def test_a_constant_that_16_bits_do_not_represent_stays_exact():
    array = np.full(7, 2.0**20, np.float32)
    (found,) = forms(array)
    assert np.array_equal(found.rebuild(), array)


@pytest.mark.parametrize("array", [np.arange(5), np.array([True]), np.array([1.0, np.inf]), np.ones(3, np.complex64)])
def test_everything_else_is_unchanged(array: np.ndarray):
    (found,) = forms(array)
    assert found is array


def test_more_precise_forms_follow_up_to_the_exact_one():
    array = RNG.standard_normal((20, 30)).astype(np.float32)
    *rounded, exact = forms(array)
    errors = [float(np.abs(each.rebuild() - array).max()) for each in rounded]
    assert errors[0] > 8 * errors[1] > 0
    assert exact is array
    assert np.array_equal(forms(array[0])[-1], array[0])
