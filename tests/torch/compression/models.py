"""Small networks that cover every kind of layer."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

VECTORS = list(torch.randn(256, 16, generator=torch.Generator().manual_seed(0)).split(64))
"""Batches for :class:`Perceptron`."""


class Pictures(nn.Module):
    """Convolutions, normalization, a shortcut, and a depthwise convolution, for inputs of shape (n, 3, 12, 12)."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 16, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(16)
        self.conv2 = nn.Conv2d(16, 16, 3, padding=1, groups=2)
        self.bn2 = nn.BatchNorm2d(16)
        self.depth = nn.Conv2d(16, 16, 3, stride=2, padding=1, groups=16)
        self.head = nn.Linear(16, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.bn1(self.conv1(x)))
        x = F.relu(self.bn2(self.conv2(x)) + x)
        x = F.relu(self.depth(x), inplace=True)
        logits: Tensor = self.head(x.mean((2, 3)))
        return logits


class Words(nn.Module):
    """An embedding, attention, an encoder layer, and the embedding as the output layer, for inputs of shape (n, 7)."""

    def __init__(self) -> None:
        super().__init__()
        self.words = nn.Embedding(30, 16)
        self.places = nn.Parameter(torch.randn(7, 16))
        self.encoder = nn.TransformerEncoderLayer(16, 2, 32, batch_first=True)
        self.cross = nn.MultiheadAttention(16, 4, batch_first=True)
        self.norm = nn.LayerNorm(16)

    def forward(self, x: Tensor) -> Tensor:
        x = self.encoder(self.words(x) + self.places)
        x = self.norm(x + self.cross(x[:, :1], x, x)[0])
        logits: Tensor = F.linear(x[:, 0], self.words.weight)
        return logits


class Sounds(nn.Module):
    """Plain and transposed convolutions on one to three axes, and a recurrent layer, for inputs of shape (n, 2, 24)."""

    def __init__(self) -> None:
        super().__init__()
        self.down = nn.Conv1d(2, 8, 5, stride=2, padding=2)
        self.solid = nn.Conv3d(1, 4, (1, 3, 3), padding="same")
        self.up = nn.ConvTranspose1d(8, 4, 4, stride=2, padding=1)
        self.gru = nn.GRU(4, 6, batch_first=True)
        self.mix = nn.Parameter(torch.randn(6, 5) / 3)

    def forward(self, x: Tensor) -> Tensor:
        x = torch.tanh(self.down(x))
        x = x + self.solid(x.reshape(len(x), 1, 2, 4, 12)).mean(1).reshape(x.shape)
        x = self.gru(self.up(x).mT)[0]
        return x @ self.mix


def seasoned(model: nn.Module, *inputs: Tensor) -> nn.Module:
    """Return the model with normalization statistics that differ from the initial ones."""
    model.train()
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.dim() == 1:
                parameter += 0.2 * torch.randn_like(parameter)
        for _ in range(3):
            model(*inputs)
        model.eval()
        if isinstance(model, Pictures):  # make decisions depend on the input
            logits = model(*inputs)
            model.head.weight *= 2 / logits.std(0).mean()
            model.head.bias -= model(*inputs).mean(0)
    return model


class Perceptron(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first, self.second, self.head = nn.Linear(16, 32), nn.Linear(32, 32), nn.Linear(32, 6)

    def features(self, x: Tensor) -> Tensor:
        return self.second(self.first(x).relu()).relu()

    def forward(self, x: Tensor) -> Any:
        return self.head(self.features(x))


def scaled(model: nn.Module, factor: float = 2) -> nn.Module:
    """Multiply all matrices, so that the outputs depend on the inputs as much as those of a trained network."""
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.dim() > 1:
                parameter *= factor
    return model.eval()


class Failing(nn.Module):
    """Raises for batches of 5 samples, and returns NaN for those of 6."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(4, 3)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.layer(x)
        if len(x) == 5:
            raise KeyError("a defect\nof the model")
        return out * math.nan if len(x) == 6 else out
