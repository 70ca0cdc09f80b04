"""A small network with every kind of layer that can be decomposed."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F


class Net(nn.Module):
    """A first layer, a strided, a transposed and a depthwise convolution, and two linear layers."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 16, 3, padding=1)
        self.norm = nn.BatchNorm2d(16)
        self.strided = nn.Conv2d(16, 24, 3, stride=2, padding=1, padding_mode="reflect")
        self.depthwise = nn.Conv2d(24, 24, 3, padding=1, groups=24)
        self.up = nn.ConvTranspose2d(24, 12, 4, stride=2, padding=1)
        self.hidden = nn.Linear(12 * 64, 40)
        self.head = nn.Linear(40, 5, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = F.relu(self.norm(self.first(x)))
        x = F.relu(self.up(F.relu(self.depthwise(F.relu(self.strided(x))))))
        return self.head(F.relu(self.hidden(x.flatten(1))))
