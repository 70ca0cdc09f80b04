"""Skeletons of factored networks, given coefficients, compute the same results as the networks in PyTorch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import frformat
from frformat import Spectrum
from frformat.runtimes import ExportError
from frformat.runtimes.models import factored
from frformat.torch import factorize, load_model
from frformat.torch.factorization import portable
from frformat.train.models import LeNet5, ResNet20, UNet
from tests.runtimes.pytorch_mobile.lite import exported, hand_over, load, refusal

SIZE = (1, 3, 64, 80)


def write(model: nn.Module, path: Path, kept: int, **options: Any) -> Path:
    """Return weights with ``kept`` random coefficients, with magnitudes like those of a trained network."""
    random = np.random.default_rng(0)

    def spectrum(shape: tuple[int, ...]) -> Spectrum:
        view = (500, 50, 4, 4) if shape == (500, 800) else None
        count = min(kept, int(np.prod(shape)))
        values = random.normal(0, 0.05 * np.sqrt(np.prod(shape)), count) / (1 + np.arange(count))
        return Spectrum(values.astype(np.float32), shape, view)

    state = model.state_dict().items()
    tensors = {name: spectrum(tuple(v.shape)) if v.dim() > 1 else v.numpy() for name, v in state}
    frformat.save_file(tensors, path, **options)
    return path


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(UNet(width=16), tmp_path_factory.mktemp("factored") / "unet.frz", 33, tiers=[20])


@pytest.fixture(scope="module")
def export(weights: Path) -> Any:
    return exported(factored(UNet(width=16), str(weights), torch.zeros(SIZE)), weights.parent)


def same(found: Tensor, expected: Tensor, share: float) -> None:
    """Check that two tensors are equal within a fraction of the largest element."""
    torch.testing.assert_close(found, expected, rtol=0, atol=share * float(expected.abs().max()))


@pytest.mark.parametrize(("make", "shape"), [(lambda: UNet(width=16), SIZE), (LeNet5, (2, 1, 28, 28))])
def test_coefficients_yield_the_results_of_the_desktop(make: Any, shape: tuple[int, ...], tmp_path: Path):
    model = make().eval()
    path = write(model, tmp_path / "model.frz", 33)
    export = exported(factored(model, str(path), torch.zeros(shape)), tmp_path)
    module = load(export)
    wanted = module.run_method("coefficients_wanted")
    assert wanted
    assert set(wanted) == set(export.coefficients) < set(export.tensors)
    with frformat.open(path) as file:
        for name, lengths in wanted.items():
            assert lengths == list(file.info(name).view or file.info(name).shape)
    hand_over(module, path)
    load_model(model, path)
    x = torch.rand(shape)
    with torch.no_grad():
        found = module(x)
        same(found, factorize(make(), x, path)(x), 1e-5)
        same(found, model(x), 1e-3)


def test_ordinary_skeletons_expect_tensors(tmp_path: Path):
    export = exported(LeNet5(), tmp_path)
    assert load(export).run_method("coefficients_wanted") == {}
    assert export.coefficients == []


def test_a_wrong_number_of_coefficients_is_reported_with_a_remedy(export: Any, weights: Path):
    module, name = load(export), "down1.maxpool_conv.1.double_conv.3.weight"
    for given, shown in (
        (torch.ones(20), "[20]"),
        (torch.ones(32, 32, 3, 3), "[32, 32, 3, 3]"),
        (torch.ones(()), "[]"),
    ):
        told = refusal(module.run_method, "load_weights", {name: given})
        assert f"{name} has coefficients {shown}; the model expects [33]; choose the tier" in told
        assert told.endswith("or export it again with these weights")
    assert "left over" in refusal(module.run_method, "load_weights", {name: torch.ones(33), "x": torch.ones(1)})
    assert name in module.run_method("weights_missing")
    with pytest.raises(torch.jit.Error, match=r"has coefficients \[20\]; the model expects \[33\]"):
        hand_over(module, weights, tier=0)


def test_each_tier_has_its_own_skeleton(weights: Path, tmp_path: Path):
    module = load(exported(factored(UNet(width=16), str(weights), torch.zeros(SIZE), tier=0), tmp_path))
    hand_over(module, weights, tier=0)
    model, x = UNet(width=16).eval(), torch.rand(SIZE)
    load_model(model, weights, tier=0)
    with torch.no_grad():
        same(module(x), model(x), 1e-3)


class Wrapped(nn.Module):
    """A module that prepares the input of a factored network."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.net(x / 255)
        return out


def test_a_factored_network_inside_another_module(weights: Path, tmp_path: Path):
    with frformat.open(weights) as file:
        wanted = portable(factorize(UNet(width=16), torch.zeros(SIZE), weights))
        export = exported(Wrapped(wanted), tmp_path)
        assert export.coefficients
        assert all(name.removeprefix("net.") in file for name in export.coefficients)


def test_layers_that_cannot_run_on_coefficients_are_reported(weights: Path, tmp_path: Path):
    model, size, raw = UNet(width=16), torch.zeros(SIZE), tmp_path / "raw.frz"
    frformat.save_file({name: weight.numpy() for name, weight in model.state_dict().items()}, raw, compression="none")
    for net, file, example, fault in (
        (model, raw, size, "no layer of UNet runs on coefficients (the file contains no coefficients of its layers)"),
        (model, weights, torch.zeros(1, 4, 64, 80), "UNet does not run on the example: "),
        (ResNet20(), weights, size, "does not fit ResNet20"),
    ):
        with pytest.raises(ExportError) as caught:
            factored(net, str(file), example)
        assert fault in str(caught.value)
