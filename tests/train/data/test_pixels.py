from __future__ import annotations

import pytest
import torch

from frformat.train.data import DIGITS_PIXELS, IMAGENET_PIXELS, MNIST_PIXELS, UNIT_PIXELS, load_digits


def test_black_and_white():
    images = torch.tensor([0, 255], dtype=torch.uint8).view(2, 1, 1, 1)
    assert UNIT_PIXELS(images).flatten().tolist() == [0, 1]
    assert MNIST_PIXELS(images).flatten().tolist() == pytest.approx([-0.42421, 2.82149], abs=1e-5)
    assert MNIST_PIXELS(images).dtype == torch.float32
    assert images.flatten().tolist() == [0, 255]


def test_channels_have_their_own_mean_and_deviation():
    white = IMAGENET_PIXELS(torch.full((3, 2, 2), 255, dtype=torch.uint8))
    assert white[:, 1, 0].tolist() == pytest.approx([2.24891, 2.42857, 2.64], abs=1e-5)


def test_unexpected_channels():
    with pytest.raises(ValueError, match="the images have 1 channels, but the mean has 3"):
        IMAGENET_PIXELS(torch.zeros(4, 1, 2, 2, dtype=torch.uint8))


def test_digits():
    train, test = load_digits("train"), load_digits("test")
    assert (len(train), len(test)) == (899, 898)
    images, labels = train.tensors
    assert images.dtype == torch.uint8
    assert images.shape == (899, 1, 8, 8)
    assert labels[:3].tolist() == [0, 2, 4]
    assert test.tensors[1][:3].tolist() == [1, 3, 5]
    pixels = DIGITS_PIXELS(images)
    assert (pixels.min(), pixels.max()) == (0, 1)
