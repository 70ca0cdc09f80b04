"""Networks to fine-tune, and what determines how files store them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

import frformat


class Net(nn.Module):
    """Has convolutions, batch normalization, and a linear layer."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(2, 16, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(16)
        self.conv2 = nn.Conv2d(16, 16, 3, padding=1)
        self.head = nn.Linear(16, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = self.norm(self.conv1(x)).relu()
        return self.head(self.conv2(x).relu().mean((2, 3)))


class Language(nn.Module):
    """Has an LSTM, and an embedding tied to the output layer."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(20, 12)
        self.lstm = nn.LSTM(12, 12, batch_first=True)
        self.head = nn.Linear(12, 20)
        self.head.weight = self.embedding.weight

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.lstm(self.embedding(x))[0])


def descend(model: nn.Module, *inputs: Tensor, steps: int = 5, lr: float = 0.2) -> None:
    """Train a model to give other results. The learning rate is in quantization steps."""
    model.train()
    optimizer = torch.optim.Adam([p for p in model.parameters() if p.requires_grad], lr)
    for _ in range(steps):
        optimizer.zero_grad()
        (model(*inputs) - 1).square().mean().backward()
        optimizer.step()


def zeros(path: Path) -> dict[str, np.ndarray]:
    with frformat.open(path) as file:
        return {name: file.stored(name).values == 0 for name in file if file.info(name).step is not None}


def forms(path: Path) -> dict[str, tuple]:
    """Return everything that determines how tensors are stored, except their values."""
    with frformat.open(path) as file:
        stored = {name: file.stored(name) for name in file}
    return {
        name: (
            form.shape,
            form.dtype,
            [axis.kind for axis in form.axes],
            form.step,
            form.value_type,
            {axis: found.tolist() for axis, found in form.offsets.items()},
        )
        for name, form in stored.items()
    }
