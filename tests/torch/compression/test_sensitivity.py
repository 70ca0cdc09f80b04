from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from frformat.torch import CompressionError, compress
from frformat.torch.compression import preparing
from frformat.torch.compression.outputs import Outputs

POSITIONS = 150


def network() -> nn.Module:
    return nn.Sequential(
        nn.Conv1d(24, 32, 5),
        nn.ReLU(),
        nn.AdaptiveAvgPool1d(1),
        nn.Flatten(),
        nn.Linear(32, 96),
        nn.ReLU(),
        nn.Linear(96, 4),
    )


def signals(count: int) -> Tensor:
    """Return signals that hardly change, so that an error of the convolution is the same at all positions."""
    return torch.randn(count, 24, 1) + 0.05 * torch.randn(count, 24, POSITIONS)


@pytest.mark.parametrize("corrected", [False, True])
def test_errors_that_add_up_over_positions_are_predicted(corrected: bool, monkeypatch: pytest.MonkeyPatch):
    torch.manual_seed(1)
    model = network().eval()
    if not corrected:
        monkeypatch.setattr(preparing, "correct", lambda *args: None)
    found = compress(model, batches=signals(192).split(64), quality=6, outputs="values")
    first = max(found.curve, key=lambda point: point.scale)
    assert (first.loss < 0.02) == corrected
    assert len(found.curve) == 1 or not corrected


def test_weights_are_restored():
    torch.manual_seed(1)
    model = network().eval()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    told: list[tuple[str, int, int]] = []
    compress(
        model, batches=signals(64).split(64), quality=6, outputs="values", progress=lambda *step: told.append(step)
    )
    assert ("sensitivity", 3, 3) in told
    torch.testing.assert_close(dict(model.state_dict()), before, rtol=0, atol=0)


def test_good_predictions_are_not_measured_layer_by_layer():
    torch.manual_seed(1)
    model = nn.Sequential(nn.Linear(40, 30), nn.ReLU(), nn.Linear(30, 5)).eval()
    told: list[str] = []
    compress(model, batches=torch.randn(200, 40).split(50), quality=6, progress=lambda stage, *step: told.append(stage))
    assert "sensitivity" not in told


@pytest.mark.parametrize("loss", [float("inf"), float("nan")])
def test_losses_that_are_not_finite_are_reported(loss: float, monkeypatch: pytest.MonkeyPatch):
    model = network().eval()
    monkeypatch.setattr(Outputs, "distance", lambda *args: loss)
    with pytest.raises(CompressionError, match="the outputs of the quantized model are not finite"):
        compress(model, batches=signals(64).split(64), quality=6, outputs="values")
