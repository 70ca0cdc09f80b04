from __future__ import annotations

import copy

import pytest
import torch
from torch import Tensor, nn

from frformat.torch import compress, load_model
from frformat.torch.compression.recording import Call, Recorder
from frformat.torch.compression.structure import Structure, fold, structure
from tests.torch.compression.models import Pictures, Sounds, Words, seasoned


def seen(model: nn.Module, *inputs: Tensor) -> Structure:
    return structure(model, lambda: model(*inputs))


def folded_on(model: nn.Module, *batches: Tensor) -> tuple[nn.Module, Structure]:
    folded = copy.deepcopy(model)
    found = seen(folded, batches[0])
    fold(folded, found, lambda: ([folded(x)] for x in batches))
    return folded, found


def names(found: Structure) -> list[str]:
    return [site.name for site in found.sites]


def test_layers_are_observed_in_order():
    found = seen(Pictures().eval(), torch.randn(2, 3, 12, 12))
    assert names(found) == ["conv1.weight", "conv2.weight", "depth.weight", "head.weight"]
    assert [found.biases[site] for site in found.sites] == [None, "conv2.bias", "depth.bias", "head.bias"]
    assert [found.positions[site] for site in found.sites] == [288, 288, 72, 2]
    assert [site.form.groups for site in found.sites] == [1, 2, 16, 1]


def test_attention_and_tied_embeddings_are_observed():
    found = seen(Words().eval(), torch.randint(0, 30, (4, 7)))
    whole = ["words.weight", "encoder.self_attn.in_proj_weight", "encoder.self_attn.out_proj.weight"]
    whole += ["encoder.linear1.weight", "encoder.linear2.weight"]
    assert names(found)[:5] == whole
    parts = [(site.start, site.stop) for site in found.sites if site.name == "cross.in_proj_weight"]
    assert parts == [(0, 16), (16, 48)]
    assert [site.form.kind for site in found.sites if site.name == "words.weight"] == ["embedding", "linear"]


def test_convolutions_recurrent_layers_and_products_are_observed():
    found = seen(Sounds().eval(), torch.randn(3, 2, 24))
    assert names(found) == [
        *("down.weight", "solid.weight", "up.weight", "gru.weight_ih_l0", "gru.weight_hh_l0", "mix")
    ]
    kinds = [site.form.kind for site in found.sites]
    assert kinds == ["convolution", "convolution", "transposed", "linear", "linear", "product"]


def test_observing_a_model_does_not_change_its_outputs():
    for model, x in ((Pictures(), torch.randn(2, 3, 12, 12)), (Words(), torch.randint(0, 30, (4, 7)))):
        model.eval()
        calls: list[Call] = []
        with torch.no_grad():
            expected = model(x)
            with Recorder(model, before=calls.append):
                torch.testing.assert_close(model(x), expected)
        assert calls


def test_normalization_is_folded_and_changes_nothing():
    x = torch.randn(8, 3, 12, 12)
    model = seasoned(Pictures(), x)
    folded, found = folded_on(model, x)
    assert list(found.folds.values()) == ["bn1", "bn2"]
    for norm in (folded.bn1, folded.bn2):
        assert torch.equal(norm.weight, torch.ones(16))
        assert torch.equal(norm.running_var, torch.ones(16))
        assert not norm.running_mean.any()
    assert not folded.conv2.bias.any()
    torch.testing.assert_close(folded(x), model(x), atol=1e-5, rtol=1e-4)


class Twice(nn.Module):
    """Has layers that must not be folded: their outputs are used elsewhere, they run twice, or they lack statistics."""

    def __init__(self) -> None:
        super().__init__()
        self.seen, self.shared, self.live = nn.Conv1d(2, 2, 1), nn.Conv1d(2, 2, 1), nn.Conv1d(2, 2, 1)
        self.a, self.b, self.c = nn.BatchNorm1d(2), nn.BatchNorm1d(2), nn.BatchNorm1d(2)
        self.d = nn.BatchNorm1d(2, track_running_stats=False)

    def forward(self, x: Tensor) -> Tensor:
        y = self.seen(x)
        z = self.b(self.shared(self.a(y))) + self.c(self.shared(y))
        return self.d(self.live(z))


