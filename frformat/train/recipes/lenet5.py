"""LeNet-5 on MNIST."""

from __future__ import annotations

from torch import nn

from frformat.train.classification import Classification
from frformat.train.data import MNIST_PIXELS
from frformat.train.draws import Draws
from frformat.train.models import LeNet5
from frformat.train.recipe import Batch
from frformat.train.recipes.mnist import OnMnist
from frformat.train.recipes.resnet20 import shifted
from frformat.train.settings import Settings

MARGIN = 1
"""Largest shift of the images, in pixels."""

SHIFTED_FOR = 0.75
"""Share of the run during which images are shifted. Afterwards they are centered, like the test images."""


class LeNet5OnMnist(OnMnist, Classification):
    """Trains 776 parameters instead of 431,080, including biases; the file is smaller than 1,000 bytes.

    The first layer has one input channel, so its 20 filters of 5×5 pixels are viewed as (20, 25): with fewer axes, the
    prefix reaches further along the filters. Weights are not smooth along the classes, so their axis of 10 is viewed as
    (2, 5), which the prefix soon covers completely.
    """

    name = "lenet5"
    summary = "LeNet-5 on MNIST: 776 of 431,080 parameters"
    pixels = MNIST_PIXELS
    channels_last = True
    defaults = Settings(
        epochs=30,
        batch=128,
        optimizer="eigen",
        lr=0.04,
        warmup=0.2,
        rules=(
            "conv1.weight: keep=84 view=20,25",
            "conv2.weight: keep=310",
            "fc1.weight: keep=280",
            "fc2.weight: keep=90 view=2,5,500",
            "*.bias: keep=3",
        ),
        format="q9",
        quantize_from=0.6,
    )

    def model(self) -> nn.Module:
        """Return LeNet-5."""
        return LeNet5()

    def prepare(self, samples: Batch, draws: Draws) -> Batch:
        """Shift images at random, except in the last part of the run."""
        if draws.progress >= SHIFTED_FOR:
            return samples
        images, labels = samples
        chance = draws.uniform(3)
        chance[:, 2] = 1.0  # digits are not mirrored
        return shifted(images, MARGIN, chance), labels
