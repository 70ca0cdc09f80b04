from __future__ import annotations

import copy
import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import frformat
from frformat import Spectrum
from frformat.errors import EncodeError
from frformat.torch import (
    CompressionError,
    compress,
    load_file,
    load_model,
    regularize,
)
from frformat.torch.compression import steps
from tests.torch.compression.models import Failing, Pictures, Sounds, Words, seasoned

torch.manual_seed(0)
IMAGES = torch.randn(96, 3, 12, 12).cumsum(2).cumsum(3) / 6
SENTENCES = torch.randint(0, 30, (64, 7))
SOUNDS = torch.randn(48, 2, 24).cumsum(2) / 3


@pytest.fixture(scope="module")
def pictures() -> nn.Module:
    torch.manual_seed(1)
    return seasoned(Pictures(), IMAGES)


def batches(x: Tensor = IMAGES) -> list[Tensor]:
    return list(x.split(16))


def divergence(before: Tensor, after: Tensor) -> float:
    p, q = before.log_softmax(1), after.log_softmax(1)
    return float((p.exp() * (p - q)).sum(1).mean())


def state(model: nn.Module) -> dict[str, Tensor]:
    return {name: value.clone() for name, value in model.state_dict().items()}


def test_the_file_loads_into_the_same_architecture(pictures: nn.Module, tmp_path: Path):
    found = compress(pictures, tmp_path / "a.frz", batches(), quality=7)
    back = Pictures().eval()
    load_model(back, tmp_path / "a.frz")
    assert (tmp_path / "a.frz").read_bytes() == found.data
    with torch.no_grad():
        after, known, before = (model(IMAGES) for model in (back, found.model, pictures))
    torch.testing.assert_close(after, known, atol=1e-4, rtol=1e-4)
    assert divergence(before, after) == pytest.approx(found.point.loss, rel=1e-2)
    assert found.point.loss < 0.05
    assert found.nbytes < 0.3 * 4 * sum(p.numel() for p in pictures.parameters())


def test_the_model_is_unchanged(pictures: nn.Module):
    model = copy.deepcopy(pictures).train()
    model.conv1.weight.requires_grad_(False)
    before, generator = state(model), torch.get_rng_state()
    compress(model, batches=batches(), quality=3)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert torch.equal(torch.get_rng_state(), generator)
    assert model.training
    assert [p.requires_grad for p in model.parameters()][:2] == [False, True]
    assert not any(p.grad is not None for p in model.parameters())


def test_data_improve_on_weights_alone(pictures: nn.Module):
    blind = compress(pictures, quality=5)
    size = blind.nbytes
    seeing = compress(pictures, batches=batches(), size=size)
    assert 0.95 * size <= seeing.nbytes <= size
    with torch.no_grad():
        before = pictures(IMAGES)
        assert divergence(before, seeing.model(IMAGES)) < 0.6 * divergence(before, blind.model(IMAGES))


def test_quality_and_size_and_bits(pictures: nn.Module):
    points = [compress(pictures, batches=batches(), quality=q).point for q in (4, 6, 8)]
    assert sorted(points, key=lambda point: point.nbytes) == points
    assert points[0].loss > 2 * points[1].loss > 4 * points[2].loss
    count = sum(value.numel() for value in pictures.state_dict().values() if value.is_floating_point())
    found = compress(pictures, batches=batches(), bits=5)
    assert 0.93 * 5 * count / 8 <= found.nbytes <= 5 * count / 8


def test_it_is_deterministic(pictures: nn.Module):
    first, second = (compress(pictures, batches=batches(), quality=4).data for _ in range(2))
    assert first == second


def test_max_drop_of_a_metric(pictures: nn.Module):
    labels = pictures(IMAGES).argmax(1)

    def accuracy(model: nn.Module) -> float:
        assert not model.training
        return 100 * float((model(IMAGES).argmax(1) == labels).float().mean())

    found = compress(pictures, batches=batches(), metric=accuracy, max_drop=10)
    assert (found.original, found.metric) == (100.0, "accuracy")
    assert found.point.metric is not None
    assert found.point.metric >= 90
    assert any(point.metric is not None and point.metric < 90 for point in found.curve)
    assert found.curve == sorted(found.curve, key=lambda point: point.nbytes)
    with frformat.open(io.BytesIO(found.data)) as file:
        assert file.metadata["compress.bytes"] == str(found.nbytes)
        assert file.metadata["compress.metric"] == "accuracy"
        assert float(file.metadata["compress.metric.value"]) == pytest.approx(found.point.metric, rel=1e-4)


