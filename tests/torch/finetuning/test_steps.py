"""Coefficients of quantized weights count steps."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import frformat
from frformat import Axis, CodedTensor
from frformat.torch import load_quantized, parameter_groups, save_model
from frformat.torch.quantized import quantized_tensors, stepped

OFFSETS = {0: np.array([0, 40, -40], np.int32)}


def two_layers(folder: Path, steps: tuple[int, int]) -> Path:
    """Write two layers with the same integers but different steps."""
    values = np.array([[3, -1, 2], [1, 1, -4], [5, 2, 1]], np.int32)
    axes = (Axis("identity"), Axis("dct"))
    tensors = {
        f"{layer}.weight": CodedTensor(values, (3, 3), "f32", axes, step=step, offsets=OFFSETS)
        for layer, step in enumerate(steps)
    }
    biases = {
        "0.bias": np.array([0.1, 0.2, 0.3], np.float32),
        "1.bias": CodedTensor.of_array(np.arange(3, dtype=np.float32), "f16"),
    }
    frformat.save_file(tensors | biases, folder / "a.frz")
    return folder / "a.frz"


def test_a_learning_rate_counts_steps_whatever_their_size(tmp_path: Path):
    model = load_quantized(nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3)), two_layers(tmp_path, (-100, 20)))
    held = quantized_tensors(model)
    weights = ("0.weight", "1.weight")
    assert torch.equal(*(held[name].original for name in weights))
    optimizer = torch.optim.Adam(parameter_groups(model, lr=0.4, plain_lr=1e-3), eps=0)
    for expected in (False, True):  # after the second update, coefficients have moved by 0.8 of a step
        for each in held.values():
            each.original.grad = torch.ones_like(each.original)
        optimizer.step()
        save_model(model, tmp_path / "b.frz")
        with frformat.open(tmp_path / "a.frz") as old, frformat.open(tmp_path / "b.frz") as new:
            for name in weights:
                moved = new.stored(name).values - old.stored(name).values
                assert (moved == -int(expected)).all()


def test_groups_separate_what_counts_steps_from_what_does_not(tmp_path: Path):
    model = load_quantized(nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3)), two_layers(tmp_path, (-100, 20)))
    groups = {group["name"]: group for group in parameter_groups(model, weight_decay=0.1, lr=0.5, plain_lr=0.01)}
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    found = {name: [names[id(parameter)] for parameter in group["params"]] for name, group in groups.items()}
    assert found == {
        "coefficients": ["0.parametrizations.weight.original", "1.parametrizations.weight.original"],
        "others": ["0.bias", "1.parametrizations.bias.original"],
    }
    assert [group["lr"] for group in groups.values()] == [0.5, 0.01]
    assert list(map(id, stepped(model))) == list(map(id, groups["coefficients"]["params"]))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_the_weights_are_those_of_the_file_in_every_dtype(dtype: torch.dtype, tmp_path: Path):
    model = load_quantized(nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3)).to(dtype), two_layers(tmp_path, (-100, 20)))
    with frformat.open(tmp_path / "a.frz") as file:
        for layer in (0, 1):
            weight = torch.from_numpy(file[f"{layer}.weight"].copy())
            assert model[layer].weight.dtype == dtype
            torch.testing.assert_close(model[layer].weight, weight.to(dtype))
    save_model(model, tmp_path / "b.frz")
    with frformat.open(tmp_path / "a.frz") as old, frformat.open(tmp_path / "b.frz") as new:
        for name in ("0.weight", "1.weight"):
            assert np.array_equal(old.stored(name).values, new.stored(name).values)
