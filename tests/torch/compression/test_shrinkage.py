from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from frformat.torch import compress
from frformat.torch.compression.shrinkage import MOST, Shrinkage
from frformat.torch.compression.steps import DAMPING, damping


def intensity(parts: list[torch.Tensor]) -> float:
    found, center = Shrinkage(), parts[0].mean(-1, keepdim=True)
    for part in parts:
        found.add((part - center) @ (part - center).mT, part.shape[-1])
    x = (torch.cat(parts, -1) - center).double()
    return found.intensity((x @ x.mT / x.shape[-1]).numpy())


def test_the_intensity_is_that_of_ledoit_and_wolf():
    x = torch.randn(20, 50, dtype=torch.float64) * torch.linspace(0.1, 2, 20)[:, None]
    x -= x.mean(1, keepdim=True)
    covariance = x @ x.T / 50
    distance = (covariance - covariance.trace() / 20 * torch.eye(20)).square().sum()
    variance = sum((column[:, None] * column - covariance).square().sum() for column in x.T) / 50**2
    found = Shrinkage()
    for column in x.T:
        found.add(column[:, None] * column, 1)
    # Ledoit and Wolf divide by n²; for an unbiased estimate, divide by n (n − 1).
    expected = float(variance / distance) * 50 / 49
    np.testing.assert_allclose(found.intensity(covariance.numpy()), expected, rtol=1e-6)


def test_more_samples_need_less_shrinkage():
    draws = torch.Generator().manual_seed(0)
    scales = torch.logspace(0, -2, 64)[:, None]
    found = [
        intensity([torch.randn(64, 8, generator=draws) * scales + 3 for _ in range(count)]) for count in (4, 16, 256)
    ]
    assert found[0] > 2 * found[1] > 4 * found[2] > 0


def test_blocks_and_long_parts():
    draws = torch.Generator().manual_seed(0)
    wide = [torch.randn(2, 3, 5, 40, generator=draws) for _ in range(6)]
    assert 0 < intensity(wide) <= MOST
    narrow = [column for part in wide for column in part.split(2, -1)]
    assert 0 < intensity(narrow) <= MOST


def test_the_reliability_of_one_part_is_unknown():
    found = Shrinkage()
    assert found.intensity(np.diag([1.0, 2, 3, 4])) == 0
    found.add(torch.eye(4) * 9, 9)
    assert found.intensity(np.diag([1.0, 2, 3, 4])) == MOST


def test_a_single_input_is_reported():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(144, 10))
    found = compress(model, None, [torch.randn(1, 1, 8, 8)], quality=4)
    assert any("96% of the statistics are assumed, because there are so few" in note for note in found.notes)


def test_constant_inputs_need_no_shrinkage():
    assert intensity([torch.full((4, 3), 2.0)] * 5) == 0


def test_the_damping_grows_with_the_shrinkage():
    entries = np.ones(4)
    assert damping(entries, 0) == DAMPING
    assert damping(entries, 0.5) == 1


def test_few_inputs_do_not_mislead(monkeypatch: pytest.MonkeyPatch):
    """With few inputs, rounding must not shift errors into directions that only the calibration inputs lack."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(200, 64), nn.ReLU(), nn.Linear(64, 10)).eval()
    mixing = torch.randn(200, 200) * torch.logspace(0, -1.5, 200)
    calibration, test = torch.randn(60, 200) @ mixing.T, torch.randn(2000, 200) @ mixing.T

    def error() -> tuple[float, list[str]]:
        found = compress(model, batches=calibration.split(20), quality=5, outputs="values")
        assert found.model is not None
        with torch.no_grad():
            return float((found.model(test) - model(test)).square().mean()), found.notes

    shrunk, notes = error()
    assert any("due to chance" in note for note in notes)
    monkeypatch.setattr(Shrinkage, "intensity", lambda *arguments: 0.0)
    plain, notes = error()
    assert not any("due to chance" in note for note in notes)
    assert shrunk < 0.8 * plain
