from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from frformat.spectral import dct, philox
from frformat.spectral.bases import Basis, Dct, Identity, Kronecker, Seeded, Stored

FACTOR = np.random.default_rng(0).standard_normal((5, 7)).astype(np.float32)

BASES = [
    (Identity(7, 4), np.eye(7, 4)),
    (Dct(7, 4), dct.basis(7, 4)),
    (Dct(1, 1), np.ones((1, 1))),
    (Stored(FACTOR, 4), FACTOR[:4].T),
    (Seeded(9, 7, 4), philox.uniform(9, 0, 28).reshape(4, 7).T),
    (Kronecker(Dct(3, 2), Stored(FACTOR, 4)), np.kron(dct.basis(3, 2), FACTOR[:4].T)),
    (Kronecker(Identity(3, 3), Dct(4, 2)), np.kron(np.eye(3), dct.basis(4, 2))),
]


@pytest.mark.parametrize(("basis", "matrix"), BASES)
def test_rows_are_those_of_the_matrix(basis: Basis, matrix: np.ndarray) -> None:
    assert (basis.length, basis.count) == matrix.shape
    whole = basis.rows(0, basis.length)
    assert whole.dtype == np.float64
    assert np.array_equal(whole, matrix)
    for start in range(basis.length):
        assert np.array_equal(basis.rows(start, basis.length), matrix[start:])


@pytest.mark.parametrize(("basis", "matrix"), BASES)
def test_properties_of_a_basis_agree_with_its_matrix(basis: Basis, matrix: np.ndarray) -> None:
    if basis.selects:
        assert np.array_equal(matrix, np.eye(*matrix.shape))
    if basis.changes_nothing:
        assert np.array_equal(matrix, [[1]])
    if not basis.cancels:
        assert np.allclose(matrix.T @ matrix, np.eye(matrix.shape[1]), atol=1e-12)


@given(st.integers(2, 400), st.data())
def test_products_by_lines_are_the_same(n: int, data: st.DataObject) -> None:
    basis = Dct(n, data.draw(st.integers(1, n)))
    lines = np.random.default_rng(n).standard_normal((2, basis.count))
    out = np.empty((2, n))
    basis.expand(lines, out)
    assert np.allclose(out, lines @ basis.rows(0, n).T, atol=1e-11)


def test_long_axes_are_multiplied_by_lines() -> None:
    assert not Dct(1000, 10).by_lines
    assert Dct(1_000_000, 10).by_lines
