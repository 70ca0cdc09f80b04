"""Measure the cost of running a model."""

from __future__ import annotations

from unittest.mock import Mock

import pytest
import torch
from torch import nn

from frformat.torch import regularize
from frformat.torch.costs import costs


class Attention(nn.Module):
    """Attention of a sequence to itself."""

    def __init__(self) -> None:
        super().__init__()
        self.attention = nn.MultiheadAttention(16, 2, batch_first=True)

    def forward(self, x):
        return self.attention(x, x, x)[0]


class Vectors(nn.Module):
    """Products of vectors, and a sum of products of matrices."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(16, 16))

    def forward(self, x):
        first = x[0, 0]
        return self.weight @ first + first @ first + torch.addmv(first, self.weight, first) + self.addbmm(x)[0]

    def addbmm(self, x):
        return torch.addbmm(x[0], x, self.weight[None])


STEPS = 6
ATTENTION = STEPS * 4 * 16 * 16 + 2 * STEPS * STEPS * 16


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (lambda: nn.LSTM(16, 8, 2, batch_first=True), STEPS * 4 * 8 * (16 + 8 + 8 + 8)),
        (lambda: nn.LSTM(16, 8, batch_first=True, bidirectional=True), 2 * STEPS * 4 * 8 * (16 + 8)),
        (lambda: nn.GRU(16, 8, batch_first=True), STEPS * 3 * 8 * (16 + 8)),
        (Attention, ATTENTION),
        (lambda: nn.TransformerEncoderLayer(16, 2, 32, batch_first=True), ATTENTION + 2 * STEPS * 16 * 32),
        (Vectors, 16 * 16 + 16 + 16 * 16 + STEPS * 16 * 16),
    ],
)
def test_products_that_pytorch_computes_in_one_operator_are_counted(make, expected):
    torch.manual_seed(0)
    assert costs(make(), torch.randn(1, STEPS, 16)).multiply_adds == expected
    assert torch.backends.mha.get_fastpath_enabled()


def test_a_deep_model_is_not_searched_for_each_tensor():
    """The time would otherwise be quadratic in the number of layers."""
    counts = []
    for depth in (2, 6):
        model = regularize(nn.Sequential(*[nn.Linear(4, 4) for _ in range(depth)]), 3)
        search = model.named_modules = Mock(wraps=model.named_modules)
        costs(model, torch.randn(1, 4))
        counts.append(search.call_count)
    assert counts[0] == counts[1]


def test_each_part_of_a_model_returns_to_its_own_mode():
    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.ReLU()).train()
    model[1].eval().requires_grad_(False)  # frozen
    costs(model, torch.randn(1, 1, 8, 8))
    assert [module.training for module in model.modules()] == [True, True, False, True]
    assert [parameter.requires_grad for parameter in model.parameters()] == [True, True, False, False]
