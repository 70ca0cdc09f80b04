"""The estimators: scikit-learn's rules, learning in steps, new classes, forgetting, choice of ridge and size."""

import copy
import pickle
from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.exceptions import NotFittedError
from sklearn.utils.estimator_checks import parametrize_with_checks

from frformat.train.elm import Convolution, Dense, ELMClassifier, ELMRegressor, IllConditionedError, machine
from frformat.train.elm.normal import NormalEquations

SMALL = Convolution(filters=24, size=3, pool=2)


@pytest.fixture(scope="module")
def digits() -> tuple[np.ndarray, np.ndarray]:
    found = load_digits()
    return (found.images * 15).astype(np.uint8), found.target


@parametrize_with_checks([ELMClassifier(Dense(50)), ELMRegressor(Dense(50))])
def test_scikit_learns_rules(estimator: Any, check: Any):
    check(estimator)


def test_digits(digits: tuple[np.ndarray, np.ndarray]):
    images, labels = digits
    model = ELMClassifier(SMALL, seed=3).fit(images[:1200], labels[:1200])
    assert model.samples_ == 1200
    assert model.score(images[1200:], labels[1200:]) > 0.93
    assert 1e-6 <= model.ridge_ <= 0.1


def test_steps_yield_the_same_as_one_fit(digits: tuple[np.ndarray, np.ndarray]):
    images, labels = digits[0][:300], digits[1][:300]
    whole = ELMClassifier(SMALL, ridge=1e-3).fit(images, labels)
    steps = ELMClassifier(SMALL, ridge=1e-3, batch=7)
    order = np.argsort(labels, kind="stable")  # class by class, so that most classes are new when they arrive
    steps.partial_fit(images[order[:70]], labels[order[:70]])
    for start in range(70, 300, 23):
        steps.partial_fit(images[order[start : start + 23]], labels[order[start : start + 23]])
    np.testing.assert_array_equal(steps.classes_, whole.classes_)
    np.testing.assert_allclose(steps.weights_, whole.weights_, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("tolerance", [None, 0.1])
def test_steps_make_the_same_choices_as_one_fit(
    digits: tuple[np.ndarray, np.ndarray], tolerance: float | None, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(machine, "JUDGED", 90)
    images, labels = digits[0][:400], digits[1][:400]
    whole = ELMClassifier(SMALL, tolerance=tolerance).fit(images, labels)
    steps = ELMClassifier(SMALL, tolerance=tolerance).partial_fit(images[:2], labels[:2])
    for start in range(2, 400, 31):
        steps.partial_fit(images[start : start + 31], labels[start : start + 31])
    assert (steps.ridge_, steps.units_) == (whole.ridge_, whole.units_)
    np.testing.assert_allclose(steps.weights_, whole.weights_, rtol=1e-6, atol=1e-9)


def test_forgetting(digits: tuple[np.ndarray, np.ndarray]):
    images, labels = digits[0][:200], digits[1][:200]
    model = ELMClassifier(SMALL, ridge=1e-3).fit(images, labels).forget(images[150:], labels[150:])
    fewer = ELMClassifier(SMALL, ridge=1e-3).fit(images[:150], labels[:150])
    assert model.samples_ == 150
    np.testing.assert_allclose(model.weights_, fewer.weights_, rtol=1e-6, atol=1e-9)
    with pytest.raises(ValueError, match="cannot remove 200 of 150 samples"):
        model.forget(images, labels)
    with pytest.raises(ValueError, match="a label is not one of the classes"):
        model.forget(images[:1], np.array([77]))
    of_one = labels[:150] == labels[0]
    with pytest.raises(ValueError, match=f"cannot remove 60 of {of_one.sum()} samples of the class {labels[0]}"):
        model.forget(images[:60], np.full(60, labels[0]))
    assert model.samples_ == 150
    model.forget(images[:150][of_one], labels[:150][of_one])
    with pytest.raises(ValueError, match="cannot remove 1 of 0 samples of the class"):
        model.forget(images[:1], labels[:1])


def test_forgetting_an_outlier_that_erased_the_others():
    generator = np.random.default_rng(0)
    points = generator.normal(size=(60, 2))
    labels = (points.sum(1) > 0).astype(int)
    model = ELMClassifier(Dense(20, "relu"), ridge=1e-3).fit(points, labels)
    model.partial_fit([[1e9, 1e9]], [1])
    assert model.samples_ == 61
    model.forget([[1e9, 1e9]], [1])
    with pytest.raises(IllConditionedError, match="rounding has erased them"):
        model.predict(points)
    assert model.fit(points, labels).score(points, labels) > 0.9


def test_a_smaller_layer_if_it_is_good_enough(digits: tuple[np.ndarray, np.ndarray]):
    images, labels = digits[0][:600], digits[1][:600]
    whole = ELMClassifier(SMALL, seed=1).fit(images, labels)
    fewer = ELMClassifier(SMALL, seed=1, tolerance=0.3).fit(images, labels)
    assert 0 < fewer.units_ < whole.units_ == 24
    assert fewer.layer_.features == len(fewer.weights_)
    scores = [model.score(digits[0][600:], digits[1][600:]) for model in (whole, fewer)]
    assert scores[1] > scores[0] - 0.05


def test_regression_of_several_outputs():
    x = np.linspace(-2, 2, 200)[:, None]
    y = np.hstack([np.sin(3 * x), x**2])
    model = ELMRegressor(Dense(80, gain=3.0)).fit(x, y)
    assert model.predict(x).shape == (200, 2)
    assert np.abs(model.predict(x) - y).max() < 0.1
    assert ELMRegressor().fit(x, y[:, 0]).predict(x).shape == (200,)


def test_before_learning():
    with pytest.raises(NotFittedError, match="this ELMClassifier has not been fitted yet; call fit first"):
        ELMClassifier().predict(np.zeros((1, 3)))


def learned(model: Any) -> Any:
    return model.samples_, model.weights_.copy(), getattr(model, "classes_", None)


@pytest.mark.parametrize("dtype", ["f32", "f64"])
def test_a_step_that_fails_in_a_later_batch_changes_nothing(dtype: str):
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(300, 6)), rng.integers(0, 2, 300)
    huge = x.copy()
    huge[250] = 1e170
    model: Any = ELMClassifier(Dense(20, activation="relu"), ridge=1e-3, batch=100, dtype=dtype).fit(x, y)
    before = learned(model)
    for call, inputs, labels, message in (
        (model.forget, np.vstack([x, x]), np.hstack([y, y]), "cannot remove 600 of 300 samples"),
        (model.forget, huge, y, "not finite, or larger than"),
        (model.partial_fit, huge, y, "not finite, or larger than"),
    ):
        with pytest.raises(ValueError, match=message):
            call(inputs, labels)
        after = learned(model)
        assert after[0] == before[0]
        np.testing.assert_array_equal(after[1], before[1])
    far: Any = ELMRegressor(Dense(20), ridge=1e-3, batch=100, dtype=dtype).fit(x, y.astype(float))
    weights = far.weights_.copy()
    with pytest.raises(ValueError, match="not finite, or larger than"):
        far.partial_fit(x, np.where(np.arange(300) == 250, 1e170, 0.0))
    assert far.samples_ == 300
    np.testing.assert_array_equal(far.weights_, weights)


def test_a_step_that_fails_adds_no_class():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(300, 6)), rng.integers(0, 2, 300)
    model = ELMClassifier(Dense(20, activation="relu"), ridge=1e-3, batch=100).fit(x, y)
    with pytest.raises(ValueError, match="not finite, or larger than"):
        model.partial_fit(x * 1e170, np.full(300, 7))
    assert model.classes_.tolist() == [0, 1]
    again = ELMClassifier(Dense(20, activation="relu"), ridge=1e-3, batch=100).fit(x, y)
    for each in (model, again):
        each.partial_fit(x[:9], np.full(9, 7))
    np.testing.assert_array_equal(model.weights_, again.weights_)


