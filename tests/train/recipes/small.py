"""Recipes for MNIST, run on a few enlarged digits from scikit-learn."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from torch.nn import functional as F
from torch.utils.data import TensorDataset

import frformat
from frformat.train import Data, Outcome, Recipe, Row, history, train
from frformat.train.data import load_digits
from frformat.train.loop import HISTORY

TRAIN, TEST = 96, 48


def digits() -> Data:
    """Return images of 28×28 pixels, uint8 in 0 … 255."""
    images, labels = load_digits("train")[: TRAIN + TEST]
    large = F.interpolate(images * (255 / 16), (28, 28), mode="bilinear").round().byte()
    return Data(TensorDataset(large[:TRAIN], labels[:TRAIN]), TensorDataset(large[TRAIN:], labels[TRAIN:]))


def small(kind: type[Recipe], monkeypatch: pytest.MonkeyPatch, **changes: Any) -> Recipe:
    """Return a recipe with its default settings, except for batches of 16 and ``changes``."""
    monkeypatch.setattr(kind, "data", lambda self, folder: digits())
    return kind(replace(kind.defaults, **{"batch": 16, **changes}))


def course(recipe: Recipe, folder: Path) -> tuple[Outcome, list[Row]]:
    """Run a recipe, check what must be true for all recipes, and return the outcome and its epochs."""
    outcome = train(recipe, folder)
    rows = history.read(folder / HISTORY)
    assert outcome.metrics.keys() == outcome.decoded.keys() == rows[-1].metrics.keys()
    with frformat.open(outcome.path) as file:
        spectra = {name: file.spectrum(name) for name in file if file.info(name).spectral}
        raw = sum(file[name].size for name in file if name not in spectra)
    assert {name: spectrum.kept for name, spectrum in spectra.items()} == rows[-1].kept
    assert sum(len(spectrum.coefficients) for spectrum in spectra.values()) + raw == outcome.numbers
    assert outcome.numbers < 0.06 * outcome.weights
    return outcome, rows


def tolerance(outcome: Outcome, terms: int) -> float:
    """Return a bound on the change of float32 outputs when sums of this many terms are computed in another order."""
    return terms * 2.0**-23 * max(outcome.scale, 1)
