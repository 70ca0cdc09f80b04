"""Factored layers compute the same results as plain ones, whichever modes are factored."""

from __future__ import annotations

import copy
import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from frformat.torch.factorization.candidates import Candidate, find_candidates
from frformat.torch.factorization.runs import find_runs
from frformat.torch.factorization.sources import from_model
from frformat.torch.regularization import regularize, unregularize
from tests.sums import same_sums


def candidate(layer: nn.Module, x: torch.Tensor) -> Candidate:
    given_weights = from_model(layer)
    (found,) = find_candidates(layer, given_weights, find_runs(layer, x, given_weights))
    return found


def check(layer: nn.Module, x: torch.Tensor) -> Candidate:
    """Compare values with the plain layer's, within 1e-12 of the largest, and gradients with the regularized one's."""
    plain = unregularize(copy.deepcopy(layer))
    expected = plain(x)
    found = candidate(layer, x)
    for modes in found.options:
        made = found.make(modes)
        out = made(x)
        assert out.shape == expected.shape
        if out.numel():
            assert (out - expected).abs().max() <= 1e-12 * expected.abs().max()
        upstream = torch.randn_like(out)
        made.zero_grad()
        out.backward(upstream)
        layer.zero_grad()
        layer(x).backward(upstream)
        torch.testing.assert_close(made.weight.grad, layer.parametrizations.weight.original.grad, rtol=1e-9, atol=1e-9)
    return found


