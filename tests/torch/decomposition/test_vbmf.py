from __future__ import annotations

import numpy as np
import pytest

from frformat.torch.decomposition import evbmf
from frformat.torch.decomposition.vbmf import _edge


def noisy(rng: np.random.Generator, rows: int, columns: int, rank: int, noise: float) -> np.ndarray:
    left, right = rng.standard_normal((rows, rank)), rng.standard_normal((rank, columns))
    return left @ right + noise * rng.standard_normal((rows, columns))


def test_the_rank_of_a_noisy_low_rank_matrix_is_found() -> None:
    rng = np.random.default_rng(0)
    right = 0
    for _ in range(200):
        rows, columns = rng.integers(20, 120, 2)
        rank = int(rng.integers(0, min(rows, columns) // 8))
        right += evbmf(noisy(rng, rows, columns, rank, rng.uniform(0.1, 1))).rank == rank
    assert right >= 190


def test_the_noise_is_estimated() -> None:
    found = evbmf(noisy(np.random.default_rng(1), 64, 576, 8, 0.5))
    assert found.rank == 8
    assert found.variance == pytest.approx(0.25, rel=0.05)


def test_a_matrix_and_its_transpose_agree() -> None:
    matrix = noisy(np.random.default_rng(2), 40, 90, 5, 0.3)
    assert evbmf(matrix).rank == evbmf(matrix.T).rank == 5
    assert evbmf(matrix).threshold == pytest.approx(evbmf(matrix.T).threshold)


def test_one_row_or_equal_singular_values_are_noise() -> None:
    rng = np.random.default_rng(4)
    for _ in range(50):
        assert evbmf(rng.standard_normal((1, 288))).rank == 0
        assert evbmf(np.linalg.qr(rng.standard_normal((24, 12)))[0]).rank == 0


def test_scale_does_not_matter() -> None:
    matrix = noisy(np.random.default_rng(3), 40, 90, 5, 0.3)
    assert {evbmf(matrix * scale).rank for scale in (1e-20, 1.0, 1e20)} == {5}


@pytest.mark.parametrize("alpha", [0.01, 0.1, 0.5, 1.0])
def test_the_edge_is_that_of_the_published_approximation(alpha: float) -> None:
    # τ ≈ 2.5129 √α, accurate to a few digits for square matrices and to a few percent for other matrices.
    tau = 2.5129 * alpha**0.5
    assert _edge(alpha) == pytest.approx((1 + tau) * (1 + alpha / tau), rel=0.03 if alpha < 1 else 1e-4)


def test_no_signal_has_rank_zero_and_zeros_have_no_noise() -> None:
    assert evbmf(np.random.default_rng(4).standard_normal((30, 200))).rank == 0
    assert evbmf(np.zeros((3, 4))) == (0, 0.0, 0.0)


@pytest.mark.parametrize("matrix", [np.zeros(3), np.zeros((0, 3)), np.array([[np.nan, 1.0]])])
def test_only_matrices_of_finite_numbers_are_accepted(matrix: np.ndarray) -> None:
    with pytest.raises(ValueError, match="matrix of finite numbers"):
        evbmf(matrix)