def test_max_drop_without_a_metric_holds_out_some_batches(pictures: nn.Module):
    found = compress(pictures, batches=batches(), max_drop=15)
    assert found.metric == "agreement"
    assert found.original == 100
    assert (found.point.metric or 0) >= 85


@pytest.mark.parametrize(("kind", "x"), [(Words, SENTENCES), (Sounds, SOUNDS)])
def test_every_kind_of_layer(kind: Any, x: Tensor, tmp_path: Path):
    torch.manual_seed(2)
    model = kind().eval()
    found = compress(model, tmp_path / "a.frz", batches(x), quality=8, metadata={"license": "MIT"})
    back = kind().eval()
    load_model(back, tmp_path / "a.frz")
    with torch.no_grad():
        before, after = model(x), back(x)
    assert float((after - before).square().mean()) < 0.02 * float(before.var())
    assert {layer.name for layer in found.layers} == set(frformat.load_file(tmp_path / "a.frz"))
    assert sum(layer.share for layer in found.layers) == pytest.approx(1)
    assert sum(layer.loss for layer in found.layers) == pytest.approx(1)
    with frformat.open(tmp_path / "a.frz") as file:
        assert file.metadata["license"] == "MIT"


class Hidden(nn.Module):
    """Has a parameter whose use as weights is not observed, and a table that is a buffer."""

    def __init__(self) -> None:
        super().__init__()
        self.seen, self.hidden = nn.Linear(24, 32), nn.Parameter(torch.randn(32, 32) / 6)
        self.register_buffer("table", torch.randn(8, 32))

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = torch.tensordot(self.seen(x[:, 0]), self.hidden, dims=1) + self.table[0]
        return out


def test_weights_that_no_layer_uses_are_named_and_rounded_as_without_inputs():
    torch.manual_seed(0)
    model = Hidden()
    found, blind = compress(model, batches=batches(SOUNDS), quality=6), compress(model, quality=6)
    assert "no observed layer uses hidden as weights: rounded as if there were no batches" in found.notes
    assert "no observed layer uses table as weights: rounded to 8 bits" in found.notes
    bits, alone = ({layer.name: layer.bits for layer in each.layers} for each in (found, blind))
    assert bits["hidden"] < 1.1 * alone["hidden"] < 6
    assert bits["table"] > 7
    assert alone["table"] == pytest.approx(bits["table"], rel=0.1)


