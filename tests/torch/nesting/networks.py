"""Small networks and their filters."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F

from frformat.torch.nesting import FilterGroup, Member


class Digits(nn.Module):
    """Two convolutions, one normalized, and two linear layers."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, 6, 3)
        self.conv2 = nn.Conv2d(6, 8, 3, bias=False)
        self.norm = nn.BatchNorm2d(8)
        self.fc1 = nn.Linear(8 * 4, 10)
        self.fc2 = nn.Linear(10, 3)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.conv1(x)), 2)
        x = F.relu(self.norm(self.conv2(x)))
        return self.fc2(F.relu(self.fc1(x.flatten(1))))


NORM = tuple(Member(f"norm.{name}", 0) for name in ("weight", "bias", "running_mean", "running_var"))
GROUPS = {
    "conv1": FilterGroup("conv1", 6, (Member("conv1.weight", 0), Member("conv1.bias", 0), Member("conv2.weight", 1))),
    "conv2": FilterGroup("conv2", 8, (Member("conv2.weight", 0), *NORM, Member("fc1.weight", 1, 4))),
    "fc1": FilterGroup("fc1", 10, (Member("fc1.weight", 0), Member("fc1.bias", 0), Member("fc2.weight", 1))),
}
WIDTHS = [{"conv1": 2, "conv2": 2, "fc1": 3}, {"conv1": 4, "conv2": 5, "fc1": 6}]


def images(count=8):
    return torch.randn(count, 1, 10, 10)


def digits() -> Digits:
    """Return a network whose running statistics differ from their initial values."""
    model = Digits()
    for _ in range(3):
        model(2 * images() + 1)
    return model.eval()


def fit(model, optimizer=lambda parameters: torch.optim.AdamW(parameters, 0.03, weight_decay=0.5), steps=3):
    """Train for a few steps on noise, with strong weight decay."""
    updates = optimizer(model.parameters())
    model.train()
    for _ in range(steps):
        updates.zero_grad()
        F.cross_entropy(model(images()), torch.randint(3, (8,))).backward()
        updates.step()
    model.eval()
