"""A recipe that learns in milliseconds which of two stripes is brighter."""

from __future__ import annotations

import dataclasses

import torch
from torch import nn
from torch.utils.data import TensorDataset

from frformat.train import Classification, Data, Settings
from frformat.train.data import UNIT_PIXELS

SAMPLES = 72


class Tiny(Classification):
    name = "tiny"
    summary = "stripes"
    pixels = UNIT_PIXELS
    defaults = Settings(epochs=4, batch=16, lr=0.1, plain_lr=0.01, keep=0.3, rules=("0.bias: keep=2",))

    def data(self, folder):
        generator = torch.Generator().manual_seed(7)
        labels = torch.randint(2, (SAMPLES,), generator=generator)
        images = torch.randint(90, (SAMPLES, 1, 6, 6), generator=generator, dtype=torch.uint8)
        images[torch.arange(SAMPLES), 0, 1 + 3 * labels] += 150
        split = [TensorDataset(images[part], labels[part]) for part in (slice(48), slice(48, None))]
        return Data(*split)

    def model(self):
        return nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(64, 2))


def tiny(**changes) -> Tiny:
    return Tiny(dataclasses.replace(Tiny.defaults, **changes))


class NoNorm(Tiny):
    """Uses no batch normalization, because it would depend on the samples of each process."""

    name = "no-norm"

    def model(self):
        return nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(64, 2))