def view_of(draw: st.DrawFn, shape: tuple[int, ...]) -> tuple[int, ...] | None:
    """Draw no view, or one that splits axes, joins all but the first, or joins those of the kernel."""
    kind = draw(st.sampled_from(["none", "split", "joined", "kernel"]))
    if kind == "none":
        return None
    if kind == "joined":
        return (shape[0], math.prod(shape[1:]))
    if kind == "kernel":
        return (*shape[:2], math.prod(shape[2:])) if len(shape) > 2 else None
    split: list[int] = []
    for n in shape:
        divisor = draw(st.sampled_from([d for d in range(1, n + 1) if n % d == 0]))
        split += [divisor, n // divisor]
    return tuple(split)


@st.composite
def convolutions(draw):
    dims, groups = draw(st.integers(1, 3)), draw(st.integers(1, 3))
    transposed = draw(st.booleans())
    inputs, outputs = groups * draw(st.integers(1, 12)), groups * draw(st.integers(1, 12))
    kernel = tuple(draw(st.integers(1, 3)) for _ in range(dims))
    stride = tuple(draw(st.integers(1, 2)) for _ in range(dims))
    options = {
        "groups": groups,
        "dilation": tuple(draw(st.integers(1, 2)) for _ in range(dims)),
        "padding": tuple(draw(st.integers(0, 2)) for _ in range(dims)),
        "bias": draw(st.booleans()),
        "stride": stride,
    }
    if transposed:
        options["output_padding"] = tuple(
            draw(st.integers(0, max(s, d) - 1)) for s, d in zip(stride, options["dilation"], strict=True)
        )
    else:
        options["padding_mode"] = draw(st.sampled_from(["zeros", "circular", "replicate", "reflect"]))
        if set(stride) == {1}:
            options["padding"] = draw(st.sampled_from([options["padding"], "same", "valid"]))
    kind = getattr(nn, f"Conv{'Transpose' if transposed else ''}{dims}d")
    layer = kind(inputs, outputs, kernel, **options).double()
    batch = draw(st.sampled_from([(), (1,), (2,)]))
    return layer, torch.randn(*batch, inputs, *(7,) * dims, dtype=torch.float64)


def regularized(draw, layer: nn.Module) -> nn.Module:
    shape = tuple(layer.weight.shape)
    view = view_of(draw, shape)
    keep = draw(st.integers(1, min(math.prod(shape), 80)))
    words = f"weight: keep={keep}" + (f" view={','.join(map(str, view))}" if view else "")
    return regularize(layer, rules=[words], factored=False)


@given(convolutions(), st.data())
@settings(max_examples=150)
def test_convolutions(drawn, data):
    layer, x = drawn
    check(regularized(data.draw, layer), x)


@given(st.integers(1, 24), st.integers(1, 24), st.data())
def test_linear_layers(inputs, outputs, data):
    layer = nn.Linear(inputs, outputs, bias=data.draw(st.booleans())).double()
    rows = data.draw(st.sampled_from([(), (0,), (3,), (2, 3)]))
    check(regularized(data.draw, layer), torch.randn(*rows, inputs, dtype=torch.float64))


@pytest.mark.parametrize(
    ("make", "view", "options"),
    [
        (lambda: nn.Conv2d(8, 8, 3), None, [("into",), ("out",), ("into", "out")]),
        (lambda: nn.Conv2d(8, 8, 3), (8, 72), [("out",)]),  # the input channels are joined with the kernel
        (lambda: nn.ConvTranspose2d(8, 8, 3), (8, 72), [("into",)]),
        (lambda: nn.Conv2d(8, 8, 3), (2, 4, 4, 2, 9), [("into",), ("out",), ("into", "out")]),
        (lambda: nn.Conv2d(8, 8, 3), (64, 9), []),
        (lambda: nn.Conv2d(8, 8, 3, groups=8), None, [("out",)]),  # each group has one input channel
    ],
)
def test_what_can_be_factored(make, view, options):
    words = "weight: keep=20" + (f" view={','.join(map(str, view))}" if view else "")
    layer = regularize(make().double(), rules=[words], factored=False)
    assert check(layer, torch.randn(2, 8, 7, 7, dtype=torch.float64)).options == options


def test_bases_are_recomputed_in_another_type():
    one = nn.Conv2d(12, 12, 3)
    layers = (one, copy.deepcopy(one).double())
    single, double = (regularize(layer, rules=["weight: keep=20"], factored=False) for layer in layers)
    double.load_state_dict(single.state_dict())
    x = torch.randn(1, 12, 8, 8)
    made = candidate(single, x).make(("into", "out")).double()
    torch.testing.assert_close(made(x.double()), double(x.double()), rtol=1e-12, atol=1e-12)


def test_another_models_coefficients_can_be_loaded():
    one, other = (regularize(nn.Linear(9, 9), rules=["weight: keep=7"], factored=False) for _ in range(2))
    x = torch.randn(2, 9)
    made = candidate(one, x).make(("into", "out"))
    made.load_state_dict(candidate(other, x).make(("out",)).state_dict())
    same_sums(made(x), other(x), terms=9)


def test_tables_are_recomputed_only_if_they_do_not_fit(monkeypatch):
    layer = regularize(nn.Linear(30, 20), 12)
    x = torch.randn(2, 30)
    made = candidate(layer, x).make(("into", "out"))
    expected, state = made(x), {name: value.clone() for name, value in made.state_dict().items()}
    tabulate, calls = type(made)._tabulate, []
    monkeypatch.setattr(type(made), "_tabulate", lambda self: (calls.append(1), tabulate(self)))
    for change in (
        lambda: made.load_state_dict(state),
        lambda: made.load_state_dict(state, assign=True),
        lambda: made.load_state_dict({}, strict=False),
        lambda: made.to("cpu").float().requires_grad_(),
    ):
        change()
        assert not calls
        assert torch.equal(made(x), expected)
    for change in (
        lambda: made.to("meta"),
        lambda: made.load_state_dict(state, assign=True),
        lambda: made.to_empty(device="cpu") and made.load_state_dict(state),
        lambda: made.load_state_dict({name: value.double() for name, value in state.items()}, assign=True),
    ):
        calls.clear()
        change()
        assert calls == [1]
    torch.testing.assert_close(made(x.double()), expected.double(), rtol=1e-5, atol=1e-6)
