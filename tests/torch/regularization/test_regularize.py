from __future__ import annotations

import copy
import math
import sys
from functools import partial

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from torch.nn.utils.parametrize import register_parametrization

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


def test_all_trained_matrices_by_default():
    model = Net()
    model.fc2.weight.requires_grad_(False)
    assert regularize(model) is model
    assert kept(model) == {"conv.weight": 54, "fc1.weight": 648}


def test_parameters_are_the_stored_values():
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
def test_numbers_of_kept_coefficients(keep, rules, expected):
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
def test_regularizing_and_unregularizing(prefix):
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


def test_a_plain_copy_leaves_the_model_unchanged():
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


def test_training_can_continue_while_a_graph_is_alive():
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


RESERVED = ("keys", "values", "items", "pop", "update", "clear")


def named(name: str) -> nn.Module:
    module = nn.Linear(3, 3)
    module.register_parameter(name, nn.Parameter(torch.randn(3, 3)))
    return module


def large() -> nn.Module:
    return holder(torch.full((512, 512), 200.0))


def overlapped():
    """Return two layers whose weights share a row."""
    model, memory = nn.Sequential(nn.Linear(4, 6), nn.Linear(4, 6)), torch.randn(11, 4)
    model[0].weight, model[1].weight = nn.Parameter(memory[:6]), nn.Parameter(memory[5:])
    return model


@pytest.mark.filterwarnings("ignore:`torch.jit")
@pytest.mark.parametrize(
    ("make", "keep", "rules", "message"),
    [
        (lambda: nn.Linear(4, 6), 1.0, ["wieght: keep=3"], "for 'wieght' matches no parameter; the model has weight"),
        (lambda: nn.Linear(4, 6), 1.0, "weight: keep=3", r"pass a list of rules, such as \['weight: keep=3'\]"),
        (lambda: nn.Linear(4, 6), 1.0, ["weight: keep=25"], r"weight: keep=25, but shape \[6, 4\] has 24 elements"),
        (lambda: nn.Linear(4, 6), 1.0, ["weight: view=6,5"], r"view \[6, 5\] does not have the 24 elements"),
        (lambda: nn.Linear(4, 6), 1.0, ["weight: spectral"], "weight consists of weights"),
        (lambda: nn.Linear(4, 6), 1.0, ["weight"], "not of the form"),
        (lambda: nn.Linear(4, 6), 0, (), "keep=0 is neither"),
        (lambda: nn.Linear(4, 6), 1.5, (), "keep=1.5 is neither"),
        (lambda: nn.BatchNorm1d(4), 1.0, (), "no parameter would be regularized"),
        (integers, 1.0, ["table: keep=2"], "table is of type torch.int32"),
        (lambda: nn.LSTM(3, 4), 1.0, (), r"a layer of class LSTM, .*exclude it with the rule 'weight_\*: raw'$"),
        (lambda: nn.Sequential(nn.GRU(3, 4)), 1.0, (), r"class GRU, .*exclude it with the rule '0.weight_\*: raw'$"),
        (lambda: nn.LazyLinear(3), 1.0, (), "weight has no shape until the model has run once"),
        (lambda: embedding(sparse=True), 1.0, (), "sparse gradients"),
        (lambda: embedding(max_norm=1.0), 1.0, (), "max_norm"),
        (lambda: nn.Linear(4, 6, device="meta"), 1.0, (), "weight is on device meta"),
        (lambda: nn.Linear(0, 6), 1.0, ["weight: keep=1"], r"weight has no elements: shape \[6, 0\]"),
        (lambda: embedding(padding_idx=0), 1.0, (), "weight keeps row 0 for padding, which must not change"),
        (lambda: nn.EmbeddingBag(5, 4, padding_idx=1), 1.0, (), "weight keeps row 1 for padding"),
        (lambda: regularize(nn.Linear(4, 6)), 1.0, ["weight: keep=1"], r"weight is already regularized: truncate\(\)"),
        (lambda: regularize(nn.Linear(4, 6)), 9, (), r"^the model is already regularized: call truncate\(\)"),
        (lambda: nn.utils.parametrizations.weight_norm(nn.Linear(4, 6)), 9, (), "another parametrization, WeightNorm;"),
        (lambda: nn.Linear(4, 6), "5%", (), r"keep='5%' is neither .*; write keep=0.05$"),
        (lambda: nn.Linear(4, 6), "30", (), r"keep='30' is neither .*; write keep=30$"),
        (lambda: nn.Linear(4, 6), True, (), "keep=True is neither"),
        (lambda: nn.Linear(4, 6), math.nan, (), "keep=nan is neither"),
        (lambda: torch.jit.script(nn.Linear(4, 6)), 9, (), "a TorchScript module can no longer be changed"),
        (lambda: nn.Sequential(torch.jit.script(nn.Linear(4, 6))), 9, (), "0.weight belongs to a TorchScript module"),
        *((partial(named, name), 9, (), f"{name} has a name that PyTorch cannot") for name in RESERVED),
        (lambda: holder(torch.full((512, 512), 200.0).half()), 1.0, (), r"weight: values up to 1.02e\+05 exceed"),
        (lambda: nn.Linear(4, 6), 9, ["weight: keep=9 format=q40"], "q40"),
        (large, 1.0, ["weight: keep=9 format=f16"], "weight: a value of 102400 is too large for f16"),
        (lambda: holder(torch.full((2, 2), math.nan)), 1.0, (), "weight: a weight is not finite"),
        (lambda: holder(torch.ones(6, 1).expand(6, 4)), 9, (), "weight has elements that share .* 'weight: raw'"),
        (overlapped, 9, (), "0.weight has elements that share memory with one another or with another parameter"),
    ],
)  # fmt: skip
def test_impossible_requests_are_reported_and_change_nothing(make, keep, rules, message):
    model = make()
    before = {name: id(parameter) for name, parameter in model.named_parameters()}
    with pytest.raises(ValueError, match=message):
        regularize(model, keep, rules=rules)
    assert {name: id(parameter) for name, parameter in model.named_parameters()} == before


