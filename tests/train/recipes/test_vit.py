from __future__ import annotations

import pytest

import frformat
from frformat.torch import load_model
from frformat.train.models import VisionTransformer
from frformat.train.recipes.vit import VisionTransformerOnMnist
from tests.train.recipes.small import course, small, tolerance


def test_it_learns_and_the_file_contains_the_model(tmp_path, monkeypatch):
    outcome, rows = course(small(VisionTransformerOnMnist, monkeypatch, epochs=4), tmp_path)
    assert rows[-1].losses[""] < 0.98 * rows[0].losses[""]
    assert outcome.difference <= tolerance(outcome, 256)
    assert outcome.decoded["cross_entropy"] == pytest.approx(outcome.metrics["cross_entropy"], abs=1e-4)
    load_model(VisionTransformer(), outcome.path)


def test_everything_is_regularized_and_heads_have_their_own_axis(tmp_path, monkeypatch):
    outcome, _ = course(small(VisionTransformerOnMnist, monkeypatch, epochs=1), tmp_path)
    with frformat.open(outcome.path) as file:
        assert all(file.info(name).spectral for name in file)
        assert file.spectrum("blocks.3.attention.qkv.weight").view == (3, 4, 16, 64)
        assert file.spectrum("blocks.0.attention.projection.weight").view == (64, 4, 16)
        assert file.spectrum("position").shape == (4, 4, 64)