@pytest.mark.parametrize("memory", [None, 1000])
@pytest.mark.parametrize("step", ["partial_fit", "forget"])
def test_an_interrupted_step_is_never_learned_in_part(step: str, memory: int | None, monkeypatch: pytest.MonkeyPatch):
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(300, 6)), rng.integers(0, 2, 300)
    model: Any = ELMClassifier(Dense(20), ridge=1e-3, batch=100, memory=memory).fit(x, y)
    before, accumulate = learned(model), NormalEquations._accumulate
    for calls in (0, 1):
        left = iter(range(calls))

        def interrupted(*arguments: Any, left: Any = left) -> None:
            if next(left, None) is None:
                raise KeyboardInterrupt
            accumulate(*arguments)

        monkeypatch.setattr(NormalEquations, "_accumulate", interrupted)
        with pytest.raises(KeyboardInterrupt):
            getattr(model, step)(x, y)
        monkeypatch.undo()
        if not calls:
            assert learned(model)[0] == before[0]
            np.testing.assert_array_equal(learned(model)[1], before[1])
    with pytest.raises(NotFittedError):
        model.predict(x)
    model.fit(x, y)
    np.testing.assert_array_equal(learned(model)[1], before[1])


@pytest.mark.parametrize("memory", [None, 1000])
def test_copies_learn_independently(memory: int | None):
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(300, 6)), rng.integers(0, 2, 300)
    model = ELMClassifier(Dense(20), ridge=1e-3, memory=memory).fit(x[:200], y[:200])
    weights = model.weights_.copy()
    whole = ELMClassifier(Dense(20), ridge=1e-3, memory=memory).fit(x[:200], y[:200]).partial_fit(x[200:], y[200:])
    for twin in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        twin.partial_fit(x[200:], y[200:])
        np.testing.assert_array_equal(twin.weights_, whole.weights_)
    np.testing.assert_array_equal(model.weights_, weights)
    assert model.samples_ == 200


