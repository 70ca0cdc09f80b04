"""``compress`` refuses bad input in one line, and leaves the model and the file as they were."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from frformat.torch import CompressionError, compress, decompose, factorize, load_model, regularize, save_model
from frformat.torch.regularization import make_tiers
from tests.torch.compression.models import Failing


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"batches": [torch.randn(5, 4)]}, r"Failing fails on batch 0, \[5, 4\]: KeyError: 'a defect\\nof the model'"),
        ({"batches": [torch.randn(2, 4), torch.randn(2, 7)]}, r"batch 1, \[2, 7\]: RuntimeError: "),
        ({"batches": [torch.randn(2, 4), torch.randn(6, 4)]}, "outputs for batch 1 are not all finite$"),
        (
            {"batches": [torch.full((2, 4), math.nan)]},
            "outputs for batch 0 are not all finite, and neither are its inputs",
        ),
        ({"batches": [(torch.randn(0, 4),)]}, "output for batch 0 has no elements"),
        ({"batches": [torch.randn(2, 4, device="meta")]}, r"fails on batch 0, \[2, 4\]: NotImplementedError"),
        ({"batches": []}, "batches is empty"),
        ({"batches": torch.randn(6, 4)}, "one tensor: pass a list"),
        ({"batches": ["words"]}, "batch 0 is of type str"),
        ({"metric": lambda model: math.nan}, "the metric is nan"),
        ({"metric": lambda model: 1 / 0}, "the metric fails: ZeroDivisionError"),
        ({"max_drop": -1, "metric": lambda model: 1.0}, "not a positive"),
        ({"max_drop": 0.5}, "needs a metric, or batches"),
        ({"max_drop": 0.5, "batches": [torch.randn(2, 4)]}, "at least two batches"),
        ({"size": 1000, "quality": 3}, "size and quality are given"),
        ({"size": 10}, "no file of 10 bytes"),
        ({"quality": 11}, "not within 1 … 10"),
        ({"bits": 0}, "not a positive number"),
        ({"outputs": "words"}, "not one of auto, logits, values"),
    ],
)
def test_bad_input_is_reported_in_one_line(options: dict[str, Any], reason: str, tmp_path: Path):
    model = Failing()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    with pytest.raises(CompressionError, match=reason) as told:
        compress(model, tmp_path / "a.frz", **options)
    assert "\n" not in str(told.value)
    assert not list(tmp_path.iterdir())
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_a_drop_that_cannot_be_met(tmp_path: Path):
    model = Failing()
    exact = model.layer.weight.detach().clone()

    def metric(each: nn.Module) -> float:
        return 100.0 * bool(torch.equal(each.layer.weight, exact))

    with pytest.raises(CompressionError, match="max_drop=1 cannot be met: metric is 100, and at best 0"):
        compress(model, tmp_path / "a.frz", [torch.randn(8, 4)], metric=metric, max_drop=1)
    assert not list(tmp_path.iterdir())


def test_a_drop_that_every_file_meets():
    found = compress(Failing(), metric=lambda model: 0.9, max_drop=1)
    assert found.notes == ["even the coarsest steps meet max_drop=1: is it in the units of the metric?"]


def test_models_without_layers_and_other_objects():
    class Empty(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x

    with pytest.raises(CompressionError, match="no layer used a parameter"):
        compress(Empty(), batches=[torch.randn(2, 3)])
    with pytest.raises(CompressionError, match="of type list, not a module"):
        compress([], quality=3)
    with pytest.raises(CompressionError, match="tensors alone cannot be run"):
        compress({}, batches=[torch.randn(2, 3)])


def test_models_with_statistics_for_each_tier_are_refused(tmp_path):
    model = regularize(nn.Sequential(nn.Linear(10, 10), nn.BatchNorm1d(10)), 20)
    make_tiers(model, [0.5])
    with pytest.raises(CompressionError, match="the model has running statistics for each tier"):
        compress(model, tmp_path / "small.frz", [torch.randn(8, 10)])
    save_model(model, tmp_path / "tiers.frz")
    plain = nn.Sequential(nn.Linear(10, 10), nn.BatchNorm1d(10))
    load_model(plain, tmp_path / "tiers.frz", tier=0)
    assert compress(plain, tmp_path / "small.frz", [torch.randn(8, 10)]).nbytes > 0


@pytest.mark.parametrize("factored", [False, True])
@pytest.mark.parametrize("calibrated", [False, True])
def test_decomposed_models_are_refused(calibrated: bool, factored: bool):
    model = nn.Sequential(nn.Linear(256, 256), nn.Linear(256, 10)).eval()
    x = torch.randn(8, 256)
    smaller = decompose(model, ranks=0.1, example=x)
    if factored:
        smaller = factorize(smaller, x)
    with pytest.raises(CompressionError, match="weight is decomposed into factors"):
        compress(smaller, batches=[x] if calibrated else None)


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"size": "10 pounds"}, "size '10 pounds': must be a number of bytes"),
        ({"size": True}, "size True is not a number"),
        ({"quality": "6"}, "quality '6' is not a number"),
        ({"size": 900, "effort": 2.5}, "effort 2.5 is not a whole number"),
        ({"seed": 0.5}, "seed 0.5 is not a whole number"),
        ({"batches": [torch.zeros(0, 4)]}, "batch 0 has no samples"),
    ],
)
def test_arguments_of_other_types_are_named(options: dict[str, Any], reason: str):
    with pytest.raises(CompressionError, match=reason):
        compress(nn.Linear(4, 3), **options)
