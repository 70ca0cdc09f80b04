from __future__ import annotations

import math
import os
import subprocess
import sys

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from frformat.spectral import dct, zigzag


def naive(coefficients: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """The sum of section 6 of the specification, axis after axis, over the whole spectrum."""
    weights = np.zeros(shape)
    for index, value in zip(zigzag.prefix(shape, len(coefficients)), coefficients, strict=True):
        weights[tuple(index)] = value
    for axis, n in enumerate(shape):
        x, i = np.arange(n)[:, None], np.arange(n)[None, :]
        u = np.cos(math.pi * (2 * x + 1) * i / (2 * n)) * np.where(i == 0, math.sqrt(1 / n), math.sqrt(2 / n))
        weights = np.moveaxis(np.tensordot(u, weights, (1, axis)), 0, axis)
    return weights


def coefficients(k: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(k).astype(np.float32)


shapes = st.lists(st.integers(1, 7), max_size=5).map(tuple)


class TestBasis:
    @given(st.integers(1, 60))
    def test_is_orthonormal(self, n: int) -> None:
        assert np.allclose(dct.basis(n, n).T @ dct.basis(n, n), np.eye(n), atol=1e-12)

    def test_long_axes_lose_no_digits(self) -> None:
        n, r = 1_000_003, 3
        tail = dct.basis(n, r)[-1]
        assert np.allclose(tail * np.sqrt(n), [1, -math.sqrt(2), math.sqrt(2)], atol=1e-10)


class TestForward:
    @given(shapes, st.data())
    def test_inverts_the_inverse(self, shape: tuple[int, ...], data: st.DataObject) -> None:
        k = data.draw(st.integers(1, math.prod(shape)))
        values = coefficients(k)
        spectrum = dct.forward(naive(values, shape))
        indices = zigzag.prefix(shape, k)
        assert np.allclose([spectrum[tuple(i)] for i in indices], values, atol=1e-10)
        assert math.isclose(float((spectrum**2).sum()), float((values.astype(float) ** 2).sum()), rel_tol=1e-9)

    @pytest.mark.parametrize(
        ("shape", "box"), [((9, 8, 5), (3, 2, 5)), ((200, 40, 3), (5, 33, 2)), ((7, 130), (7, 32))]
    )
    def test_box_is_a_corner_of_the_whole(self, shape: tuple[int, ...], box: tuple[int, ...]) -> None:
        weights = np.random.default_rng(0).standard_normal(shape)
        corner = dct.forward(weights)[tuple(map(slice, box))]
        assert np.allclose(dct.forward(weights, box), corner, atol=1e-12)

    def test_a_thin_box_needs_no_fft(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(sys.modules, "scipy", None)
        assert dct.forward(np.ones((128, 16)), (32, 4))[0, 0] == pytest.approx(math.sqrt(128 * 16))


class TestInverse:
    @given(shapes, st.sampled_from([np.float32, np.float64]), st.data())
    def test_is_the_formula(self, shape: tuple[int, ...], dtype: type, data: st.DataObject) -> None:
        values = coefficients(data.draw(st.integers(0, math.prod(shape))))
        out = np.full(shape, np.nan, dtype)
        dct.inverse(values, shape, out)
        expected = naive(values, shape)
        assert np.abs(out - expected).max() <= 1e-6 * np.abs(expected).max()

    @pytest.mark.parametrize("dtype", [np.float16, ml_dtypes.bfloat16])
    def test_16_bits_are_rounded_once(self, dtype: type) -> None:
        values = coefficients(20)
        out = np.empty((30, 40), dtype)
        dct.inverse(values, (30, 40), out)
        exact = naive(values, (30, 40))
        half_unit = np.spacing(np.abs(exact).astype(dtype)).astype(np.float64) / 2
        assert (np.abs(out.astype(np.float64) - exact) <= half_unit + 1e-6 * np.abs(exact).max()).all()

    @pytest.mark.parametrize(
        ("shape", "k"),
        [
            ((1024, 512, 3, 3), 33),  # the first axis last, in float32
            ((512, 1024, 3, 3), 33),
            ((3, 200_000), 11),  # the last axis last, its basis in blocks
            ((3, 200_000, 2), 11),  # a middle axis last
            ((300_000,), 40),
            ((1, 1, 70_000, 1), 5),
            ((400, 400), 400 * 400),  # everything kept
            ((20_000,), 20_000),  # by FFT
            ((3, 4001, 2), 20_000),
        ],
    )
    def test_large_tensors(self, shape: tuple[int, ...], k: int) -> None:
        values = coefficients(k)
        single, double = np.empty(shape, np.float32), np.empty(shape)
        dct.inverse(values, shape, single)
        dct.inverse(values, shape, double)
        assert np.abs(single - double).max() <= 1e-6 * np.abs(double).max()
        rows = np.random.default_rng(1).integers(0, shape, (20, len(shape)))
        assert np.allclose([double[tuple(x)] for x in rows], [at(values, shape, tuple(x)) for x in rows], atol=1e-9)

    def test_cancelling_terms_take_float64(self) -> None:
        # Large coefficients whose sum is small: float32 sums would be off by more than allowed.
        values = np.zeros(zigzag.element_count((64, 64, 32)) // 64, np.float32)
        values[:3] = [1e6, -1e6 / math.sqrt(2), 1e3]
        single, double = np.empty((64, 64, 32), np.float32), np.empty((64, 64, 32))
        dct.inverse(values, (64, 64, 32), single)
        dct.inverse(values, (64, 64, 32), double)
        assert np.abs(single - double).max() <= 1e-6 * np.abs(double).max()

    @pytest.mark.skipif(not os.path.exists("/proc/self/clear_refs"), reason="the peak cannot be seen")
    @pytest.mark.parametrize("n", [1 << 21, (1 << 21) - 9])  # the latter is prime, for which an FFT takes most
    def test_working_memory_is_enough(self, n: int) -> None:
        code = (
            "import sys, numpy as np, scipy.fft\n"
            "from frformat.spectral import dct\n"
            "def status(key):\n"
            "    lines = open('/proc/self/status').read().splitlines()\n"
            "    return int(next(line.split()[1] for line in lines if line.startswith(key))) << 10\n"
            "n, k = int(sys.argv[1]), int(sys.argv[1]) // 2\n"
            "values, out = np.ones(k, np.float32), np.zeros(n, np.float32)\n"
            "open('/proc/self/clear_refs', 'w').write('5')\n"
            "before = status('VmRSS')\n"
            "dct.inverse(values, (n,), out)\n"
            "print(status('VmHWM') - before, dct.working_memory((n,), (k,)))\n"
        )
        done = subprocess.run([sys.executable, "-c", code, str(n)], capture_output=True, text=True, check=True)
        taken, counted = map(int, done.stdout.split())
        assert taken <= counted + (4 << 20)

    def test_nothing_kept_is_zero(self) -> None:
        out = np.full((3, 4), np.nan, np.float32)
        dct.inverse(np.empty(0, np.float32), (3, 4), out)
        assert not out.any()


def at(values: np.ndarray, shape: tuple[int, ...], x: tuple[int, ...]) -> float:
    """One weight by the formula."""
    product = values.astype(np.float64)
    for axis, n in enumerate(shape):
        i = zigzag.prefix(shape, len(values))[:, axis]
        scale = np.where(i == 0, math.sqrt(1 / n), math.sqrt(2 / n))
        product = product * scale * np.cos(math.pi * ((2 * x[axis] + 1) * i % (4 * n)) / (2 * n))
    return float(product.sum())
