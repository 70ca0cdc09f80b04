"""The recipe of ``lenet5.frz`` in this folder: ``frformat train android-decoder/demo/recipe.py --threads 1``.

It trains LeNet-5 on scikit-learn's digits, drawn in MNIST's style as the app shows them. That takes two minutes and
needs no download.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch.utils.data import TensorDataset

from frformat.train.data import load_digits
from frformat.train.recipe import Data, StrPath
from frformat.train.recipes.lenet5 import LeNet5OnMnist

sys.path.insert(0, str(Path(__file__).parent))
import drawing


class DrawnDigits(LeNet5OnMnist):
    """LeNet-5 on scikit-learn's digits of 28×28 pixels, in three tiers."""

    name = "drawn-digits"
    summary = "LeNet-5 on scikit-learn's digits, drawn in MNIST's style"
    defaults = replace(LeNet5OnMnist.defaults, epochs=80, lr=0.03, tiers=(0.25, 0.5))

    def data(self, folder: StrPath | None) -> Data:
        """Return the digits; ``folder`` is not used."""
        return Data(drawn("train"), drawn("test"))


def drawn(part: str) -> TensorDataset:
    """Return the images (N, 1, 28, 28) uint8 and labels (N) of one half of scikit-learn's digits."""
    images, labels = load_digits(part).tensors
    pictures = np.stack([np.asarray(drawing.digit(image[0].numpy())) for image in images])
    return TensorDataset(torch.from_numpy(pictures)[:, None], labels)
