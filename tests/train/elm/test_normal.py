"""The normal equations: batches in any order, removed samples, all sizes from one factor, memory, conditioning."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from frformat.train.elm import IllConditionedError, NormalEquations, normal
from frformat.train.elm.selection import Choice, choose, leave_one_out


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(normal, "BLOCK", 3)


def samples(count: int, features: int, outputs: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    h = generator.normal(size=(count, features))
    h[:, 0] = 1
    return h, generator.normal(size=(count, outputs))


def expected(h: np.ndarray, t: np.ndarray, ridge: float, mean: float) -> np.ndarray:
    penalty = np.diag([0.0] + [ridge * mean] * (h.shape[1] - 1))
    return np.linalg.solve(h.T @ h + penalty, h.T @ t)


@settings(max_examples=30, deadline=None)
@given(st.integers(2, 11), st.integers(1, 3), st.lists(st.integers(1, 9), min_size=1, max_size=5), st.booleans())
def test_the_solution_of_every_size(features: int, outputs: int, batches: list[int], in_file: bool):
    h, t = samples(sum(batches), features, outputs)
    equations = NormalEquations(features, outputs, memory=0 if in_file else None)
    start = 0
    for size in batches:
        equations.add(h[start : start + size], t[start : start + size])
        start += size
    assert equations.samples == len(h)
    factor = equations.factor(0.1)
    mean = float((h[:, 1:] ** 2).sum(0).mean())
    for size in range(1, features + 1):
        np.testing.assert_allclose(factor.weights(size), expected(h[:, :size], t, 0.1, mean), rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize("dtype", ["f64", "f32"])
def test_removed_samples_leave_no_trace(dtype: str):
    h, t = samples(30, 7, 2)
    equations, fewer = NormalEquations(7, 2, dtype=dtype), NormalEquations(7, 2, dtype=dtype)
    equations.add(h, t)
    equations.remove(h[20:], t[20:])
    fewer.add(h[:20], t[:20])
    assert equations.samples == 20
    np.testing.assert_allclose(
        equations.factor(0.01).weights(), fewer.factor(0.01).weights(), rtol=1e-9 if dtype == "f64" else 1e-3, atol=1e-5
    )


@pytest.mark.parametrize(("dtype", "harmless", "erasing"), [("f64", 1e3, 1e5), ("f32", 1.0, 1e3)])
@pytest.mark.parametrize("in_file", [False, True])
def test_a_removed_outlier_that_erased_the_others(dtype: str, harmless: float, erasing: float, in_file: bool):
    h, t = samples(30, 7, 2)
    equations, fewer = (NormalEquations(7, 2, dtype=dtype, memory=0 if in_file else None) for _ in range(2))
    fewer.add(h, t)
    equations.add(h, t)
    outlier = np.array([[1.0, *[harmless] * 6]])
    equations.add(outlier, t[:1])
    equations.remove(outlier, t[:1])
    tolerance = 1e-7 if dtype == "f64" else 1e-3
    np.testing.assert_allclose(
        equations.factor(0.01).weights(), fewer.factor(0.01).weights(), rtol=tolerance, atol=tolerance
    )
    outlier[:, 1:] = erasing
    equations.add(outlier, t[:1])
    equations.factor(0.01)
    equations.remove(outlier, t[:1])
    with pytest.raises(IllConditionedError, match="rounding has erased them: fit the samples that are left again"):
        equations.factor(0.01)
    equations.remove(h, t)  # without samples, the sums are 0 again
    equations.add(h, t)
    np.testing.assert_array_equal(equations.factor(0.01).weights(), fewer.factor(0.01).weights())


def test_outputs_added_later():
    h, t = samples(20, 5, 1)
    equations, from_the_start = NormalEquations(5, 1), NormalEquations(5, 2)
    equations.add(h, t)
    equations.add_outputs(1, -1.0)
    from_the_start.add(h, np.hstack([t, np.full((20, 1), -1.0)]))
    np.testing.assert_allclose(equations.products, from_the_start.products, rtol=1e-12)


def test_leave_one_out_matches_actual_removal():
    h, t = samples(12, 7, 2)
    sizes = (2, 4, 7)
    equations = NormalEquations(7, 2)
    equations.add(h, t)
    mean = float((h[:, 1:] ** 2).sum(0).mean())
    found = leave_one_out(equations.factor(0.05), h[3:6], t[3:6], sizes)
    for index, size in enumerate(sizes):
        for sample in range(3, 6):
            rest = np.delete(np.arange(12), sample)
            weights = expected(h[rest, :size], t[rest], 0.05, mean)
            np.testing.assert_allclose(found[index, sample - 3], h[sample, :size] @ weights, rtol=1e-8)


def test_the_smallest_size_that_is_good_enough():
    choices = [Choice(1e-3, 10, 1.06), Choice(1e-2, 10, 1.04), Choice(1e-3, 20, 1.0), Choice(1e-2, 5, 1.2)]
    assert choose(choices, 0.05) == Choice(1e-2, 10, 1.04)
    assert choose(choices, 0.0) == Choice(1e-3, 20, 1.0)


def test_a_ridge_that_is_too_small_grows():
    h, t = samples(4, 8, 1)  # more features than samples
    equations = NormalEquations(8, 1, dtype="f32")
    equations.add(h, t)
    factor = equations.factor(1e-12)
    assert factor.ridge > 1e-12
    assert np.isfinite(factor.weights()).all()


def test_equations_without_a_solution():
    equations = NormalEquations(3, 1)
    with pytest.raises(ValueError, match="there are no samples to learn from"):
        equations.factor(0.1)
    equations.add(np.array([[1.0, 1.0, 2.0]]), np.ones((1, 1)))
    with pytest.raises(IllConditionedError, match="the equations of 3 features and 1 samples have no solution"):
        equations.factor(1e-300)
    dead = NormalEquations(3, 1)
    dead.add(np.array([[1.0, 0.0, 0.0]] * 4), np.ones((4, 1)))
    np.testing.assert_allclose(dead.factor(0.1).weights(), [[1.0], [0.0], [0.0]])


@pytest.mark.parametrize("bad", [np.nan, np.inf, 1e200])
def test_values_that_are_not_finite_change_nothing(bad: float):
    h, t = samples(5, 3, 1)
    equations = NormalEquations(3, 1)
    equations.add(h, t)
    before = equations.factor(0.1).weights()
    for features, targets in ((h * np.array([1, bad, 1]), t), (h, abs(t) * bad)):
        with pytest.raises(ValueError, match="a feature or target is not finite"):
            equations.add(features, targets)
    np.testing.assert_array_equal(equations.factor(0.1).weights(), before)


def test_arguments_that_do_not_fit():
    with pytest.raises(ValueError, match="dtype 'f16' is neither f32 nor f64"):
        NormalEquations(3, 1, dtype="f16")
    with pytest.raises(ValueError, match="the numbers of features and outputs must be positive, not 0 and 1"):
        NormalEquations(0, 1)
    h, t = samples(5, 3, 1)
    equations = NormalEquations(3, 1)
    with pytest.raises(ValueError, match=r"features \(5, 3\) and targets \(4, 1\) do not match \(n, 3\) and \(n, 1\)"):
        equations.add(h, t[1:])
    with pytest.raises(ValueError, match="cannot remove 5 of 0 samples"):
        equations.remove(h, t)
