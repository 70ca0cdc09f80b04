"""Soft rounding while quantized weights are trained."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

from frformat.torch import load_quantized, save_model, set_softness
from frformat.torch.quantized import quantized_tensors
from tests.torch.finetuning.test_steps import two_layers


@pytest.fixture
def model(tmp_path: Path) -> nn.Module:
    """A model whose coefficients lie between integers, except for those that are zero in the file."""
    found = load_quantized(nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3)), two_layers(tmp_path, (-100, 20)))
    with torch.no_grad():
        for held in quantized_tensors(found).values():
            if held[0].in_steps:
                held.original.sub_(0.25)
    return found


@pytest.mark.parametrize("softness", [0.0, 0.25, 1.0])
def test_weights_are_rounded_softly_in_training_and_hard_otherwise(model: nn.Module, softness: float, tmp_path: Path):
    hard = model.eval()[0].weight.detach()
    set_softness(model, softness)
    assert torch.equal(model.eval()[0].weight, hard)
    held = quantized_tensors(model)["0.weight"]
    integers = held.original.detach().round()
    mixed = held[0]._transformed((integers - 0.25 * softness) * held[0]._steps(hard), inverse=False)
    soft = model.train()[0].weight
    torch.testing.assert_close(soft, mixed, rtol=0, atol=1e-6 * float(hard.abs().max()))
    assert torch.equal(soft, hard) == (softness == 0)
    save_model(model, tmp_path / "soft.frz")
    again = load_quantized(nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3)), tmp_path / "soft.frz")
    assert torch.equal(again[0].weight, hard)


def test_gradients_do_not_depend_on_the_softness(model: nn.Module):
    found = []
    for softness in (0.0, 0.5):
        set_softness(model, softness)
        model.zero_grad()
        model.train()[0].weight.sum().backward()
        found.append(quantized_tensors(model)["0.weight"].original.grad)
    assert torch.equal(*found)


@pytest.mark.parametrize("softness", [-0.1, 1.1, float("nan")])
def test_impossible_softness(model: nn.Module, softness: float):
    with pytest.raises(ValueError, match="must be from 0 to 1"):
        set_softness(model, softness)
    with pytest.raises(ValueError, match="Linear has no quantized weights"):
        set_softness(nn.Linear(2, 2), 0.5)
