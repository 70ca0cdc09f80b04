from __future__ import annotations

import copy
import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from frformat.torch.regularization import synthesis
from frformat.torch.regularization.synthesis import Synthesis
from tests.torch.regularization.dense import matrix, prefixes, shapes


@pytest.fixture(autouse=True, params=[synthesis.FFT_RANK, 4], ids=["thin", "wide"])
def _order(request, monkeypatch):
    """Run each test in both orders."""
    monkeypatch.setattr(synthesis, "FFT_RANK", request.param)
    monkeypatch.setattr(synthesis, "FFT_ELEMENTS", 1)
    monkeypatch.setattr(synthesis, "SHORT", 12)


def make(shape, kept, dtype=torch.float64):
    return Synthesis(shape, kept, "cpu", dtype)


@given(prefixes(shapes))
def test_it_equals_the_dense_formula_and_so_does_its_gradient(prefix):
    shape, k = prefix
    coefficients = torch.randn(k, dtype=torch.float64, requires_grad=True)
    dense = matrix(shape, k)
    tensor = make(shape, k)(coefficients)
    torch.testing.assert_close(tensor, (dense @ coefficients).reshape(shape or (1,)), rtol=0, atol=1e-12)
    upstream = torch.randn_like(tensor)
    [gradient] = torch.autograd.grad(tensor, coefficients, upstream)
    torch.testing.assert_close(gradient, dense.T @ upstream.reshape(-1), rtol=0, atol=1e-12)


@given(prefixes(shapes))
def test_the_adjoint_is_the_forward_transform(prefix):
    shape, k = prefix
    tensor = torch.randn(shape or (1,), dtype=torch.float64)
    torch.testing.assert_close(
        make(shape, k).adjoint(tensor), matrix(shape, k).T @ tensor.reshape(-1), rtol=0, atol=1e-12
    )


@given(prefixes(shapes), st.data())
def test_resizing_equals_creating_a_new_one(prefix, data):
    shape, k = prefix
    other = data.draw(st.integers(1, math.prod(shape)))
    resized, anew = make(shape, k), make(shape, other)
    resized.resize(other)
    assert (resized.kept, resized.box) == (other, anew.box)
    coefficients = torch.randn(other, dtype=torch.float64)
    torch.testing.assert_close(resized(coefficients), anew(coefficients), rtol=0, atol=1e-12)


def test_it_follows_its_module_but_computes_in_float32_at_least():
    module = make((6, 7), 11, torch.float32)
    coefficients = torch.randn(11)
    expected = module(coefficients)
    for converted in (copy.deepcopy(module).half(), copy.deepcopy(module).bfloat16()):
        torch.testing.assert_close(converted(coefficients), expected, rtol=0, atol=0)
    assert copy.deepcopy(module).double()(coefficients.double()).dtype == torch.float64


def test_tables_are_recomputed_after_the_meta_device():
    module = make((6, 7), 11, torch.float32)
    coefficients = torch.randn(11)
    expected = module(coefficients)
    moved = module.to("meta").to_empty(device="cpu")
    torch.testing.assert_close(moved(coefficients), expected, rtol=0, atol=0)


def test_a_state_dict_contains_only_coefficients():
    assert not make((6, 7), 11).state_dict()
    assert "box" in repr(make((6, 7), 11))
