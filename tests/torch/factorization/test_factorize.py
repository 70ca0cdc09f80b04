"""Factorize models and files, and check the summaries."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn
from torch.testing import assert_close

import frformat
from frformat.torch import (
    MismatchError,
    decompose,
    factorize,
    load_model,
    regularize,
    save_file,
    save_model,
    summary,
    unregularize,
)
from frformat.torch.factorization import Factored
from frformat.torch.regularization import make_tiers
from frformat.train.models import LeNet5, ResNet20, UNet
from tests.sums import assert_same, network_slack
from tests.versioned import Versioned


def unet(width: int = 16) -> nn.Module:
    return regularize(UNet(width=width).eval(), 33, factored=False)


def image(size: int = 64) -> torch.Tensor:
    return torch.rand(1, 3, size, size)


@pytest.fixture
def saved(tmp_path):
    model = unet()
    save_model(model, tmp_path / "unet.frz")
    return model, tmp_path / "unet.frz"


def test_a_file_yields_the_outputs_of_the_regularized_model(saved):
    model, path = saved
    x = image()
    with torch.no_grad():
        expected, slack = factorize(model, x)(x), network_slack(model, x)
        with torch.device("meta"):
            skeleton = UNet(width=16)
        made = factorize(skeleton, x, path)
        assert_same(made(x), expected, slack)
        assert_same(factorize(UNet(width=16), x, path)(x), expected, slack)
        assert_same(expected, unregularize(model)(x), slack)
    assert not any(tensor.is_meta for tensor in (*made.parameters(), *made.buffers()))
    assert all(parameter.is_meta for parameter in skeleton.parameters())


@torch.no_grad()
@pytest.mark.parametrize("change", [lambda model: regularize(model, 33), lambda model: decompose(model, 0.25)])
def test_a_file_replaces_the_coefficients_of_the_model(change, tmp_path):
    def network():
        return nn.Sequential(nn.Conv2d(16, 32, 3), nn.BatchNorm2d(32), nn.ReLU(), nn.Conv2d(32, 32, 3)).eval()

    model, x, path = change(network()), torch.randn(1, 16, 12, 12), tmp_path / "model.frz"
    make_tiers(model, [0.5])
    save_model(model, path)
    for parameter in model.parameters():
        parameter.mul_(2)
    before = copy.deepcopy(model.state_dict())
    for tier in (0, 1):
        expected = factorize(network(), x, path, tier=tier, prefer="memory")
        found = factorize(model, x, path, tier=tier, prefer="memory")
        assert all(layer.modes for layer in summary(found).layers)
        assert str(summary(found)) == str(summary(expected))
        assert torch.equal(found(x), expected(x))
    assert_close(model.state_dict(), before, rtol=0, atol=0)


def test_the_given_model_is_unchanged():
    model, x = unet(), image()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    made = factorize(model.train(), x)
    assert model.training
    assert not made.training
    assert {name: tensor for name, tensor in model.state_dict().items() if not torch.equal(tensor, before[name])} == {}
    with torch.no_grad():
        model(x)  # the original model still runs, and so do its hooks
        next(made.parameters()).zero_()
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())


def test_weights_take_little_memory():
    model = unet(32)
    made = factorize(model, image())
    dense = sum(tensor.numel() for tensor in unregularize(model).parameters())
    held = sum(tensor.numel() for tensor in (*made.parameters(), *made.buffers()))
    assert held < dense / 50


def test_other_coefficients_can_be_loaded(saved):
    model, path = saved
    other = unet()
    made, x = factorize(other, image()), image()
    with frformat.open(path) as file:
        state = made.state_dict()
        for name in file:
            spectrum = file.spectrum(name)
            array = spectrum.coefficients if state[name].dim() == 1 else spectrum.weights()
            state[name] = torch.from_numpy(array)
    made.load_state_dict(state)
    with torch.no_grad():
        assert_same(made(x), factorize(model, x)(x), network_slack(model, x))


def test_summary():
    model = regularize(UNet(width=64).eval(), 33, factored=False)
    made = factorize(model, torch.empty(1, 3, 640, 959, device="meta"))
    found = summary(made)
    assert [layer.name for layer in found.layers][:2] == ["inc.double_conv.0", "inc.double_conv.3"]
    by_name = {layer.name: layer for layer in found.layers}
    layer = by_name["down1.maxpool_conv.1.double_conv.3"]
    pixels = 320 * 479
    assert layer.rebuilt.multiply_adds == pixels * 128 * 128 * 9
    building = 4 * 4 * 3 * 3 * 3 + 4 * 4 * 3 * 3 * 3
    assert layer.factored.multiply_adds == pixels * (128 * 4 + 4 * 4 * 9 + 4 * 128) + building
    assert layer.rebuilt.weight_bytes == 128 * 128 * 9 * 4
    assert layer.modes == ("into", "out")
    assert found.streams == 18
    text = str(found)
    assert all(name in text for name in by_name)
    assert "outc.conv" in text
    assert summary(copy.deepcopy(made)) == found


def test_weights_are_rebuilt_where_factors_cost_more():
    model = regularize(LeNet5(), 0.9, rules=["*.bias: raw"])
    made = factorize(model, torch.rand(1, 1, 28, 28))
    assert not any(isinstance(module, Factored) for module in made.modules())
    for layer in summary(made).layers:
        assert layer.modes is None
        assert layer.why
    x = torch.rand(3, 1, 28, 28)
    assert_same(made(x), unregularize(model).eval()(x), network_slack(model, x))


def test_least_memory_can_be_preferred():
    model = regularize(LeNet5(), 40, rules=["*.bias: keep=3"], example=torch.rand(1, 1, 28, 28))
    x = torch.rand(2, 1, 28, 28)
    made = factorize(model, x, prefer="memory")
    assert all(layer.modes for layer in summary(made).layers if layer.name == "fc1")
    assert_same(made(x), unregularize(model).eval()(x), network_slack(model, x))
    with pytest.raises(ValueError, match="neither 'speed' nor 'memory'"):
        factorize(model, x, prefer="size")


def test_running_statistics_and_raw_tensors_come_from_the_file(tmp_path):
    model = regularize(ResNet20(), 0.05)
    model.train()(torch.rand(8, 3, 32, 32))
    save_model(model, tmp_path / "resnet.frz")
    x = torch.rand(2, 3, 32, 32)
    with torch.device("meta"):
        skeleton = ResNet20()
    made = factorize(skeleton, x, tmp_path / "resnet.frz")
    with torch.no_grad():
        assert_same(made(x), unregularize(model).eval()(x), network_slack(model, x))


class Tied(nn.Module):
    def __init__(self, n: int) -> None:
        super().__init__()
        self.one, self.two = nn.Linear(n, n), nn.Linear(n, n)
        self.two.weight = self.one.weight

    def forward(self, x):
        return self.two(self.one(x))


@pytest.mark.parametrize(("n", "rank"), [(8, 2), (300, 1)])
def test_tied_weights_stay_one(tmp_path, n, rank):
    model = regularize(Tied(n), 9)
    save_model(model, tmp_path / "tied.frz")
    x = torch.rand(2000, n)
    for made in (factorize(model, x), factorize(Tied(n), x, tmp_path / "tied.frz")):
        assert made.one.weight is made.two.weight
        assert made.one.weight.dim() == rank
        assert_same(made(x), unregularize(copy.deepcopy(model))(x), network_slack(model, x))


def test_a_lone_layer():
    layer = regularize(nn.Conv2d(64, 64, 3), 20)
    x = torch.rand(1, 64, 50, 50)
    made = factorize(layer, x)
    assert isinstance(made, Factored)
    assert_same(made(x), unregularize(layer)(x), network_slack(layer, x))


class Choosing(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer, self.other = nn.Linear(64, 64), nn.Linear(64, 64)

    def forward(self, x):
        return self.layer(x) if float(x.sum()) > 0 else self.other(x)


def test_a_model_that_reads_elements_is_run_with_real_elements():
    x = torch.rand(5000, 64)
    found = {layer.name: layer for layer in summary(factorize(regularize(Choosing(), 9), x)).layers}
    assert found["layer"].modes
    assert "does not run it" in found["other"].why


def test_impossible_requests_are_reported(saved, tmp_path):
    _, path = saved
    x = image()
    with pytest.raises(ValueError, match="has neither coefficients nor factors"):
        factorize(UNet(), x)
    with pytest.raises(ValueError, match="does not run on the example"):
        factorize(UNet(width=16).to("meta"), torch.rand(1, 4, 64, 64), path)
    with pytest.raises(MismatchError, match=r"shape \[16, 3, 3, 3\] in the file, \[8, 3, 3, 3\] in the model"):
        factorize(UNet(width=8), x, path)
    save_model(regularize(nn.ModuleDict({"fc1": nn.Linear(800, 500)}), 9), tmp_path / "part.frz")
    with pytest.raises(MismatchError, match=r"missing from the file: fc2\.weight"):
        factorize(Part(), torch.rand(1, 800), tmp_path / "part.frz")
    with pytest.raises(ValueError, match="is a result of neither factorize"):
        summary(UNet())
    with pytest.raises(frformat.FrzError):
        factorize(UNet(width=16), x, path, tier=3)


class Part(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(800, 500), nn.Linear(500, 10, bias=False)

    def forward(self, x):
        return self.fc2(self.fc1(x))


def test_a_summary_is_a_table_everywhere():
    made = summary(factorize(regularize(nn.Sequential(nn.Linear(64, 64)), 20), torch.randn(900, 64)))
    assert repr(made) == str(made)
    assert "why" in str(made).splitlines()[0]
    html = made._repr_html_()
    assert html.count("<tr>") == 3
    assert "<th>layer</th>" in html
    assert "&lt;" in type(made)(made.layers, fusion="a < b")._repr_html_()


class Chain(nn.Module):
    """A layer to be regularized, and others that may be tied, with a buffer of any type."""

    def __init__(self, *, tied: bool = False, steps: torch.Tensor | None = None) -> None:
        super().__init__()
        self.first, self.second, self.third = (nn.Linear(64, 64, bias=False) for _ in range(3))
        if tied:
            self.third.weight = self.second.weight
        if steps is not None:
            self.register_buffer("steps", steps)

    def forward(self, x):
        return self.third(self.second(self.first(x)))


@pytest.mark.parametrize(
    ("change", "target", "reason"),
    [
        (lambda model: model.third.weight.data.mul_(1e7), lambda: Chain().half(), "exceed the range of torch.float16"),
        (lambda model: model, lambda: Chain(tied=True), "one tensor in the model, but two that differ in the file"),
        (
            lambda model: model.register_buffer("steps", torch.tensor([1.5])),
            lambda: Chain(steps=torch.tensor([1])),
            "torch.float32 in the file, torch.int64 in the model",
        ),
        (
            lambda model: model.register_buffer("steps", torch.tensor([2**40])),
            lambda: Chain(steps=torch.tensor([1], dtype=torch.int32)),
            "torch.int64 in the file, torch.int32 in the model",
        ),
        (lambda model: model, lambda: nn.Sequential(nn.LazyLinear(64)), "not initialized|not in the model"),
    ],
    ids=["overflow", "tied", "fractions", "integers", "lazy"],
)
def test_a_file_that_load_model_refuses_is_refused(change, target, reason, tmp_path):
    model = Chain()
    regularize(model.first, 30)
    change(model)
    save_model(model, tmp_path / "chain.frz")
    for load in (
        lambda: load_model(target(), tmp_path / "chain.frz"),
        lambda: factorize(target(), torch.rand(2, 64), tmp_path / "chain.frz"),
    ):
        with pytest.raises(MismatchError, match=reason):
            load()


def test_tied_spectra_that_differ_are_refused(tmp_path):
    save_model(regularize(Chain(), 30), tmp_path / "chain.frz")
    with pytest.raises(MismatchError, match="two that differ in the file"):
        factorize(Chain(tied=True), torch.rand(2, 64), tmp_path / "chain.frz")


def test_values_that_vanish_are_reported(tmp_path):
    model = Chain()
    regularize(model.first, 30)
    model.third.weight.data.fill_(1e-10)
    save_model(model, tmp_path / "chain.frz")
    with pytest.warns(UserWarning, match=r"third\.weight: values up to 1e-10 become zeros in torch\.float16"):
        factorize(Chain().half(), torch.rand(2, 64).half(), tmp_path / "chain.frz")


def test_files_may_lack_counters_of_batches_and_empty_extra_states(tmp_path):
    model = nn.Sequential(nn.Linear(64, 64), nn.BatchNorm1d(64)).eval()
    regularize(model[0], 30)
    state = {name: value for name, value in model.state_dict().items() if not name.endswith("num_batches_tracked")}
    save_file(state, tmp_path / "old.frz")
    x = torch.rand(3, 64)
    for device in ("cpu", "meta"):
        with torch.device(device):
            plain = nn.Sequential(nn.Linear(64, 64), nn.BatchNorm1d(64))
            plain[1].get_extra_state = lambda: None
        assert_close(factorize(plain, x, tmp_path / "old.frz")(x), model(x))


def test_modules_with_versions_take_a_file(tmp_path):
    x, model = torch.rand(2, 64), nn.Sequential(nn.Linear(64, 64), Versioned(64, 3)).eval()
    regularize(model[0], 30)
    save_model(model, tmp_path / "model.frz")
    plain = nn.Sequential(nn.Linear(64, 64), Versioned(64, 3))
    assert_close(factorize(plain, x, tmp_path / "model.frz")(x), model(x))
