from __future__ import annotations

import copy
import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from frformat import Spectrum
from frformat.encoding import Rule
from frformat.torch.regularization import regularize, spectra, spectral_tensors, unregularize
from tests.sums import assert_same, network_slack
from tests.torch.regularization.dense import prefixes
from tests.torch.regularization.models import Net, Tied, net_input

matrices = st.lists(st.integers(1, 9), min_size=2, max_size=4).map(tuple).filter(lambda shape: math.prod(shape) <= 600)


def holder(weight: torch.Tensor) -> nn.Module:
    module = nn.Module()
    module.weight = nn.Parameter(weight)
    return module


def kept(model: nn.Module) -> dict[str, int]:
    return {name: tensor.kept for name, tensor in spectral_tensors(model).items()}


def test_by_default_all_matrices_that_are_trained():
    model = Net()
    model.fc2.weight.requires_grad_(False)
    assert regularize(model) is model
    assert kept(model) == {"conv.weight": 54, "fc1.weight": 648}


def test_parameters_are_what_is_stored():
    model = regularize(Net(), 20, rules=["*.bias: keep=3", "norm.*: raw"])
    plain = sum(p.numel() for p in model.norm.parameters())
    assert sum(p.numel() for p in model.parameters()) == 3 * 20 + 3 * 3 + plain
    assert all(tensor.coefficients.shape == (tensor.kept,) for tensor in spectral_tensors(model).values())


@pytest.mark.parametrize(
    ("keep", "rules", "expected"),
    [
        (0.5, (), {"conv.weight": 27, "fc1.weight": 324, "fc2.weight": 24}),
        (50, (), {"conv.weight": 50, "fc1.weight": 50, "fc2.weight": 48}),
        (9, ["conv.*: raw", "fc1.weight: keep=100", "fc?.weight: keep=25%"], {"fc1.weight": 100, "fc2.weight": 12}),
        (9, [Rule("*"), "*: raw"], {"conv.weight": 9, "norm.weight": 6, "fc1.weight": 9, "fc2.weight": 9}),
        (1, ["conv.weight: energy=1.0", "fc*: raw"], {"conv.weight": 54}),
        (1, ["conv.weight: max-error=1% format=q8", "fc*: raw"], {"conv.weight": 54}),
        (7, lambda name, p: "raw" if p.dim() < 2 or "conv" in name else None, {"fc1.weight": 7, "fc2.weight": 7}),
        (7, lambda name, p: Rule(view=(18, 3)) if name == "conv.weight" else "raw", {"conv.weight": 7}),
    ],
)
def test_what_is_kept(keep, rules, expected):
    counts = kept(regularize(Net(), keep, rules=rules))
    assert counts.items() >= expected.items()
    assert not counts.keys() - expected.keys() - {"norm.weight", "norm.bias", "conv.bias", "fc1.bias", "fc2.bias"}


@given(prefixes(matrices))
def test_a_trained_model_becomes_its_spectrum(prefix):
    shape, k = prefix
    weight = torch.randn(shape)
    [spectrum] = spectra(regularize(holder(weight), k, trained=True)).values()
    expected = Spectrum.of(weight.numpy(), k)
    assert (spectrum.shape, spectrum.view, spectrum.dtype) == (expected.shape, expected.view, expected.dtype)
    torch.testing.assert_close(
        *map(torch.from_numpy, (spectrum.coefficients, expected.coefficients)), atol=1e-5, rtol=0
    )


@given(prefixes(matrices))
def test_a_fresh_model_keeps_the_variance_of_its_initialization(prefix):
    shape, k = prefix
    weight = torch.randn(shape)
    model = regularize(holder(weight.clone()), k)
    torch.testing.assert_close(model.weight.square().mean(), weight.square().mean(), rtol=1e-4, atol=1e-6)


def test_zeros_stay_zeros():
    assert not regularize(holder(torch.zeros(4, 5)), 3).weight.any()


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_all_floating_types(dtype):
    model = regularize(holder(torch.randn(8, 9, dtype=dtype)), trained=True)
    assert model.weight.dtype == model.parametrizations.weight.original.dtype == dtype
    assert spectra(model)["weight"].dtype == {torch.float16: "f16", torch.bfloat16: "bf16", torch.float64: "f64"}[dtype]


@given(prefixes(matrices))
def test_there_and_back(prefix):
    shape, k = prefix
    weight = torch.randn(shape)
    model = holder(weight.clone())
    parameter = model.weight
    rebuilt = regularize(model, k, trained=True).weight.detach()
    assert type(unregularize(model)) is nn.Module
    assert model.weight is parameter
    torch.testing.assert_close(parameter.detach(), rebuilt, rtol=0, atol=0)
    if k == math.prod(shape):
        torch.testing.assert_close(rebuilt, weight, rtol=0, atol=1e-5)


