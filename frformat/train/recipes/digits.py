"""A small network on scikit-learn's digits, trained in seconds without any download."""

from __future__ import annotations

from collections import OrderedDict

from torch import nn

from frformat.train.classification import Classification
from frformat.train.data import DIGITS_PIXELS, load_digits
from frformat.train.recipe import Data, StrPath
from frformat.train.settings import Settings


class Digits(Classification):
    """Two convolutions and a linear layer for images of 8×8 pixels."""

    name = "digits"
    summary = "a small network on scikit-learn's digits: seconds, no download"
    pixels = DIGITS_PIXELS
    defaults = Settings(
        epochs=60,
        batch=128,
        lr=0.05,
        rules=("conv1.weight: keep=120", "conv2.weight: keep=400", "linear.weight: keep=300", "*.bias: keep=3"),
        format="q8",
    )

    def data(self, folder: StrPath | None) -> Data:
        """Return the digits; ``folder`` is not used."""
        return Data(load_digits("train"), load_digits("test"))

    def model(self) -> nn.Module:
        """Return the network, which has 21,386 parameters."""
        return nn.Sequential(
            OrderedDict(
                conv1=nn.Conv2d(1, 32, 3, padding=1),
                relu1=nn.ReLU(),
                pool1=nn.MaxPool2d(2),
                conv2=nn.Conv2d(32, 64, 3, padding=1),
                relu2=nn.ReLU(),
                pool2=nn.MaxPool2d(2),
                flatten=nn.Flatten(),
                linear=nn.Linear(256, 10),
            )
        )
