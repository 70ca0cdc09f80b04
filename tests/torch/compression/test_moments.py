from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from frformat.torch import CompressionError, compress
from frformat.torch.compression import moments, planning
from frformat.torch.compression.forms import Form, Geometry, columns
from frformat.torch.compression.moments import Inputs, thinning
from frformat.torch.compression.moments import Outputs as Gradients
from frformat.torch.compression.outputs import Outputs
from frformat.torch.compression.recording import Call, Site

FORM = Form("convolution", (6, 4, 3, 3))
GEOMETRY = Geometry((1, 1), (1, 1), (1, 1))


def call(x: torch.Tensor, form: Form = FORM, geometry: Geometry = GEOMETRY) -> Call:
    return Call(Site("weight", 0, form.shape[0], form), x, geometry)


def matrices(*inputs: torch.Tensor) -> np.ndarray:
    return columns(torch.cat(inputs), FORM, GEOMETRY)[0].double().numpy()


def test_moments_of_two_models():
    x, y = torch.randn(6, 4, 5, 5) + 1, torch.randn(6, 4, 5, 5)
    found = Inputs(FORM, cross=True)
    for part in (slice(0, 2), slice(2, 6)):
        found.add(call(y[part]), call(x[part]), (), ())
    a, b = matrices(x), matrices(y)
    n = a.shape[1]
    np.testing.assert_allclose(found.second(centred=False)[0, 0], b @ b.T / n, atol=1e-5)
    np.testing.assert_allclose(found.second(centred=True)[0, 0], np.cov(b, bias=True), atol=1e-5)
    np.testing.assert_allclose(found.shift(centred=False)[0, 0], (a - b) @ b.T / n, atol=1e-5)
    expected = (a - a.mean(1, keepdims=True) - b + b.mean(1, keepdims=True)) @ (b - b.mean(1, keepdims=True)).T / n
    np.testing.assert_allclose(found.shift(centred=True)[0, 0], expected, atol=1e-5)
    np.testing.assert_allclose(found.means[0][0], a.mean(1), atol=1e-5)
    np.testing.assert_allclose(found.means[1][0], b.mean(1), atol=1e-5)


