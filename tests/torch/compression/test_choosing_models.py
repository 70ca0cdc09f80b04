"""Models that choose among experts, layers or rows, so that some weights have no gradients or are not used."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from frformat.torch import compress
from frformat.torch.compression.guesses import guessed_form
from frformat.torch.compression.structure import structure_of_all
from tests.torch.compression.models import VECTORS, Perceptron, scaled


class InferenceMode(Perceptron):
    @torch.inference_mode()
    def forward(self, x: Tensor) -> Any:
        return super().forward(x)


class Codebook(nn.Module):
    """Replaces each vector by the nearest one of a codebook, with straight-through gradients."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder, self.codes, self.decoder = nn.Linear(16, 8), nn.Embedding(32, 8), nn.Linear(8, 16)

    def forward(self, x: Tensor) -> Tensor:
        z = self.encoder(x)
        code = self.codes(torch.cdist(z, self.codes.weight).argmin(-1))
        out: Tensor = self.decoder(z + (code - z).detach())
        return out


class Experts(nn.Module):
    """A router without gradients chooses one of several experts for each input."""

    def __init__(self, experts: int = 4) -> None:
        super().__init__()
        self.router = nn.Linear(16, experts, bias=False)
        self.up = nn.ParameterList([nn.Parameter(torch.randn(16, 24) / 4) for _ in range(experts)])
        self.down = nn.ParameterList([nn.Parameter(torch.randn(24, 16) / 5) for _ in range(experts)])

    def forward(self, x: Tensor) -> Tensor:
        choice, out = self.router(x).argmax(-1), x
        for number, (up, down) in enumerate(zip(self.up, self.down, strict=True)):
            where = (choice == number).nonzero()[:, 0]
            if len(where):
                out = out.index_add(0, where, (x[where] @ up).relu() @ down)
        return out


@pytest.mark.parametrize(
    ("kind", "silent"), [(InferenceMode, "first.weight"), (Codebook, "codes.weight"), (Experts, "router.weight")]
)
def test_weights_without_gradients_matter(kind: Any, silent: str):
    torch.manual_seed(3)
    model = kind() if kind is Experts else scaled(kind())
    found = compress(model.eval(), batches=VECTORS, quality=6, outputs="values")
    assert found.point.loss < 0.05
    assert found.model is not None
    before, after = (each.get_parameter(silent).detach() for each in (model, found.model))
    assert float((after - before).norm()) < 0.2 * float(before.norm())
    assert any("no gradient" in note and silent in note for note in found.notes)


def test_experts_that_the_first_batch_does_not_use_are_observed():
    torch.manual_seed(4)
    model = Experts(2).eval()
    with torch.no_grad():
        model.router.weight.zero_()
        model.router.weight[0, 0], model.router.weight[1, 0] = -1, 1
    first = torch.cat([VECTORS[0][:, :1].abs() * -1, VECTORS[0][:, 1:]], 1)
    batches = [first, *VECTORS[1:]]
    found = structure_of_all(model, [lambda x=x: model(x) for x in batches])
    assert [site.name for site in found.sites] == ["router.weight", "up.0", "down.0", "up.1", "down.1"]
    told = compress(model, batches=batches, quality=6, outputs="values")
    assert not any("no observed layer" in note for note in told.notes)
    assert told.point.loss < 0.03


def test_a_layer_that_only_a_later_batch_uses_keeps_its_place():
    class Skips(Perceptron):
        def forward(self, x: Tensor) -> Any:
            first = self.first(x).relu()
            return self.head(self.second(first).relu() if len(x) > 8 else first)

    model = Skips().eval()
    found = structure_of_all(model, [lambda: model(torch.randn(8, 16)), lambda: model(torch.randn(10, 16))])
    assert [site.name for site in found.sites] == ["first.weight", "second.weight", "head.weight"]
    assert [found.positions[site] for site in found.sites] == [9, 5, 9]


class Words(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.words, self.head = nn.Embedding(400, 12), nn.Linear(12, 24)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.head(self.words(x))
        return out


def test_embeddings_that_no_batch_uses_are_not_lost():
    torch.manual_seed(5)
    model = Words().eval()
    found = compress(model, batches=list(torch.randint(0, 100, (128, 12)).split(32)), quality=6)
    assert found.model is not None
    before, after = (each.get_parameter("words.weight").detach() for each in (model, found.model))
    errors = (after - before).norm(dim=1) / before.norm(dim=1)
    assert float(errors[100:].mean()) < 6 * float(errors[:100].mean())
    assert float(errors.max()) < 0.9
    assert any("100 of 400" in note for note in found.notes)


def test_experts_in_one_tensor_are_matrices():
    assert guessed_form((8, 512, 2048)).kind == "matrices"
    assert guessed_form((1, 64, 64, 768)).kind == "matrices"
    assert guessed_form((64, 32, 3, 3)).kind == "convolution"
    assert guessed_form((80, 1, 251)).kind == "convolution"
    tensors = {"experts": torch.randn(4, 64, 96), "positions": torch.randn(1, 32, 32, 48)}
    found = compress(tensors, quality=7)
    assert found.nbytes < 0.3 * 4 * sum(each.numel() for each in tensors.values())