def test_outputs_used_elsewhere_are_not_folded():
    assert not seen(Twice().eval(), torch.randn(3, 2, 5)).folds


class Tied(nn.Module):
    """Two convolutions with normalization that share some tensors."""

    def __init__(self, *shared: str) -> None:
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(3, 3, 3), nn.BatchNorm2d(3)
        self.conv2, self.bn2 = nn.Conv2d(3, 3, 3), nn.BatchNorm2d(3)
        for name in shared:
            module, _, attribute = name.partition(".")
            setattr(self.get_submodule(f"{module}2"), attribute, getattr(self.get_submodule(f"{module}1"), attribute))

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.bn2(self.conv2(torch.tanh(self.bn1(self.conv1(x)))))
        return out


@pytest.mark.parametrize(
    "shared", [("bn.weight",), ("bn.bias",), ("bn.running_mean", "bn.running_var"), ("conv.bias",), ("conv.weight",)]
)
def test_tensors_that_several_modules_own_are_not_folded(shared, tmp_path):
    torch.manual_seed(0)
    x = torch.randn(32, 3, 9, 9)
    model = seasoned(Tied(*shared), x)
    folded, _ = folded_on(model, x)
    torch.testing.assert_close(folded(x), model(x), atol=1e-5, rtol=1e-4)
    compress(model, tmp_path / "model.frz", [x], quality=10, outputs="values")
    load_model(folded, tmp_path / "model.frz")
    with torch.no_grad():
        assert float((folded(x) - model(x)).norm() / model(x).norm()) < 0.03


class Steps(nn.Module):
    """Normalizes the steps of a sequence, of which there are as many as a layer has outputs, not those outputs."""

    def __init__(self) -> None:
        super().__init__()
        self.linear, self.norm = nn.Linear(6, 4), nn.BatchNorm1d(4)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.norm(self.linear(x))
        return out


def test_normalization_along_another_axis_is_not_folded():
    x = torch.randn(16, 4, 6)
    model = seasoned(Steps(), x)
    folded, found = folded_on(model, x)
    assert not found.folds
    assert torch.equal(folded(x), model(x))
    assert list(seen(Steps().eval(), torch.randn(16, 6)).folds.values()) == ["norm"]


class Otherwise(nn.Module):
    """Uses tensors of a convolution and its normalization in other ways, too, or skips the normalization."""

    def __init__(self, way: str) -> None:
        super().__init__()
        self.way, self.conv, self.norm, self.head = way, nn.Conv1d(3, 4, 3), nn.BatchNorm1d(4), nn.Conv1d(4, 4, 3)

    def forward(self, x: Tensor) -> Tensor:
        out = self.conv(x)
        if self.way != "skip" or x.mean() < 0:
            out = self.norm(out)
        if self.way in ("weight", "bias"):
            out = out * getattr(self.conv, self.way).norm()
        if self.way in ("running_mean", "running_var"):
            out = out + getattr(self.norm, self.way)[:, None]
        result: Tensor = self.head(out)
        return result


@pytest.mark.parametrize("way", ["weight", "bias", "running_mean", "running_var", "skip"])
def test_tensors_that_the_model_also_uses_otherwise_are_not_folded(way, tmp_path):
    torch.manual_seed(0)
    batches = torch.randn(64, 3, 9) - 1, torch.randn(64, 3, 9) + 1
    model = seasoned(Otherwise(way), batches[0])
    folded, found = folded_on(model, *batches)
    assert not found.folds
    assert found.biases[found.sites[0]] == "conv.bias"
    assert all(torch.equal(folded(x), model(x)) for x in batches)
    assert folded_on(seasoned(Otherwise(""), batches[0]), *batches)[1].folds
    compress(model, tmp_path / "model.frz", batches, quality=10, outputs="values")
    load_model(folded, tmp_path / "model.frz")
    with torch.no_grad():
        for x in batches:
            assert float((folded(x) - model(x)).norm() / model(x).norm()) < 0.05
