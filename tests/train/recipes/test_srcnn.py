from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch.utils.data import TensorDataset

from frformat.torch import load_model
from frformat.train import ProcessGroup, history, train
from frformat.train.data import load_photo, photo
from frformat.train.loop import HISTORY
from frformat.train.models import SRCNN
from frformat.train.recipe import Data
from frformat.train.recipes.srcnn import SrcnnOnPhoto, enlarged, psnr


def test_it_learns_and_the_file_is_the_model(tmp_path, monkeypatch):
    (train_patches,), (test_patches,) = load_photo("train").tensors, load_photo("test").tensors
    few = Data(TensorDataset(train_patches[600:632]), TensorDataset(test_patches[:, :, :48, :48]))
    monkeypatch.setattr(SrcnnOnPhoto, "data", lambda self, folder: few)
    outcome = train(SrcnnOnPhoto(replace(SrcnnOnPhoto.defaults, epochs=6)), tmp_path)
    rows = history.read(tmp_path / HISTORY)
    assert rows[-1].losses[""] < rows[0].losses[""]
    assert outcome.numbers == 700 + 500 + 300 + 8 + 8 + 1
    assert outcome.decoded["psnr"] == pytest.approx(outcome.metrics["psnr"], rel=1e-4)
    load_model(SRCNN(), outcome.path)


def test_no_training_patch_overlaps_with_a_validation_patch(monkeypatch):
    size, step = photo.PATCH["train"]
    column = torch.arange(0, photo.SPLIT - size + 1, step).repeat(25)
    monkeypatch.setattr("frformat.train.recipes.srcnn.load_photo", lambda split: TensorDataset(column))
    for share in (0.01, 0.1, 0.5):
        data = SrcnnOnPhoto(replace(SrcnnOnPhoto.defaults, holdout=share)).data(None).with_validation(share)
        assert data.validation is not None
        held = data.validation.tensors[0]
        assert len(held) >= share * len(column)
        assert int(data.train.tensors[0].max()) + size <= int(held.min())


def test_an_untrained_network_returns_its_input():
    x = torch.rand(1, 1, 8, 8)
    assert torch.equal(SRCNN()(x), x)


def test_metrics_compare_with_bicubic_interpolation():
    samples = load_photo("test")
    with torch.inference_mode():
        found = SrcnnOnPhoto().evaluate(SRCNN().eval(), samples, ProcessGroup())
    assert found["psnr"] == found["bicubic"]
    assert 18 < found["psnr"] < 26


def test_enlarged_images_have_half_the_resolution():
    image = torch.zeros(1, 1, 8, 8)
    image[..., ::2] = 1
    assert torch.allclose(enlarged(image), torch.tensor(0.5), atol=0.1)  # stripes of one pixel are lost
    assert torch.allclose(enlarged(torch.full((1, 1, 8, 8), 0.3)), torch.tensor(0.3))


def test_psnr_is_in_decibels():
    truth = torch.full((2, 1, 2, 2), 0.5)
    assert torch.allclose(
        psnr(truth + torch.tensor([0.1, 0.01])[:, None, None, None], truth), torch.tensor([20.0, 40.0])
    )
