"""Models in files."""

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.exceptions import NotFittedError

import frformat
from frformat.errors import EncodeError
from frformat.train import elm
from frformat.train.elm import Convolution, Dense, ELMClassifier, ELMRegressor

GENERATOR = np.random.default_rng(0)
IMAGES = GENERATOR.integers(0, 256, (60, 2, 9, 8), np.uint8)
LABELS = np.array(["cat", "dog", "größer"])[GENERATOR.integers(0, 3, 60)]


@pytest.mark.parametrize("tolerance", [None, 0.5])
def test_images(tmp_path: Path, tolerance: float | None):
    model = ELMClassifier(Convolution(6, 3, 2), seed=2**63 + 1, tolerance=tolerance).fit(IMAGES, LABELS)
    path = tmp_path / "model.frz"
    elm.save(model, path, format="f32")
    back = elm.load(path)
    assert isinstance(back, ELMClassifier)
    np.testing.assert_array_equal(back.predict(IMAGES), model.predict(IMAGES))
    np.testing.assert_allclose(back.decision_function(IMAGES), model.decision_function(IMAGES), atol=1e-4)
    with frformat.open(path) as file:
        assert file.info("hidden.weight").shape == (model.units_, 2, 3, 3)
        assert file.info("output.weight").shape == (3, model.units_, 3, 3)
        np.testing.assert_array_equal(file["hidden.weight"], model.layer_.weights)
    with pytest.raises(NotFittedError, match="was loaded from a file without sums to continue from"):
        back.partial_fit(IMAGES, LABELS)
    with pytest.raises(NotFittedError, match="was loaded from a file without sums to continue from"):
        _ = back.ridge_
    assert back.fit(IMAGES, LABELS).samples_ == 60


def test_numbers(tmp_path: Path):
    x = np.linspace(-2, 2, 100)[:, None]
    model = ELMRegressor(Dense(40, "relu", 3.0)).fit(x, np.sin(x[:, 0]))
    path = tmp_path / "model.frz"
    elm.save(model, path, format="f32")
    back = elm.load(path)
    np.testing.assert_allclose(back.predict(x), model.predict(x), atol=1e-3)
    classifier = ELMClassifier(Dense(10), ridge=0.1).fit(x, (x[:, 0] > 0).astype(int))
    elm.save(classifier, path)
    np.testing.assert_array_equal(elm.load(path).predict(x), classifier.predict(x))


def test_the_hidden_layer_takes_no_space(tmp_path: Path):
    sizes = []
    for filters in (8, 9):
        model = ELMClassifier(Convolution(filters, 7, 1), ridge=0.1).fit(IMAGES, LABELS)
        elm.save(model, tmp_path / "model.frz")
        sizes.append(os.path.getsize(tmp_path / "model.frz"))
    assert sizes[1] - sizes[0] < 3 * 6 + 20  # three classes, six positions, a byte each; a filter itself has 98 weights


@pytest.mark.parametrize("labels", [[0.5, 1.5], ["a\nb", "c"], ["a\0", "a"]])
def test_labels_that_a_file_cannot_store(tmp_path: Path, labels: list[object]):
    model = ELMClassifier(Dense(5), ridge=0.1).fit(np.eye(4), [0, 1, 0, 1])
    model.classes_ = np.array(labels, object if isinstance(labels[0], str) else None)
    with pytest.raises(EncodeError, match="a label is neither an integer nor a string without line breaks"):
        elm.save(model, tmp_path / "model.frz")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("seed", [np.int64(3), True, 2**64 - 2])
def test_every_seed_can_be_stored(seed: Any, tmp_path: Path):
    model = ELMClassifier(Dense(5), ridge=0.1, seed=seed).fit(np.eye(4), [0, 1, 0, 1])
    elm.save(model, tmp_path / "model.frz", format="f32")
    assert elm.load(tmp_path / "model.frz").predict(np.eye(4)).tolist() == model.predict(np.eye(4)).tolist()


@pytest.mark.parametrize("format", ["", "q1", "Q8"])
def test_formats_that_do_not_exist(format: str, tmp_path: Path):
    model = ELMClassifier(Dense(5), ridge=0.1).fit(np.eye(4), [0, 1, 0, 1])
    with pytest.raises(EncodeError, match="is not one of"):
        elm.save(model, tmp_path / "model.frz", format=format)


def test_unrelated_files(tmp_path: Path):
    path = tmp_path / "model.frz"
    frformat.save_file({"a": np.ones(3)}, path)
    with pytest.raises(EncodeError, match=r"model\.frz does not contain an Extreme Learning Machine"):
        elm.load(path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"elm.seed": "8"}, "its hidden layer does not match its seed"),
        ({"elm.seed": "x"}, "invalid literal"),
        ({"elm.input": "2 9"}, "too small for filters"),
        ({"elm.input": "2 9 12"}, "its hidden layer does not match its seed"),
        ({"elm.input": "999999999 9 8", "elm.size": "1"}, "sums are too large to be exact"),
        ({"elm.hidden": "dense", "elm.input": "999999999 9 8"}, "hidden layer does not match its seed|activation"),
        ({"elm.classes": "a\nb"}, "it has 2 labels for 3 outputs"),
        ({"elm.pool": None}, "pool"),
        ({"elm.labels": "int"}, "invalid literal"),
    ],
)
def test_mismatched_parts(tmp_path: Path, change: dict[str, str | None], message: str):
    path = tmp_path / "model.frz"
    elm.save(ELMClassifier(Convolution(4, 3, 2), seed=7, ridge=0.1).fit(IMAGES, LABELS), path)
    with frformat.open(path) as file:
        metadata = {**file.metadata, **change}
    frformat.save_file(
        frformat.load_file(path), path, metadata={key: value for key, value in metadata.items() if value is not None}
    )
    with pytest.raises(EncodeError, match=message):
        elm.load(path)