@pytest.mark.parametrize("kind", [nn.LSTM, nn.GRU, nn.RNN])
def test_inputs_make_files_of_recurrent_layers_smaller(kind: Any):
    class Reader(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.words, self.layer, self.head = nn.Embedding(30, 16), kind(16, 24, batch_first=True), nn.Linear(24, 5)

        def forward(self, x: Tensor) -> Tensor:
            logits: Tensor = self.head(self.layer(self.words(x))[0][:, -1])
            return logits

    torch.manual_seed(0)
    model = Reader().eval()
    with torch.no_grad():
        model.head.weight *= 8
    blind = compress(model, quality=6)
    found = compress(model, batches=batches(SENTENCES), size=blind.nbytes)
    assert found.notes == []
    assert blind.model is not None
    assert found.model is not None
    with torch.no_grad():
        before = model(SENTENCES)
        assert divergence(before, found.model(SENTENCES)) < 0.5 * divergence(before, blind.model(SENTENCES))


def test_tied_weights_stay_tied(tmp_path: Path):
    class Tied(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.words, self.head = nn.Embedding(30, 16), nn.Linear(16, 30, bias=False)
            self.head.weight = self.words.weight

        def forward(self, x: Tensor) -> Tensor:
            logits: Tensor = self.head(self.words(x).mean(1))
            return logits

    for inputs in (batches(SENTENCES), None):
        compress(Tied(), tmp_path / "a.frz", inputs)
        with frformat.open(tmp_path / "a.frz") as file:
            assert file.aliases == {"head.weight": "words.weight"}
        load_model(Tied(), tmp_path / "a.frz")


def test_batches_can_be_positional_or_named_arguments(pictures: nn.Module):
    ways = [batches(), [(x,) for x in batches()], ({"x": x} for x in batches())]
    first, *others = (compress(pictures, batches=way, quality=4).data for way in ways)
    assert others == [first, first]


def test_tensors_without_a_model(pictures: nn.Module, tmp_path: Path):
    tensors: dict[str, Any] = {**pictures.state_dict(), "spectrum": Spectrum(np.ones(3, np.float32), (4, 4))}
    found = compress(tensors, tmp_path / "a.frz", quality=8)
    back = load_file(tmp_path / "a.frz")
    assert found.model is None
    assert set(back) == {layer.name for layer in found.layers} == set(tensors)
    error = back["conv2.weight"] - pictures.conv2.weight.detach()
    assert 0 < float(error.square().mean()) < 0.03 * float(pictures.conv2.weight.detach().var())
    assert back["bn1.num_batches_tracked"] == pictures.bn1.num_batches_tracked


def test_half_precision_and_wrappers(pictures: nn.Module, tmp_path: Path):
    model = nn.DataParallel(copy.deepcopy(pictures).to(torch.bfloat16))
    compress(model, tmp_path / "a.frz", [x.bfloat16() for x in batches()], quality=6)
    back = load_file(tmp_path / "a.frz")
    assert back["conv1.weight"].dtype == torch.bfloat16
    load_model(Pictures().to(torch.bfloat16), tmp_path / "a.frz")


def test_spectra_are_unchanged(pictures: nn.Module, tmp_path: Path):
    model = copy.deepcopy(pictures)
    regularize(model, keep=10)
    compress(model, tmp_path / "a.frz", batches(), quality=6)
    with frformat.open(tmp_path / "a.frz") as file:
        assert file.info("conv2.weight").spectral


def test_a_later_version_can_be_a_delta_file(pictures: nn.Module, tmp_path: Path):
    compress(pictures, tmp_path / "old.frz", batches(), quality=7)
    later = copy.deepcopy(pictures)
    torch.manual_seed(2)
    with torch.no_grad():
        for parameter in later.parameters():
            parameter += parameter.std() * torch.randn(parameter.shape) / 200
    found = compress(later, tmp_path / "new.frz", batches(), base=tmp_path / "old.frz")
    assert found.nbytes < 0.75 * (tmp_path / "old.frz").stat().st_size
    tensors = frformat.load_file(tmp_path / "new.frz", base=tmp_path / "old.frz")
    assert found.model is not None
    wanted = found.model.state_dict()
    assert all(np.allclose(array, wanted[name], atol=1e-6) for name, array in tensors.items() if name in wanted)
    assert found.point.loss < 0.05
    for changes, error in (
        ({"path": tmp_path / "none" / "x.frz"}, FileNotFoundError),
        ({"base": tmp_path / "none.frz"}, FileNotFoundError),
        ({"metadata": {"a": 1}}, EncodeError),
    ):
        with pytest.raises(error):  # before the model runs for the first time
            compress(Failing(), **{"path": None, "batches": batches(), **changes})
    with pytest.raises(CompressionError, match="the base determines all steps"):
        compress(later, None, batches(), base=tmp_path / "old.frz", quality=5)


def test_steps_of_pruned_weights_account_for_fixed_zeros(monkeypatch: pytest.MonkeyPatch):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(60, 160), nn.ReLU(), nn.Linear(160, 5)).eval()
    weights = [model[0].weight, model[2].weight]
    with torch.no_grad():
        for weight in weights:
            weight *= torch.rand_like(weight) > 0.9
    mix = torch.randn(20, 60)
    inputs, others = (torch.randn(n, 20) @ mix for n in (4096, 512))

    def error(found: nn.Module) -> float:
        with torch.no_grad():
            return float((found(others) - model(others)).square().mean())

    found = compress(model, batches=[inputs], quality=5, outputs="values")
    monkeypatch.setattr(steps, "PRUNED_DAMPING", steps.DAMPING)
    plain = compress(model, batches=[inputs], size=found.nbytes + 40, outputs="values")
    assert error(found.model) < 0.5 * error(plain.model)
    assert not any(
        after[before == 0].any()
        for before, after in zip(weights, (found.model[0].weight, found.model[2].weight), strict=True)
    )


def test_a_size_can_be_a_string(pictures: nn.Module):
    assert compress(pictures, size="2kB").data == compress(pictures, size=2000).data
