from __future__ import annotations

import copy

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from frformat.torch.regularization import factored, regularize, spectral_tensors, unregularize


@pytest.fixture(autouse=True)
def _always(monkeypatch):
    """Use factors wherever possible, so that they have an effect."""
    monkeypatch.setattr(factored, "MARGIN", 0)


@st.composite
def layers(draw):
    dims = draw(st.integers(1, 3))
    transposed = draw(st.booleans())
    inputs, outputs = draw(st.integers(1, 40)), draw(st.integers(1, 40))
    kernel = tuple(draw(st.integers(1, 3)) for _ in range(dims))
    stride = draw(st.integers(1, 2))
    options = {
        "stride": stride,
        "dilation": draw(st.integers(1, 2)),
        "padding": draw(st.integers(0, 1)),
        "bias": draw(st.booleans()),
    }
    if transposed:
        options["output_padding"] = stride - 1 if options["dilation"] == 1 else 0
    else:
        options["padding_mode"] = draw(st.sampled_from(["zeros", "circular", "replicate"]))
    kind = getattr(nn, f"Conv{'Transpose' if transposed else ''}{dims}d")
    layer = kind(inputs, outputs, kernel, **options).double()
    batch = draw(st.sampled_from([(), (2,)]))
    return layer, torch.randn(*batch, inputs, *(6,) * dims, dtype=torch.float64)


def check(layer: nn.Module, x: torch.Tensor, expect: bool = True) -> None:
    """Check values and gradients against the rebuilt weight, which is computed only if necessary."""
    plain = unregularize(copy.deepcopy(layer))
    coefficients = layer.parametrizations.weight.original
    rebuilt = []
    hook = layer.parametrizations.weight.register_forward_hook(lambda *_: rebuilt.append(1))
    out = layer(x)
    assert bool(rebuilt) is not expect
    hook.remove()
    torch.testing.assert_close(out, plain(x), rtol=1e-12, atol=1e-12)
    upstream = torch.randn_like(out)
    out.backward(upstream)
    plain(x).backward(upstream)
    expected = spectral_tensors(layer)["weight"].spectral.right_inverse(plain.weight.grad)
    torch.testing.assert_close(coefficients.grad, expected, rtol=1e-10, atol=1e-10)


@given(layers(), st.data())
@settings(max_examples=60)
def test_convolutions(drawn, data):
    layer, x = drawn
    count = layer.weight.numel()
    check(regularize(layer, data.draw(st.integers(1, min(count, 60)))), x)


@given(st.integers(1, 80), st.integers(1, 80), st.data())
def test_linear_layers(inputs, outputs, data):
    keep = data.draw(st.integers(1, min(inputs * outputs, 40)))
    layer = nn.Linear(inputs, outputs, bias=data.draw(st.booleans())).double()
    rows = data.draw(st.sampled_from([(), (0,), (3,), (2, 3), (50,)]))
    check(regularize(layer, keep), torch.randn(*rows, inputs, dtype=torch.float64))


def test_a_linear_layer_with_a_view_on_its_inputs():
    for rows in (1, 30):
        layer = regularize(nn.Linear(24, 10).double(), rules=["weight: keep=9 view=10,6,2,2"])
        check(layer, torch.randn(rows, 24, dtype=torch.float64))


@pytest.mark.parametrize("view", ["260,520", "260,26,20", "260,5,104"])
@pytest.mark.parametrize("keep", ["100%", "50%"])
def test_inputs_are_projected_by_fft_where_the_box_is_wide(view, keep):
    layer = regularize(nn.Linear(520, 260).double(), rules=[f"weight: keep={keep} view={view}"])
    for shape in ((520,), (3, 520), (2, 2, 520)):
        check(layer, torch.randn(shape, dtype=torch.float64))
        layer.zero_grad()


def test_embeddings():
    check(regularize(nn.Embedding(30, 8).double(), 9), torch.tensor([[1, 2], [29, 0]]))


@pytest.mark.parametrize(
    ("make", "shape", "rules"),
    [
        (lambda: nn.Conv2d(4, 4, 3, groups=2), (1, 4, 5, 5), []),
        (lambda: nn.Conv2d(4, 4, 9), (1, 4, 9, 9), []),
        (lambda: nn.Conv2d(4, 4, 3), (1, 4, 5, 5), ["weight: view=2,2,4,9"]),
        (lambda: nn.Linear(4, 6), (2, 4), ["weight: view=2,3,4"]),
    ],
)
def test_layers_without_factors_are_rebuilt(make, shape, rules):
    check(regularize(make().double(), 8, rules=rules), torch.randn(shape, dtype=torch.float64), expect=False)


def test_embeddings_that_scale_their_gradients_are_rebuilt():
    layer = regularize(nn.Embedding(30, 8, scale_grad_by_freq=True).double(), 9)
    check(layer, torch.tensor([[1, 2], [29, 0]]), expect=False)


def test_wide_convolutions_and_half_precision_are_rebuilt():
    layer = regularize(nn.Conv1d(260, 260, 3).double())
    check(layer, torch.randn(2, 260, 3, dtype=torch.float64), expect=False)
    layer = regularize(nn.Linear(30, 30).bfloat16(), 4)
    assert layer(torch.randn(2, 30).bfloat16()).dtype == torch.bfloat16


def test_only_where_it_pays_off_and_is_allowed(monkeypatch):
    monkeypatch.undo()
    small, large = torch.randn(1, 3, 4, 4).double(), torch.randn(1, 64, 8, 8).double()
    check(regularize(nn.Conv2d(3, 4, 3).double(), 100), small, expect=False)
    check(regularize(nn.Conv2d(64, 64, 3).double(), 33), large)
    check(regularize(nn.Conv2d(64, 64, 3).double(), 33, factored=False), large, expect=False)


def test_other_parametrizations_can_follow():
    layer = regularize(nn.Linear(20, 20).double(), 5)
    nn.utils.parametrize.register_parametrization(layer, "weight", nn.Tanh())
    x = torch.randn(2, 20, dtype=torch.float64)
    expected = nn.functional.linear(x, layer.weight, layer.bias)
    torch.testing.assert_close(layer(x), expected)


def test_pytorch_removes_the_parametrization_without_a_trace():
    layer = regularize(nn.Linear(20, 20).double(), 5, rules=["bias: keep=3", "weight: keep=5"])
    x = torch.randn(2, 20, dtype=torch.float64)
    expected = layer(x)
    nn.utils.parametrize.remove_parametrizations(layer, "weight")
    torch.testing.assert_close(layer(x), expected)
    nn.utils.parametrize.remove_parametrizations(layer, "bias")
    assert type(layer) is nn.Linear
    torch.testing.assert_close(layer(x), expected)