def test_many_inputs_are_processed_in_blocks(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(moments, "WIDE", 20)
    monkeypatch.setattr(moments, "BLOCK", 18)
    x = torch.randn(8, 4, 5, 5)
    found = Inputs(FORM, cross=False)
    found.add(call(x), None, (), ())
    second, b = found.second(centred=False), matrices(x)
    assert second.shape == (1, 2, 18, 18)
    whole = b @ b.T / b.shape[1]
    np.testing.assert_allclose(second[0], [whole[:18, :18], whole[18:, 18:]], atol=1e-5)
    model = nn.Sequential(nn.Conv2d(4, 6, 3), nn.ReLU(), nn.Flatten(), nn.Linear(54, 30), nn.Linear(30, 3)).eval()
    assert compress(model, batches=[x], quality=8).point.loss < 0.05


def test_unit_vectors_have_a_diagonal():
    found = Inputs(Form("embedding", (5, 3)), cross=True)
    found.add(call(torch.tensor([[0, 1, 1], [4, 1, 0]]), Form("embedding", (5, 3)), Geometry()), None, (), ())
    np.testing.assert_allclose(found.second(centred=True) * 11, [[[3, 4, 1, 1, 2]]])
    assert found.unseen == 2
    assert found.shift(centred=True) is None


def test_gradients_are_summed_over_positions_and_averaged_over_samples():
    gradient = torch.randn(5, 6, 4, 4)
    found = Gradients(FORM)
    found.add(gradient)
    found.samples = 5
    np.testing.assert_allclose(found.second()[0], np.einsum("nohw,nphw->op", gradient, gradient) / 5, rtol=1e-4)
    np.testing.assert_allclose(found.of_bias()[0], gradient.sum((2, 3)).square().mean(0), rtol=1e-4)


def test_thinning_leaves_enough():
    assert thinning(FORM, moments.CHEAP) == (1, 1)
    thin = thinning(FORM, 10**8)
    assert thin[0] - thin[1] in (0, 1)
    assert moments.CHEAP <= 10**8 / (thin[0] * thin[1]) <= 1.4 * moments.CHEAP
    assert thinning(Form("linear", (3, 10)), 10 * moments.CHEAP) == (8,)


def test_gradients_are_those_of_the_divergence_at_a_higher_temperature():
    torch.manual_seed(3)
    logits, meant = torch.randn(1, 4) * 2, Outputs("logits")
    fisher, draws = torch.zeros(4, 4), torch.Generator().manual_seed(0)
    for _ in range(4000):
        leaf = logits.clone().requires_grad_()
        value, samples = meant.drawn(leaf, draws)
        assert samples == 1
        (gradient,) = torch.autograd.grad(value, leaf)
        fisher += gradient.T @ gradient / 4000
    sharp, soft = (torch.diag(p) - torch.outer(p, p) for p in (logits.softmax(1)[0], (logits / 4).softmax(1)[0]))
    torch.testing.assert_close(fisher, soft * sharp.trace() / soft.trace(), atol=0.02, rtol=0.05)
    change = 0.05 * torch.randn(1, 4)
    expected = 0.5 * float(change @ sharp @ change.T)
    assert meant.distance(logits, logits + change) == pytest.approx(expected, rel=0.1)


def test_distances_of_values_and_shapes_of_logits():
    meant, x = Outputs("values"), torch.randn(50, 3)
    assert meant.distance(x, x + 0.1 * x.std(correction=0)) == pytest.approx(0.005, rel=1e-3)
    assert meant.agreement(x, x)[0] == 50
    pictures, sentences = torch.randn(2, 5, 3, 3), torch.randn(2, 7, 5)
    meant = Outputs("logits")
    assert meant.logits(pictures).shape == (18, 5)
    assert meant.logits(sentences).shape == (14, 5)
    assert Outputs("auto").logits(pictures) is None
    with pytest.raises(CompressionError, match="are not logits"):
        meant.logits(torch.randn(4))
    with pytest.raises(CompressionError, match="contains no floats"):
        meant.tensors([torch.ones(3, dtype=torch.int64)])


def test_the_expected_loss_is_about_the_loss():
    torch.manual_seed(5)
    x = torch.randn(256, 12)
    model = nn.Sequential(nn.Linear(12, 40), nn.ReLU(), nn.Linear(40, 5)).eval()
    found = compress(model, batches=list(x.split(64)), quality=7)
    assert 0.3 * 10 ** (-7 / 3) < found.point.loss < 3 * 10 ** (-7 / 3)
    assert planning.scale_of(0.01, 100) == pytest.approx((24 * 0.01 / 100) ** 0.5)
    assert F.log_softmax(found.model(x), 1).isfinite().all()


@pytest.mark.parametrize("factor", [1e-30, 1e19, 3e37])
def test_outputs_of_any_magnitude_have_the_same_distances_and_files(factor: float):
    class Scaled(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            torch.manual_seed(5)
            self.layers = nn.Sequential(nn.Linear(12, 40), nn.ReLU(), nn.Linear(40, 5))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.layers(x) * factor

    torch.manual_seed(5)
    meant, x = Outputs("values"), torch.randn(50, 3)
    assert meant.distance(factor * x, factor * (x + 0.1)) == pytest.approx(meant.distance(x, x + 0.1), rel=1e-4)
    double = 1e270 * x.double()
    assert meant.distance(double, 1.1 * double) == pytest.approx(meant.distance(x, 1.1 * x), rel=1e-4)
    inputs = list(torch.randn(256, 12).split(64))
    found = compress(Scaled(), batches=inputs, quality=5, outputs="values")
    factor = 1.0
    plain = compress(Scaled(), batches=inputs, quality=5, outputs="values")
    assert found.point.loss == pytest.approx(plain.point.loss, rel=1e-3)
    assert abs(len(found.data) - len(plain.data)) <= 8  # the metadata contains the loss as text


def test_decisions_between_huge_logits():
    meant, logits = Outputs("logits"), torch.tensor([[3e38, -3e38, 0], [1, 2, 3]])
    assert meant.distance(logits, logits) == 0
    assert meant.agreement(logits, -logits) == (0, 2)


def test_squares_of_layer_inputs_that_overflow_are_reported():
    class Loud(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(12, 4)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.layer(x * 1e20)

    with pytest.raises(CompressionError, match="is not finite, or exceeds 1e19"):
        compress(Loud(), batches=[torch.randn(64, 12)] * 2, outputs="values")
