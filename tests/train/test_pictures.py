from __future__ import annotations

import numpy as np
import torch
from torch import nn
from torch.utils.data import TensorDataset

from frformat.train import Data, Segmentation, Settings
from frformat.train.pictures import tiled


def test_images_are_arranged_in_rows_on_white():
    images = torch.tensor([0.0, 0.2, 0.4, 0.6, 2.0])[:, None, None, None].expand(5, 1, 3, 4)
    sheet = tiled(images, 2)
    assert sheet.dtype == np.uint8
    assert sheet.shape == (3 * 3 + 2 * 2, 2 * 4 + 2)
    assert [int(sheet[y, x]) for y in (0, 5, 10) for x in (0, 6)] == [0, 51, 102, 153, 255, 255]
    assert (sheet[3:5] == 255).all()
    assert (sheet[:, 4:6] == 255).all()


def test_color_and_few_images():
    sheet = tiled(torch.rand(1, 3, 5, 6), 10)
    assert sheet.shape == (5, 6, 3)


class Bright(Segmentation):
    name = "bright"
    summary = "bright pixels"
    defaults = Settings(epochs=1, batch=1, lr=0.1)
    crop = 4

    def data(self, folder):
        raise NotImplementedError

    def model(self) -> nn.Module:
        return Brightness()


class Brightness(nn.Module):
    def __init__(self):
        super().__init__()
        self.threshold = nn.Parameter(torch.tensor(0.5))

    def forward(self, x):
        bright = x.mean(1) - self.threshold
        return torch.stack([-bright, bright], 1)


@torch.no_grad()
def test_a_segmentation_shows_image_mask_and_prediction():
    images = torch.zeros(4, 3, 8, 8, dtype=torch.uint8)
    images[:, :, :4] = 200
    masks = torch.zeros(4, 8, 8, dtype=torch.uint8)
    masks[:, :, :4] = 1
    samples = TensorDataset(images, masks)
    recipe = Bright()
    sheet = recipe.picture(recipe.model(), Data(samples, samples).test)
    assert sheet.shape == (2 * 8 + 2, 3 * 8 + 4, 3)
    image, mask, answer = sheet[:8, :8], sheet[:8, 10:18], sheet[:8, 20:28]
    assert image[:4].min() == image.max() == 200
    assert not image[4:].any()
    assert mask[:, :4].min() == 255
    assert not mask[:, 4:].any()
    assert answer[:4].min() == 255
    assert not answer[4:].any()