class Shared(nn.Module):
    """Contains one layer under two names."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(6, 6)
        self.second = self.first
        self.parts = nn.ModuleList([self.first])

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.parts[0](self.second(self.first(x)))


def test_modules_reached_by_several_paths():
    model, x = Shared(), torch.randn(2, 6)
    expected = model(x)
    regularize(model, trained=True)
    assert kept(model) == {"first.weight": 36}
    torch.testing.assert_close(model(x), expected)
    assert spectra(model).keys() == {"first.weight"}
    unregularize(model)
    assert model.first is model.second is model.parts[0]
    torch.testing.assert_close(model(x), expected)


@pytest.mark.parametrize("cell", [nn.LSTMCell, nn.GRUCell, nn.RNNCell])
def test_recurrent_cells(cell):
    model, x = cell(6, 5), torch.randn(2, 6)
    expected = torch.cat(tuple(model(x)))
    regularize(model, trained=True)
    out = torch.cat(tuple(model(x)))
    torch.testing.assert_close(out, expected)
    out.sum().backward()
    assert all(parameter.grad is not None for parameter in model.parameters())


def test_the_named_rule_excludes_parts_that_cannot_be_regularized():
    model = nn.Sequential(nn.Embedding(9, 6, padding_idx=0), nn.LSTM(6, 6, 2), nn.Linear(6, 3))
    rules = []
    for _ in range(2):
        with pytest.raises(ValueError, match="exclude it with the rule ") as caught:
            regularize(model, 9, rules=rules)
        rules.append(str(caught.value).rpartition("with the rule ")[2].strip("'"))
    regularize(model, 9, rules=rules)
    assert rules == ["0.weight: raw", "1.weight_*: raw"]
    assert kept(model) == {"2.weight": 9}


@pytest.mark.parametrize("calls", range(4))
@pytest.mark.parametrize("error", [MemoryError, KeyboardInterrupt])
def test_any_failure_leaves_the_model_unchanged(monkeypatch, calls, error):
    partly = nn.utils.parametrizations.weight_norm(nn.Linear(6, 6), "bias", dim=None)
    model = nn.Sequential(partly, Tied(), nn.Linear(6, 4))
    x = torch.tensor([[1, 2]])
    model[1](x).sum().backward()
    before = {name: (each, each.data_ptr(), each.clone()) for name, each in model.named_parameters()}
    text, gradient, left = repr(model), model[1].head.weight.grad, calls

    def register(*args):
        nonlocal left
        left -= 1
        if left < 0:
            raise error
        return register_parametrization(*args)

    monkeypatch.setattr(sys.modules["frformat.torch.parametrizations"], "register_parametrization", register)
    with pytest.raises(error):
        regularize(model, 9, rules=["0.bias: raw"])
    after = dict(model.named_parameters())
    assert after.keys() == before.keys()
    for name, (parameter, address, values) in before.items():
        assert after[name] is parameter
        assert parameter.data_ptr() == address
        assert torch.equal(parameter, values)
    assert repr(model) == text
    assert model[1].head.weight.grad is gradient
    monkeypatch.undo()
    regularize(model, 9, rules=["0.bias: raw"], trained=True)
    model[1](x).sum().backward()


def test_views_leave_buffers_unchanged():
    class Counting(Net):
        def __init__(self) -> None:
            super().__init__()
            self.register_buffer("calls", torch.zeros(()))
            self.register_buffer("wide", torch.zeros(1).expand(3))

        def forward(self, x):
            self.calls = self.calls + 1
            return super().forward(x)

    model = Counting()
    calls = model.calls
    regularize(model, 9, example=net_input())
    assert model.calls is calls
    assert calls == 0


@pytest.mark.parametrize("scale", [1e-200, 1e-50, 1e-30, 1e100])
def test_a_fresh_model_keeps_its_variance_whatever_the_scale(scale):
    weight = torch.randn(8, 9, dtype=torch.float64)
    model = regularize(holder(weight * scale), 20)
    torch.testing.assert_close((model.weight / scale).square().mean(), weight.square().mean())


def test_assigning_unrepresentable_values_is_refused():
    model = regularize(holder(torch.randn(512, 512).half()), 20)
    with pytest.raises(ValueError, match=r"values up to 1.02e\+05 exceed the range of torch.float16"):
        model.weight = torch.full((512, 512), 200.0).half()
