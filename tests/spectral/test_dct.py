from __future__ import annotations

import math
import sys
import tracemalloc

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from frformat.spectral import dct


def matrix(n: int, r: int) -> np.ndarray:
    """Return the basis as the specification defines it."""
    x, i = np.arange(n)[:, None], np.arange(r)[None, :]
    return np.cos(math.pi * (2 * x + 1) * i / (2 * n)) * np.where(i == 0, math.sqrt(1 / n), math.sqrt(2 / n))


def inverse(lines: np.ndarray, n: int) -> np.ndarray:
    out = np.full((len(lines), n), np.nan)
    dct.inverse_lines(lines, out)
    return out


class TestBasis:
    @given(st.integers(1, 60), st.data())
    def test_matches_the_definition_and_is_orthonormal(self, n: int, data: st.DataObject) -> None:
        r = data.draw(st.integers(1, n))
        start = data.draw(st.integers(0, n - 1))
        found = dct.basis(n, r)
        assert np.allclose(found, matrix(n, r), atol=1e-12)
        assert np.allclose(found.T @ found, np.eye(r), atol=1e-12)
        assert np.array_equal(dct.rows(n, r, start, n), found[start:])

    def test_long_axes_lose_no_digits(self) -> None:
        n, r = 1_000_003, 3
        tail = dct.basis(n, r)[-1]
        assert np.allclose(tail * np.sqrt(n), [1, -math.sqrt(2), math.sqrt(2)], atol=1e-10)


class TestForward:
    @given(st.lists(st.integers(1, 7), max_size=4).map(tuple))
    def test_is_the_transposed_basis_along_every_axis(self, shape: tuple[int, ...]) -> None:
        weights = np.random.default_rng(0).standard_normal(shape)
        expected = weights
        for axis, n in enumerate(shape):
            expected = np.moveaxis(np.tensordot(matrix(n, n).T, expected, (1, axis)), 0, axis)
        assert np.allclose(dct.forward(weights), expected, atol=1e-12)

    @pytest.mark.parametrize(
        ("shape", "box"), [((9, 8, 5), (3, 2, 5)), ((200, 40, 3), (5, 33, 2)), ((7, 130), (7, 32))]
    )
    def test_box_is_a_corner_of_the_whole(self, shape: tuple[int, ...], box: tuple[int, ...]) -> None:
        weights = np.random.default_rng(0).standard_normal(shape)
        corner = dct.forward(weights)[tuple(map(slice, box))]
        assert np.allclose(dct.forward(weights, box), corner, atol=1e-12)

    def test_the_weights_are_unchanged(self) -> None:
        for weights in (np.random.default_rng(0).standard_normal((130, 70)), np.ones((1, 90)), np.ones((90, 1))):
            given = weights.copy()
            dct.forward(weights)
            assert np.array_equal(weights, given)

    def test_a_thin_box_needs_no_fft(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(sys.modules, "scipy", None)
        assert dct.forward(np.ones((128, 16)), (32, 4))[0, 0] == pytest.approx(math.sqrt(128 * 16))


class TestInverseLines:
    @given(st.integers(1, 300), st.integers(1, 4), st.data())
    def test_is_a_product_with_the_basis(self, n: int, m: int, data: st.DataObject) -> None:
        r = data.draw(st.integers(1, n))
        lines = np.random.default_rng(r).standard_normal((m, r))
        assert np.allclose(inverse(lines, n), lines @ matrix(n, r).T, atol=1e-11)

    @pytest.mark.parametrize("n", [100_000, 100_003, 1 << 17])
    @pytest.mark.parametrize("r", [1, 2, 3, 10, 100, 1000])
    def test_smooth_lines(self, n: int, r: int) -> None:
        lines = np.random.default_rng(r).standard_normal((2, r))
        found = inverse(lines, n)
        for x in (0, 1, n // 3, n - 2, n - 1, *np.random.default_rng(1).integers(0, n, 20).tolist()):
            expected = lines @ dct.rows(n, r, x, x + 1)[0]
            assert np.abs(found[:, x] - expected).max() <= 1e-12 * np.abs(lines).sum()

    @pytest.mark.parametrize("dtype", [np.float16, ml_dtypes.bfloat16, np.float32])
    def test_of_any_strides_and_type(self, dtype: type) -> None:
        lines = np.random.default_rng(0).standard_normal((3, 50))
        out = np.zeros((70_000, 3), dtype)
        dct.inverse_lines(lines, out.T)
        assert np.allclose(out.T.astype(np.float64), inverse(lines, 70_000), rtol=1e-2, atol=1e-3)

    @pytest.mark.parametrize(("n", "r"), [(1 << 19, 3), (1 << 19, 1000), (1 << 19, 400_000), ((1 << 19) - 1, 400_000)])
    def test_memory_is_counted(self, n: int, r: int) -> None:
        lines, out = np.ones((1, r)), np.empty((1, n), np.float32)
        dct.inverse_lines(np.ones((1, 9)), np.empty((1, 64)))  # trigger imports
        tracemalloc.start()
        dct.inverse_lines(lines, out)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert peak <= dct.lines_memory(n, r) + (1 << 16)