def test_a_plain_copy_leaves_the_model_as_it_is():
    model = regularize(Net(), 9).eval()
    x = net_input()
    expected = model(x)
    plain = unregularize(copy.deepcopy(model))
    assert plain.state_dict().keys() == Net().state_dict().keys()
    assert "Parametrized" not in repr(plain)
    assert_same(plain(x), expected, network_slack(model, x))
    assert_same(model(x), expected, network_slack(model, x))


def test_tied_parameters_stay_tied():
    model = regularize(Tied(), 20)
    assert kept(model) == {"embedding.weight": 20}
    assert sum(p.numel() for p in model.parameters()) == 20
    model(torch.tensor([[1, 2]])).sum().backward()
    torch.testing.assert_close(model.head.weight, model.embedding.weight, rtol=0, atol=0)
    twin = copy.deepcopy(model)
    assert twin.head.parametrizations.weight is twin.embedding.parametrizations.weight
    plain = unregularize(twin)
    assert plain.head.weight is plain.embedding.weight
    torch.testing.assert_close(plain.head.weight, model.head.weight, rtol=0, atol=0)


def test_attention_and_normalization():
    model = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
    regularize(model, 10)
    assert kept(model).keys() == {
        "self_attn.in_proj_weight",
        "self_attn.out_proj.weight",
        "linear1.weight",
        "linear2.weight",
    }
    model(torch.randn(2, 3, 8)).sum().backward()
    assert all(p.grad is not None for p in model.parameters())
    model.eval()
    with torch.no_grad():
        x = torch.randn(2, 3, 8)
        assert_same(unregularize(copy.deepcopy(model))(x), model(x), network_slack(model, x))


def test_training_can_go_on_although_a_graph_is_alive():
    model = Net()
    loss = model(net_input()).sum()
    regularize(model, 9)
    model(net_input()).sum().backward()
    unregularize(model)
    model(net_input()).sum().backward()
    assert loss.requires_grad


def embedding(**options):
    return nn.Embedding(5, 4, **options)


def integers():
    model = nn.Linear(3, 3)
    model.table = nn.Parameter(torch.zeros(2, 2, dtype=torch.int32), requires_grad=False)
    return model


@pytest.mark.parametrize(
    ("make", "keep", "rules", "message"),
    [
        (lambda: nn.Linear(4, 6), 1.0, ["wieght: keep=3"], "for 'wieght' matches no parameter; there are weight, bias"),
        (lambda: nn.Linear(4, 6), 1.0, ["weight: keep=25"], r"weight: keep=25, but shape \[6, 4\] has 24 elements"),
        (lambda: nn.Linear(4, 6), 1.0, ["weight: view=6,5"], r"view \[6, 5\] does not have the 24 elements"),
        (lambda: nn.Linear(4, 6), 1.0, ["weight: spectral"], "weight is given as weights"),
        (lambda: nn.Linear(4, 6), 1.0, ["weight"], "not of the form"),
        (lambda: nn.Linear(4, 6), 0, (), "keep=0 is neither"),
        (lambda: nn.Linear(4, 6), 1.5, (), "keep=1.5 is neither"),
        (lambda: nn.BatchNorm1d(4), 1.0, (), "no parameter is regularized"),
        (integers, 1.0, ["table: keep=2"], "table is of torch.int32"),
        (lambda: nn.LSTM(3, 4), 1.0, (), r"belongs to an LSTM, .*exclude it by the rule 'weight_ih_l0: raw'"),
        (lambda: nn.LazyLinear(3), 1.0, (), "weight has no shape before the model has run once"),
        (lambda: embedding(sparse=True), 1.0, (), "sparse gradients"),
        (lambda: embedding(max_norm=1.0), 1.0, (), "max_norm"),
        (lambda: nn.Linear(4, 6, device="meta"), 1.0, (), "weight is on device meta"),
        (lambda: nn.Linear(0, 6), 1.0, ["weight: keep=1"], r"weight has no elements: shape \[6, 0\]"),
        (lambda: regularize(nn.Linear(4, 6)), 1.0, ["weight: keep=1"], "weight is parametrized already"),
        (lambda: nn.utils.parametrizations.weight_norm(nn.Linear(4, 6)), 9, (), "weight is parametrized already"),
        (lambda: holder(torch.full((2, 2), math.nan)), 1.0, (), "weight: a weight is not finite"),
    ],
)  # fmt: skip
def test_what_cannot_be_done_is_said_and_nothing_has_changed(make, keep, rules, message):
    model = make()
    before = {name: id(parameter) for name, parameter in model.named_parameters()}
    with pytest.raises(ValueError, match=message):
        regularize(model, keep, rules=rules)
    assert {name: id(parameter) for name, parameter in model.named_parameters()} == before
