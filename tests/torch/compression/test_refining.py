from __future__ import annotations

import numpy as np
import pytest

from frformat.torch.compression.refining import TILE, bits_per_unit, refined

RNG = np.random.default_rng(5)
PRICE = 0.1


def moments(*shape: int) -> np.ndarray:
    samples = RNG.standard_normal((*shape, 3 * shape[-1]))
    found: np.ndarray = samples @ samples.swapaxes(-1, -2) / shape[-1]
    return found


def total(
    q: np.ndarray, target: np.ndarray, sizes: np.ndarray, second: np.ndarray, gradients: np.ndarray, units: np.ndarray
) -> float:
    """Return the loss plus the price of all bits."""
    groups, outputs, _ = q.shape
    error = (target - q * sizes).reshape(groups, outputs, second.shape[1], -1)
    full = gradients if gradients.ndim == 3 else np.stack([np.diag(each) for each in gradients])
    loss = 0.5 * np.einsum("gobk,gbkl,gpbl,gop->", error, second, error, full)
    return float(loss + PRICE * (units * np.abs(q) + (q != 0)).sum())


@pytest.mark.parametrize("diagonal", [False, True])
@pytest.mark.parametrize("shape", [(1, 6, 1, 9), (3, 4, 2, 5), (2, 3, 1, TILE + 9), (4, 1, 1, 9)])
def test_no_single_change_makes_it_better(shape: tuple[int, ...], diagonal: bool, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("frformat.torch.compression.refining.SWEEPS", 99)
    groups, outputs, blocks, n = shape
    second, gradients = moments(groups, blocks, n), moments(groups, outputs)
    gradients = np.diagonal(gradients, axis1=1, axis2=2) if diagonal else gradients
    target = RNG.laplace(size=(groups, outputs, blocks * n))
    sizes = RNG.uniform(0.4, 0.9, target.shape)
    q = np.rint(target / sizes)
    units = bits_per_unit(q)
    given = q.copy()
    found = refined(q, target, sizes, second, gradients, units, PRICE)
    assert np.array_equal(q, given)
    assert np.array_equal(found, np.rint(found))
    least = total(found, target, sizes, second, gradients, units)
    assert least < total(q, target, sizes, second, gradients, units) or np.array_equal(found, q)
    for at in np.ndindex(found.shape):
        for step in (-1, 1):
            other = found.copy()
            other[at] += step
            assert total(other, target, sizes, second, gradients, units) > least - 1e-9


def test_zeros_that_must_stay_stay():
    target = RNG.laplace(size=(1, 4, 9))
    sizes = np.where(RNG.random(target.shape) < 0.5, 1e30, 0.3)
    found = refined(np.zeros(target.shape), target, sizes, moments(1, 1, 9), moments(1, 4), np.ones(target.shape), 0.01)
    assert not found[sizes == 1e30].any()
    assert found.any()


def test_moments_that_say_nothing_leave_only_the_price():
    q = RNG.integers(-1, 2, (2, 3, 4)).astype(float)
    none = np.zeros((2, 1, 4, 4)), np.zeros((2, 3, 3))
    assert not refined(q, q * 0.5, np.full(q.shape, 0.5), *none, np.ones(q.shape), 0.1).any()


def test_bits_grow_where_magnitudes_are_small():
    q = np.zeros((6, 5, 3, 3), np.int32)
    q[2], q[:, 1] = 3, 4
    bits = bits_per_unit(q)
    assert bits.shape == q.shape
    assert bits[2, 1].max() < bits[2, 0].min() < bits[0, 0].min()
    assert np.isfinite(bits_per_unit(np.zeros((2, 3)))).all()
