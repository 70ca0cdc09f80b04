"""Factored skeletons, given coefficients, match PyTorch with rebuilt weights at any input size."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import frformat
from frformat import Spectrum
from frformat.runtimes import ExportError, LoadError, export
from frformat.runtimes.onnxruntime import session
from frformat.torch import load_model
from tests.runtimes.onnxruntime.sessions import agree

KEPT = 33


class Net(nn.Module):
    """Has normalization with both kinds of statistics, pooling, two activations, and a head that is not factored."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(3, 128, 3, padding=1, bias=False),
            nn.BatchNorm2d(128, affine=False, track_running_stats=False),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(128, 128, 3, padding=1),
            nn.BatchNorm2d(128),
            nn.ReLU6(),
            nn.Conv2d(128, 128, 3, padding=1),
            nn.ReLU(),
        )
        self.head = nn.Conv2d(128, 2, 1)
        with torch.no_grad():
            for name, tensor in self.body[5].state_dict().items():
                tensor.copy_(torch.rand(tensor.shape) + 0.5) if "num" not in name else None

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.body(x))


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    random, tensors = np.random.default_rng(0), {}
    for name, tensor in Net().state_dict().items():
        values = (random.normal(0, 0.05, KEPT) * np.sqrt(tensor.numel()) / (1 + np.arange(KEPT))).astype(np.float32)
        tensors[name] = Spectrum(values, tuple(tensor.shape)) if tensor.dim() == 4 else tensor.numpy()
    path = tmp_path_factory.mktemp("factored") / "model.frz"
    frformat.save_file(tensors, path, tiers=[20])
    return path


def test_any_size_and_another_tier(weights: Path, tmp_path: Path):
    example = torch.zeros(1, 3, 24, 32)
    written = export(Net(), tmp_path / "model.onnx", factored=True, example=example, weights=weights)
    assert {"body.4.weight", "body.7.weight"} <= set(written.coefficients)
    assert written.bytes < 15_000
    made, model = session(written.path, weights), Net()
    load_model(model, weights)
    for shape in ((1, 3, 24, 32), (2, 3, 49, 67), (1, 3, 16, 8)):
        agree(model, made, torch.rand(shape), slack=1e-4)
    with pytest.raises(LoadError, match=r"MISMATCH: .*20 coefficients in the file, 33 in the model; choose its tier"):
        session(written.path, weights, tier=0)


def test_coefficients_are_never_inputs(weights: Path, tmp_path: Path):
    path, example = tmp_path / "model.onnx", torch.zeros(1, 3, 24, 32)
    written = export(Net(), path, factored=True, example=example, weights=weights, weights_as_inputs=True)
    made, model = session(path, weights), Net()
    load_model(model, weights)
    assert {"body.4.bias", "body.5.weight", "head.weight"} <= made.weights.keys()
    assert made.weights.keys().isdisjoint(written.coefficients)
    for shape in ((1, 3, 24, 32), (2, 3, 49, 67)):
        agree(model, made, torch.rand(shape), slack=1e-4)


@pytest.mark.parametrize("number_format", ["f16", "bf16", "q8"])
def test_tiers_in_every_number_format(number_format: str, weights: Path, tmp_path: Path):
    with frformat.open(weights) as file:
        infos = {name: file.info(name) for name in file}
        tensors = {name: file.spectrum(name) if info.spectral else file[name] for name, info in infos.items()}
    path = tmp_path / "model.frz"
    spectral = [name for name, info in infos.items() if info.spectral]
    frformat.save_file(tensors, path, tiers=[20], format=dict.fromkeys(spectral, number_format))
    rebuilt = export(Net(), tmp_path / "rebuilt.onnx", example=torch.zeros(1, 3, 24, 32)).path
    outputs = []
    for tier in (0, 1):
        model = Net()
        load_model(model, path, tier=tier)
        options = {"example": torch.zeros(1, 3, 24, 32), "weights": path, "tier": tier}
        factored = export(Net(), tmp_path / f"{tier}.onnx", factored=True, **options)
        assert factored.coefficients
        for skeleton in (rebuilt, factored.path):
            agree(model, session(skeleton, path, tier=tier), torch.rand(1, 3, 24, 32), slack=1e-4)
        outputs.append(model.eval()(torch.ones(1, 3, 24, 32)))
    assert not torch.equal(*outputs)


def test_prefer_memory(tmp_path: Path):
    model = nn.Sequential(nn.Conv2d(16, 16, 3), nn.ReLU(), nn.Conv2d(16, 4, 3))
    random = np.random.default_rng(0)
    tensors = {name: tensor.numpy() for name, tensor in model.state_dict().items()}
    tensors["0.weight"] = Spectrum(random.normal(size=12).astype(np.float32), (16, 16, 3, 3))
    path = tmp_path / "model.frz"
    frformat.save_file(tensors, path)
    load_model(model, path)
    options = {"example": torch.zeros(1, 16, 8, 8), "weights": path}
    with pytest.raises(ExportError, match=r"no layer of .*would take .* the time.* or prefer memory to speed$"):
        export(model, tmp_path / "model.onnx", factored=True, **options)
    written = export(model, tmp_path / "model.onnx", factored=True, prefer="memory", **options)
    assert written.coefficients == ["0.weight"]
    agree(model, session(written.path, path), torch.rand(2, 16, 9, 7), slack=1e-4)
    with pytest.raises(ExportError, match="prefer applies only to factored networks"):
        export(model, tmp_path / "model.onnx", prefer="memory", **options)
