from __future__ import annotations

import numpy as np
import pytest

from frformat.torch.compression import CompressionError, rounding
from frformat.torch.compression.rounding import feedback, rounded

RNG = np.random.default_rng(3)


def moments(groups: int, n: int) -> np.ndarray:
    samples = RNG.standard_normal((groups, n, 3 * n)) * np.linspace(0.2, 3, n)[:, None]
    mixed = samples + 3 * samples.mean(1, keepdims=True)
    return mixed @ mixed.swapaxes(1, 2) / (3 * n)


def one_by_one(target: np.ndarray, sizes: np.ndarray, across: np.ndarray | None, down: np.ndarray | None) -> np.ndarray:
    """Round the matrix of one group, weight by weight."""
    x = target.copy()
    height, width = x.shape
    q = np.zeros((height, width))
    for j in range(width):
        y = x[:, j].copy()
        for i in range(height):
            q[i, j] = np.sign(y[i]) * np.floor(abs(y[i] / sizes[i, j]) + 0.5 - rounding.RATE)
            if down is not None:
                y[i + 1 :] -= (y[i] - q[i, j] * sizes[i, j]) / down[i, i] * down[i, i + 1 :]
        if across is not None:
            x[:, j + 1 :] -= np.outer((x[:, j] - q[:, j] * sizes[:, j]) / across[j, j], across[j, j + 1 :])
    return q


def loss(error: np.ndarray, inputs: np.ndarray, outputs: np.ndarray) -> float:
    return float(np.einsum("gok,gkl,gpl,gop->", error, inputs, error, outputs))


def test_feedback_is_a_root_of_the_inverse():
    h = moments(2, 7)
    u = feedback(h, 0.0)
    np.testing.assert_allclose(u.swapaxes(1, 2) @ u, np.linalg.inv(h), rtol=1e-6)
    assert np.array_equal(u, np.triu(u))


def test_uninformative_moments_yield_no_feedback():
    u = feedback(np.zeros((1, 4, 4)), 0.01)
    assert np.isfinite(u).all()
    assert np.array_equal(u, np.diag(np.diagonal(u[0]))[None])


def test_moments_can_be_off_by_rounding():
    moments = np.ones((1, 3, 3)) - 0.2 * np.eye(3)
    u = feedback(moments, 0.01)
    assert np.isfinite(u).all()
    with pytest.raises(CompressionError, match="not finite"):
        feedback(moments * np.nan, 0.01)


@pytest.mark.parametrize(("rows", "columns"), [(1, 9), (7, 1), (8, 11), (5, 5)])
@pytest.mark.parametrize("which", ["neither", "across", "down", "both"])
@pytest.mark.parametrize("tile", [3, 96])
def test_it_equals_rounding_one_by_one(rows: int, columns: int, which: str, tile: int, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(rounding, "TILE", tile)
    target = RNG.standard_normal((2, rows, columns))
    sizes = RNG.uniform(0.2, 0.6, target.shape)
    across = feedback(moments(2, columns), 0.01) if which in ("across", "both") else None
    down = feedback(moments(2, rows), 0.01) if which in ("down", "both") else None
    found = rounded(target, sizes, across, down)
    for g in range(2):
        u, v = (None if each is None else each[g] for each in (across, down))
        assert np.array_equal(found[g], one_by_one(target[g], sizes[g], u, v))


def test_feedback_lowers_the_loss():
    h, g = moments(1, 40), moments(1, 12)
    target = RNG.standard_normal((1, 12, 40))
    sizes = np.full(target.shape, 0.5)
    u, v = feedback(h, 0.01), feedback(g, 0.01)
    plain, one, both = (
        loss(target - sizes * rounded(target, sizes, *each), h, g) for each in ((None, None), (u, None), (u, v))
    )
    assert both < one < 0.7 * plain


def test_the_target_is_unchanged():
    target = RNG.standard_normal((1, 3, 4))
    before = target.copy()
    rounded(target, np.ones(target.shape), feedback(moments(1, 4), 0.1), None)
    assert np.array_equal(target, before)
