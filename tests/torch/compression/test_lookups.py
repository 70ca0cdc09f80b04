"""Bags of embeddings and bilinear layers are observed like embeddings and convolutions."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from frformat.torch import compress
from frformat.torch.compression.lookups import rewritten

DRAWS = torch.Generator().manual_seed(0)
WORDS = torch.randint(0, 40, (8, 16, 6), generator=DRAWS)


class Bags(nn.Module):
    """Classifies bags of words."""

    def __init__(self, mode: str) -> None:
        super().__init__()
        self.words = nn.EmbeddingBag(50, 12, mode=mode)
        self.head = nn.Linear(12, 7)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.words(x))


class Pairs(nn.Module):
    """Compares two vectors."""

    def __init__(self) -> None:
        super().__init__()
        self.pair = nn.Bilinear(6, 9, 8)
        self.head = nn.Linear(8, 5)

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        return self.head(self.pair(x, y).relu())


@pytest.mark.parametrize("mode", ["sum", "mean", "max"])
def test_bags_are_calibrated(mode: str):
    torch.manual_seed(0)
    found = compress(Bags(mode), None, list(WORDS), quality=6)
    assert found.notes == ["the batches use only 40 of 50 rows of words.weight"]
    assert found.point.loss < 0.02


def test_bilinear_layers_are_calibrated():
    torch.manual_seed(0)
    mixed = torch.randn(6, 6), torch.randn(9, 9)
    batches = [tuple(torch.randn(4, 16, len(each)) @ each for each in mixed) for _ in range(8)]
    found = compress(Pairs(), None, batches, quality=6, outputs="values")
    assert found.notes == []
    assert found.point.loss < 0.02
    blind = compress(Pairs(), quality=6)
    assert {layer.name for layer in found.layers} == {layer.name for layer in blind.layers}


FLAT = torch.tensor([3, 1, 4, 1, 5, 9, 2, 6])
OFFSETS = torch.tensor([0, 3, 3, 7])


@pytest.mark.parametrize(
    ("given", "options"),
    [
        (FLAT.view(2, 4), {"mode": "sum"}),
        (FLAT.view(2, 4), {"mode": "sum", "per_sample_weights": torch.rand(2, 4)}),
        (FLAT.view(4, 2), {"mode": "max", "padding_idx": 1}),
        (FLAT.view(4, 2), {"padding_idx": -9}),
        (FLAT, {"offsets": OFFSETS}),
        (FLAT, {"offsets": OFFSETS, "mode": "max"}),
        (FLAT, {"offsets": OFFSETS, "mode": "sum", "include_last_offset": True}),
        (FLAT, {"offsets": OFFSETS.int(), "mode": "sum", "per_sample_weights": torch.rand(8), "padding_idx": 4}),
        (FLAT.view(2, 4), {"mode": "sum", "max_norm": 1.0}),
    ],
)
def test_rewritten_bags_are_equal(given: Tensor, options: dict[str, Any]):
    weight = torch.randn(10, 5)
    product = rewritten(F.embedding_bag, (given, weight.clone()), options)
    assert product is not None
    torch.testing.assert_close(product.run(), F.embedding_bag(given, weight, **options))


@pytest.mark.parametrize("lead", [(), (3,), (3, 2), (3, 2, 4)])
@pytest.mark.parametrize("bias", [None, torch.randn(7)])
def test_rewritten_bilinear_layers_are_equal(lead: tuple[int, ...], bias: Tensor | None):
    x, y, weight = torch.randn(*lead, 4), torch.randn(*lead, 5), torch.randn(7, 4, 5)
    product = rewritten(F.bilinear, (x, y, weight), {"bias": bias})
    assert product is not None
    torch.testing.assert_close(product.run(), F.bilinear(x, y, weight, bias))


@pytest.mark.parametrize(
    ("func", "args", "options"),
    [
        (F.embedding_bag, (FLAT[:0].view(0, 4), torch.randn(10, 5)), {}),
        (F.embedding_bag, (torch.ones(2, 3, dtype=torch.long), torch.randn(10, 5)), {"padding_idx": 1}),
        (F.embedding_bag, (FLAT, torch.randn(10, 5)), {}),  # PyTorch refuses it
        (F.bilinear, (torch.randn(0, 4), torch.randn(0, 5), torch.randn(7, 4, 5)), {}),
        (F.bilinear, (torch.randn(2, 4), torch.randn(2, 4), torch.randn(7, 4, 5)), {}),  # PyTorch refuses it
        (F.linear, (torch.randn(2, 4), torch.randn(3, 4)), {}),
    ],
)
def test_other_calls_are_left_alone(func: Any, args: tuple[Tensor, ...], options: dict[str, Any]):
    assert rewritten(func, args, options) is None
