from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from frformat.spectral import dct
from frformat.torch.regularization import transform
from frformat.torch.regularization.synthesis import Synthesis

lengths = st.tuples(st.integers(1, 40), st.integers(1, 40)).map(lambda pair: (max(pair), min(pair)))


@given(lengths, st.integers(1, 3), st.booleans())
def test_both_are_products_with_the_basis(length, rows, transposed):
    n, r = length
    basis = torch.from_numpy(dct.basis(n, r))
    x = torch.randn(2, rows, r, dtype=torch.float64)
    y = torch.randn(2, rows, n, dtype=torch.float64)
    if transposed:
        x, y = (z.mT.contiguous().mT for z in (x, y))
    torch.testing.assert_close(transform.idct(x, n), x @ basis.T, rtol=0, atol=1e-12)
    torch.testing.assert_close(transform.dct(y, r), y @ basis, rtol=0, atol=1e-12)


def test_large_tensors_are_transformed_in_blocks(monkeypatch):
    x = torch.randn(5, 7, 12, dtype=torch.float64)
    whole = transform.idct(x, 16)
    for block in (1, 16, 33, 112, 250):
        monkeypatch.setattr(transform, "BLOCK", block)
        torch.testing.assert_close(transform.idct(x, 16), whole, rtol=0, atol=0)


@pytest.mark.parametrize(("n", "r"), [(1, 1), (4, 4), (7, 5), (8, 3)])
def test_gradients_of_any_order(n, r):
    x = torch.randn(2, r, dtype=torch.float64, requires_grad=True)
    y = torch.randn(2, n, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda z: transform.idct(z, n), x)
    assert torch.autograd.gradcheck(lambda z: transform.dct(z, r), y)
    assert torch.autograd.gradgradcheck(lambda z: transform.idct(z, n), x)


@pytest.mark.parametrize("name", ["idct", "dct"])
def test_operators_meet_pytorchs_requirements(name):
    operator = getattr(torch.ops.frformat, name).default
    x = torch.randn(3, 6, requires_grad=True)
    torch.library.opcheck(operator, (x, 6))


def test_elements_go_to_their_places_and_back():
    places = torch.randperm(50)
    x = torch.randn(50, dtype=torch.float64, requires_grad=True)
    assert torch.equal(transform.permute(x, places)[places], x)
    assert torch.equal(transform.permute_back(transform.permute(x, places), places), x)
    for operator in (transform.permute, transform.permute_back):
        assert torch.autograd.gradcheck(lambda z, operator=operator: operator(z, places), x)
        assert torch.autograd.gradgradcheck(lambda z, operator=operator: operator(z, places), x)


@pytest.mark.parametrize("name", ["permute", "permute_back"])
def test_permutations_meet_pytorchs_requirements(name):
    operator = getattr(torch.ops.frformat, name).default
    torch.library.opcheck(operator, (torch.randn(9, requires_grad=True), torch.randperm(9)))


@pytest.mark.parametrize("size", [10, transform.BLOCK])
def test_large_and_small_memory_are_alike(size):
    made = transform.empty((size // 2, 2), torch.zeros(1, dtype=torch.float64))
    assert (made.shape, made.dtype, made.is_contiguous()) == ((size // 2, 2), torch.float64, True)
    assert transform.empty((size,), torch.zeros(1, dtype=torch.bfloat16)).dtype == torch.bfloat16


def test_a_large_full_box(monkeypatch):
    monkeypatch.setattr(transform, "BLOCK", 1)
    full = Synthesis((7, 5, 3), 105, "cpu", torch.float64)
    coefficients = torch.randn(105, dtype=torch.float64, requires_grad=True)
    tensor = full(coefficients)
    monkeypatch.undo()
    assert torch.equal(tensor, full(coefficients))
    assert torch.allclose(torch.autograd.grad(tensor.square().sum(), coefficients)[0], 2 * coefficients)
