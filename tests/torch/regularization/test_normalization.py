from __future__ import annotations

import pytest
import torch
from torch import nn

from frformat.torch import load_model, save_model
from frformat.torch.regularization import (
    RateTerm,
    absorb_statistics,
    file_size,
    regularize,
    set_format,
    spectral_tensors,
)

NORMALIZED = ["1.*: keep=100%"]


def network():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(3, 24, 3), nn.BatchNorm2d(24), nn.ReLU(), nn.Flatten(), nn.Linear(24 * 36, 5))
    norm = model[1]
    nn.init.normal_(norm.weight, 1, 0.3)
    nn.init.normal_(norm.bias)
    for _ in range(50):
        model(3 + 2 * torch.randn(16, 3, 8, 8))
    return model.eval()


def inputs():
    return 3 + 2 * torch.randn(8, 3, 8, 8, generator=torch.Generator().manual_seed(1))


def test_outputs_stay_the_same():
    model = regularize(network(), rules=NORMALIZED, trained=True)
    before = model(inputs())
    assert absorb_statistics(model) == 1
    assert not model[1].running_mean.any()
    assert (model[1].running_var == 1).all()
    torch.testing.assert_close(model(inputs()), before, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("rules", [["1.weight: keep=100%"], ["1.*: keep=50%"], []])
def test_only_complete_regularized_scales_and_shifts_absorb_statistics(rules):
    model = regularize(network(), rules=rules, trained=True)
    mean = model[1].running_mean.clone()
    assert absorb_statistics(model) == 0
    assert torch.equal(model[1].running_mean, mean)


class Shared(nn.Module):
    """Two normalizations that share some tensors but have different inputs."""

    def __init__(self, shared: tuple[str, ...]) -> None:
        super().__init__()
        self.first, self.second = nn.BatchNorm1d(4), nn.BatchNorm1d(4)
        for name in shared:
            setattr(self.second, name, getattr(self.first, name))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out: torch.Tensor = self.second(torch.exp(self.first(x)))
        return out


@pytest.mark.parametrize("shared", [("weight", "bias"), ("weight",), ("bias",), ("running_mean", "running_var")])
def test_tensors_that_several_modules_own_are_not_absorbed(shared):
    torch.manual_seed(0)
    model = Shared(shared)
    for _ in range(20):
        model(1 + 2 * torch.randn(32, 4))
    regularize(model.eval(), rules=["*: keep=100%"], trained=True)
    x = torch.randn(8, 4)
    before = model(x)
    assert absorb_statistics(model) == 0
    assert torch.equal(model(x), before)


def test_a_module_with_two_names_absorbs_its_statistics_once():
    model = nn.Sequential(norm := nn.BatchNorm1d(4), nn.Tanh(), norm)
    model(3 + torch.randn(32, 4))
    regularize(model.eval(), rules=["*: keep=100%"], trained=True)
    before = model(x := torch.randn(8, 4))
    assert absorb_statistics(model) == 1
    torch.testing.assert_close(model(x), before, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("norm", [nn.BatchNorm1d(4, track_running_stats=False), nn.LayerNorm(4), nn.GroupNorm(2, 4)])
def test_normalization_without_running_statistics_is_not_changed(norm):
    model = regularize(nn.Sequential(nn.Linear(4, 4), norm), rules=["1.*: keep=100%"], trained=True)
    assert absorb_statistics(model) == 0


def test_a_rate_term_counts_statistics_as_absorbed_but_changes_the_model_only_at_the_end(tmp_path):
    model = regularize(network(), rules=NORMALIZED, trained=True)
    rate = RateTerm(model, 3000, steps=10)
    mean, size = model[1].running_mean.clone(), file_size(model)
    before = {name: tensor.coefficients.clone() for name, tensor in spectral_tensors(model).items()}
    rate()
    for _ in range(10):
        rate.step()
    assert torch.equal(model[1].running_mean, mean)
    assert all(torch.equal(before[name], tensor.coefficients) for name, tensor in spectral_tensors(model).items())
    assert size - rate.nbytes > 50  # 24 means and 24 variances are no longer stored exactly
    outputs = model(inputs())
    assert rate.finish() <= 3000
    path = tmp_path / "model.frz"
    save_model(model, path)
    assert path.stat().st_size == rate.nbytes
    plain = network()
    load_model(plain, path)
    assert not plain[1].running_mean.any()
    torch.testing.assert_close(plain(inputs()), model(inputs()), atol=1e-5, rtol=1e-5)
    largest = outputs.abs().max()
    assert (plain(inputs()) - outputs).abs().max() < 0.01 * largest


def test_a_fixed_format_is_kept():
    model = regularize(network(), rules=NORMALIZED, trained=True)
    set_format(model, "q8")
    before = model(inputs())
    assert absorb_statistics(model) == 1
    assert spectral_tensors(model)["1.weight"].spectral.format == "q8"
    assert (model(inputs()) - before).abs().max() < 0.05 * before.abs().max()
