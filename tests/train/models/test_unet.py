from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch

from frformat import checkpoints, encoding
from frformat.torch import load_model
from frformat.train.data import UNIT_PIXELS, load_carvana
from frformat.train.models import UNet
from tests.train.data import DATA, data_file

DICE = (0.9788, 0.9793, 0.9747, 0.9808, 0.9781, 0.9677, 0.9797, 0.9612, 0.9710, 0.9117)
"""Dice of the published network on each image; for images 0 … 7, it is the same with ``scipy.fft.idctn``."""

TRIED = len(DICE) if os.environ.get("HYPOTHESIS_PROFILE") == "nightly" else 1


def test_the_parameter_count_is_as_published():
    with torch.device("meta"):
        network = UNet()
    assert sum(parameter.numel() for parameter in network.parameters()) == 31_024_960
    assert len(network.state_dict()) == 23


@pytest.mark.parametrize("size", [(32, 32), (37, 51)])
def test_width_channels_classes_and_odd_sizes(size: tuple[int, int]):
    network = UNet(1, 3, width=4)
    assert network.inc.double_conv[0].weight.shape == (4, 1, 3, 3)
    assert network.down4.maxpool_conv[1].double_conv[3].weight.shape == (64, 64, 3, 3)
    assert network(torch.rand(2, 1, *size)).shape == (2, 3, *size)


def test_the_published_network_scores_as_measured(tmp_path: Path):
    """Compute masks with the authors' checkpoint, read back from a file; the nightly profile uses all ten images."""
    source = data_file("unet_fr/unet_fr.pt")
    data_file("carvana")
    encoding.encode(checkpoints.load(source), tmp_path / "unet.frz")
    with torch.device("meta"):
        network = UNet()
    load_model(network.to_empty(device="cpu"), tmp_path / "unet.frz")
    scores = []
    for index in range(TRIED):
        image, truth = load_carvana(DATA)[index]
        mask = network(UNIT_PIXELS(image[None]))[0].argmax(0)
        scores.append(2 * float((mask & truth).sum() / (mask.sum() + truth.sum())))
    assert scores == pytest.approx(DICE[:TRIED], abs=0.5e-4)