def test_integers_without_a_common_type_are_refused():
    x = np.random.default_rng(0).normal(size=(60, 6))
    labels = 2**60 + np.arange(60) % 2
    model = ELMClassifier(Dense(20), ridge=1e-3).fit(x, labels)
    with pytest.raises(ValueError, match="no common integer type"):
        model.partial_fit(x, labels.astype(np.uint64))
    assert model.classes_.tolist() == [2**60, 2**60 + 1]


def test_the_layer_keeps_the_seed_of_the_first_samples():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(300, 6)), rng.integers(0, 2, 300)
    models = [ELMClassifier(Dense(40), tolerance=1.0).partial_fit(x, y) for _ in range(2)]
    models[1].set_params(seed=5)
    assert models[1].units_ == models[0].units_ < 40
    np.testing.assert_array_equal(models[1].predict(x), models[0].predict(x))


def test_labels_are_all_strings_or_all_numbers():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(60, 6)), rng.integers(0, 2, 60)
    message = "labels must be either all strings or all numbers"
    with pytest.raises(ValueError, match=message):
        ELMClassifier(Dense(20)).partial_fit(x, y, classes=["0", "1"])
    model = ELMClassifier(Dense(20), ridge=1e-3).fit(x, y)
    for call in (model.partial_fit, model.forget):
        for labels in (y.astype(str), np.where(y, "a", "b").astype(object)):
            with pytest.raises(ValueError, match=message):
                call(x, labels)
    assert model.classes_.tolist() == [0, 1]
    assert model.samples_ == 60
    assert set(model.predict(x).tolist()) <= {0, 1}


@pytest.mark.parametrize(
    "settings",
    [
        {"batch": 0},
        {"batch": -1},
        {"ridge": -1e-3},
        {"ridge": np.nan},
        {"tolerance": -0.1},
        {"seed": -1},
        {"seed": 2**64 - 1},
        {"memory": -1},
        {"memory": "1GB"},
        {"hidden": 300},
        {"hidden": Dense},
    ],
)
def test_settings_out_of_range(settings: dict[str, Any]):
    x, y = np.random.default_rng(0).normal(size=(20, 3)), np.arange(20) % 2
    with pytest.raises(ValueError, match=rf"{next(iter(settings))} must be"):
        ELMClassifier(**{"hidden": Dense(20), **settings}).fit(x, y)


@pytest.mark.parametrize(
    ("hidden", "message"),
    [
        (Dense(0.5), r"neurons must be a whole number, not 0\.5"),  # type: ignore[arg-type]
        (Dense("50"), "neurons must be a whole number, not '50'"),  # type: ignore[arg-type]
        (Convolution(24, 3, 2.0), r"pool must be a whole number, not 2\.0"),  # type: ignore[arg-type]
    ],
)
def test_settings_of_layers_are_whole_numbers(hidden: Any, message: str, digits: tuple[np.ndarray, np.ndarray]):
    with pytest.raises(ValueError, match=message):
        ELMClassifier(hidden).fit(digits[0][:50], digits[1][:50])
