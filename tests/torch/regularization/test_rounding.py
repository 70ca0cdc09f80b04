from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from frformat import CodedTensor, Spectrum
from frformat.torch.regularization import regularize, set_format, spectral_tensors
from frformat.torch.regularization.rounding import fake_quantize
from tests.torch.regularization.models import Net

number_formats = st.sampled_from(["auto", "f32", "f16", "bf16", "step=0.125", "step=3e-3"]) | st.integers(2, 24).map(
    "q{}".format
)
values = hnp.arrays(np.float32, st.integers(1, 40), elements=st.floats(-6e4, 6e4, width=32))


def as_stored(coefficients, format):
    """Return the coefficients after a round trip through a file in a number format."""
    return CodedTensor.of_spectrum(Spectrum(coefficients, coefficients.shape), format).canonical()


@given(values, number_formats)
def test_training_sees_the_values_of_the_file(coefficients, format):
    expected = as_stored(coefficients, format)
    np.testing.assert_array_equal(fake_quantize(torch.from_numpy(coefficients), format).numpy(), expected)


@given(st.floats(0, 2.0**126, width=32), st.integers(2, 16))
def test_steps_over_the_whole_range_of_floats(largest, bits):
    coefficients = np.array([largest, -largest / 3], np.float32)
    expected = as_stored(coefficients, f"q{bits}")
    np.testing.assert_array_equal(fake_quantize(torch.from_numpy(coefficients), f"q{bits}").numpy(), expected)


@given(values, number_formats)
def test_the_gradient_passes_straight_through(coefficients, format):
    leaf = torch.from_numpy(coefficients).requires_grad_()
    upstream = torch.randn(len(leaf))
    fake_quantize(leaf, format).backward(upstream)
    assert torch.equal(leaf.grad, upstream)


def test_the_dtype_is_kept():
    for dtype in (torch.float16, torch.bfloat16, torch.float64):
        assert fake_quantize(torch.randn(3, dtype=dtype), "q8").dtype == dtype


def test_rules_set_the_format_and_it_can_be_changed_later():
    model = regularize(Net(), 20, rules=["conv.weight: format=q6"])
    tensors = spectral_tensors(model)
    coarse = tensors["conv.weight"].weights()
    set_format(model, None)
    fine = tensors["conv.weight"].weights()
    assert not torch.equal(coarse, fine)
    set_format(model, {"conv.weight": "q6"})
    assert torch.equal(tensors["conv.weight"].weights(), coarse)
    assert tensors["fc1.weight"].spectral.format is None


@pytest.mark.parametrize(
    ("format", "message"), [("q1", "q1"), ({"conv.weight": "q8", "head": "q8"}, "'head' is not a regularized tensor")]
)
def test_invalid_formats_and_tensors_are_reported_and_change_nothing(format, message):
    model = regularize(Net(), 20)
    with pytest.raises(ValueError, match=message):
        set_format(model, format)
    assert all(tensor.spectral.format is None for tensor in spectral_tensors(model).values())
