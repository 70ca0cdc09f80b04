from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from frformat.torch import compress
from frformat.torch.compression import moments, quantizing
from frformat.torch.compression.forms import Form, columns
from frformat.torch.compression.recording import Call, Geometry, Site
from frformat.torch.compression.wide import Observed, in_sequence


class Product(nn.Module):
    """Multiplies by a parameter, and adds no bias."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(inputs, outputs))

    def forward(self, x: Tensor) -> Tensor:
        return x @ self.weight


LAYERS: dict[str, tuple[Callable[[], nn.Module], tuple[int, ...]]] = {
    "linear": (lambda: nn.Linear(64, 8), (64,)),
    "product": (lambda: Product(64, 8), (64,)),
    "convolution": (lambda: nn.Conv2d(16, 8, 3, padding=1), (16, 6, 6)),
    "transposed": (lambda: nn.ConvTranspose2d(16, 8, 3, stride=2, padding=1), (16, 6, 6)),
}


def mixed(shape: tuple[int, ...], samples: int = 200) -> Tensor:
    """Return inputs whose channels are mixtures of a few sources, so that blocks of channels are correlated."""
    channels, *rest = shape
    return torch.einsum("cs,ns...->nc...", torch.randn(channels, 4), torch.randn(samples, 4, *rest)) + 0.3


@pytest.mark.parametrize("kind", LAYERS)
def test_blocks_make_up_for_the_errors_of_others(kind: str, monkeypatch: pytest.MonkeyPatch):
    torch.manual_seed(3)
    make, shape = LAYERS[kind]
    layer = make()
    model = nn.Sequential(nn.Unflatten(1, shape), layer) if len(shape) > 1 else nn.Sequential(layer)
    x = mixed(shape).flatten(1)
    monkeypatch.setattr(moments, "WIDE", 40)
    monkeypatch.setattr(moments, "BLOCK", 40)
    losses = []
    for sequence in (False, True):
        with monkeypatch.context() as patch:
            if not sequence:
                patch.setattr(quantizing, "_wide", lambda form: False)
            found = compress(model, batches=x[:160].split(40), bits=3, outputs="values")
        assert found.model is not None
        with torch.no_grad():
            losses.append(float((found.model(x[160:]) - model(x[160:])).square().mean()))
    assert losses[1] < 0.7 * losses[0]


@pytest.mark.parametrize("kind", ["linear", "product", "convolution", "transposed"])
def test_blocks_together_are_all_inputs(kind: str):
    shape = {"linear": (3, 8), "product": (8, 3), "convolution": (3, 8, 3), "transposed": (8, 3, 3)}[kind]
    form = Form(kind, shape)  # type: ignore[arg-type]
    x = torch.randn(5, 8, 7) if form.kernel else torch.randn(5, 8)
    geometry = Geometry((2,), (1,), (1,)) if form.kernel else Geometry()
    call = Call(Site("weight", 0, shape[0], form), x, geometry)
    thin, phase = (2,), (1,)
    means = [np.zeros(form.inputs), np.arange(form.inputs, dtype=np.float64)]
    inputs = Observed(form, 4, [(call, None)], thin, [phase], means)
    together = torch.cat([inputs.rounded(0, block) for block in range(4)])
    expected = columns(x, form, geometry, thin, phase)[0] - torch.arange(form.inputs)[:, None]
    torch.testing.assert_close(together, expected)
    assert inputs.original(0, 0) is None


def test_changed_inputs_are_made_up_for():
    torch.manual_seed(4)
    form = Form("linear", (3, 8))
    site = Site("weight", 0, 3, form)
    x = torch.randn(500, 8)
    y = x + 0.2 * torch.randn(8)  # two models whose inputs differ by a constant and by mixtures
    y[:, 4:] += x[:, :4] * 0.5
    inputs = Observed(form, 2, [(Call(site, y), Call(site, x))], (), [()], [np.zeros(8)] * 2)
    weights = torch.randn(3, 8).double().numpy()
    second = np.stack([(y[:, i : i + 4].T @ y[:, i : i + 4]).double().numpy() / 500 for i in (0, 4)])
    after = np.zeros((3, 2, 4))

    def settle(block: int, target: np.ndarray) -> np.ndarray:
        after[:, block] = target
        return target

    errors = in_sequence(weights, inputs, second, 1e-6, settle)
    missed = y.double().numpy() @ after.reshape(3, 8).T - x.double().numpy() @ weights.T
    np.testing.assert_allclose(errors, missed.T @ missed / 500, rtol=1e-3, atol=1e-6)
    before = (y - x).double().numpy() @ weights.T
    assert np.trace(errors) < 0.3 * np.square(before).sum(1).mean()
