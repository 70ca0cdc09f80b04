"""``frformat train elm``, on a small data set in MNIST's format."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import numpy as np
import pytest
from sklearn.datasets import load_digits

from frformat.train.elm import machine
from tests.cli.command import frformat, refused


def idx(array: np.ndarray) -> bytes:
    header = bytes([0, 0, 8, array.ndim]) + b"".join(n.to_bytes(4, "big") for n in array.shape)
    return gzip.compress(header + array.astype(np.uint8).tobytes())


@pytest.fixture
def data(tmp_path: Path) -> Path:
    digits = load_digits()
    images = np.zeros((500, 28, 28))
    images[:, 2:26, 2:26] = np.kron(digits.images[:500] * 15, np.ones((3, 3)))
    (tmp_path / "mnist").mkdir()
    for name, part in {"train": slice(400), "t10k": slice(400, 500)}.items():
        (tmp_path / "mnist" / f"{name}-images-idx3-ubyte.gz").write_bytes(idx(images[part]))
        (tmp_path / "mnist" / f"{name}-labels-idx1-ubyte.gz").write_bytes(idx(digits.target[:500][part]))
    return tmp_path


def test_a_file_that_recognizes_digits(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(machine, "RIDGES", (1e-3,))
    path = tmp_path / "run" / "model.frz"
    outcome = frformat("train", "elm", "--data", data, "-o", tmp_path / "run", "--json")
    assert outcome.code == 0, outcome.err
    found = json.loads(outcome.out)
    assert found["file"] == str(path)
    assert found["bytes"] == path.stat().st_size < 26_000
    assert found["decoded"] > 0.9
    assert found["filters"] == 80
    before = path.read_bytes()
    assert "it contains a trained model; --force replaces it" in refused("train", "elm", "-o", tmp_path / "run")
    assert path.read_bytes() == before


def test_options_of_gradient_training_do_not_apply(data: Path):
    assert "--epochs does not apply to elm" in refused("train", "elm", "--data", data, "--epochs", "3")
    assert not Path("runs").exists()


def test_mistakes_are_found_before_training(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(machine, "RIDGES", ())  # learning would fail
    assert "q99" in refused("train", "elm", "--data", data, "--format", "q99", "-o", tmp_path / "run")
    (tmp_path / "file").write_text("")
    assert "file" in refused("train", "elm", "--data", data, "-o", tmp_path / "file")


def test_missing_data(tmp_path: Path):
    assert "Put the four original .gz files there" in refused("train", "elm", "--data", tmp_path)


def test_it_is_listed():
    assert "elm" in frformat("train", "--list").out
    assert json.loads(frformat("train", "--list", "--json").out)["elm"]["metric"] == "accuracy"
