"""Fused networks compute the same results as unfused and rebuilt ones."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F
from torch.testing import assert_close

from frformat.torch import regularize, unregularize
from frformat.torch.factorization import factorize, portable, summary
from frformat.train.models import UNet
from tests.sums import assert_same, network_slack

pytestmark = pytest.mark.usefixtures("always_factors")


def check(model: nn.Module, x: torch.Tensor, keep: int = 30, tolerance: float = 1e-9) -> nn.Module:
    """Return the fused network, after comparing its outputs with the rebuilt network's, relative to the largest one."""
    model = regularize(model.double().eval(), keep, factored=False)
    plain = unregularize(copy.deepcopy(model))
    fused = factorize(model, x)
    with torch.no_grad():
        expected, out = plain(x), fused(x)
    assert out.shape == expected.shape
    assert (out - expected).abs().max() <= tolerance * expected.abs().max().clamp(min=1e-3)
    return fused


STAGES = {
    "conv": lambda n: nn.Conv2d(n, 8, 3, padding=1),
    "wide": lambda n: nn.Conv2d(n, 12, 3, padding=1, padding_mode="circular", bias=False),
    "strided": lambda n: nn.Conv2d(n, 8, 3, stride=2, padding=1),
    "groups": lambda n: nn.Conv2d(n, 8, 3, padding=1, groups=2),
    "pointwise": lambda n: nn.Conv2d(n, 6, 1),
    "up": lambda n: nn.ConvTranspose2d(n, 8, 2, stride=2),
    "batch norm": nn.BatchNorm2d,
    "own statistics": lambda n: nn.BatchNorm2d(n, track_running_stats=False, affine=False),
    "group norm": lambda n: nn.GroupNorm(2, n),
    "relu": lambda n: nn.ReLU(inplace=True),
    "relu6": lambda n: nn.ReLU6(),
    "leaky": lambda n: nn.LeakyReLU(0.2),
    "elu": lambda n: nn.ELU(0.7),
    "gelu": lambda n: nn.GELU(),
    "silu": lambda n: nn.SiLU(),
    "max": lambda n: nn.MaxPool2d(2),
    "odd max": lambda n: nn.MaxPool2d((3, 2)),
    "overlapping max": lambda n: nn.MaxPool2d(3, 2, padding=1),
    "average": lambda n: nn.AvgPool2d(3, 2, padding=1),
    "resize": lambda n: nn.Upsample(scale_factor=2, mode="bilinear"),
    "pad": lambda n: nn.ZeroPad2d((1, 0, 2, 1)),
    "dropout": lambda n: nn.Dropout(0.5),
}


class Chain(nn.Module):
    """Runs stages one after the other; some values are kept, and concatenated with or added to later ones."""

    def __init__(self, stages: list[str], joins: dict[int, tuple[int, str]]) -> None:
        super().__init__()
        self.joins = joins
        self.layers = nn.ModuleList()
        channels, counts = 4, []
        for i, stage in enumerate(stages):
            layer = STAGES[stage](channels)
            self.layers.append(layer)
            channels = getattr(layer, "out_channels", channels)
            if i in joins:
                channels = channels + counts[joins[i][0]] if joins[i][1] == "cat" else channels
            counts.append(channels)

    def forward(self, x):
        seen = []
        for i, layer in enumerate(self.layers):
            x = layer(x)
            if i in self.joins:
                source, how = self.joins[i]
                other = F.interpolate(seen[source], size=(x.shape[2], x.size(3)))
                x = torch.cat([other, x], 1) if how == "cat" else x + other[:, :1]
            seen.append(x)
        return x


@st.composite
def chains(draw):
    heavy = [name for name in STAGES if name in ("conv", "wide", "strided", "groups", "pointwise", "up")]
    stages = []
    for _ in range(draw(st.integers(1, 4))):
        stages.append(draw(st.sampled_from(heavy)))
        stages += draw(st.lists(st.sampled_from([name for name in STAGES if name not in heavy]), max_size=3))
    stages.append("conv")
    joins = {}
    for i in range(1, len(stages)):
        if draw(st.integers(0, 4)) == 0:
            joins[i] = (draw(st.integers(0, i - 1)), draw(st.sampled_from(["cat", "add"])))
    return Chain(stages, joins)


@given(chains(), st.integers(1, 80))
@settings(max_examples=40)
def test_chains(model, keep):
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d) and module.running_mean is not None:
            nn.init.normal_(module.running_mean)
            nn.init.uniform_(module.running_var, 0.5, 2)
            nn.init.normal_(module.weight)
            nn.init.normal_(module.bias)
    x = torch.randn(2, 4, 22, 19, dtype=torch.float64)
    try:
        model.double().eval()(x)
    except (RuntimeError, ValueError) as error:  # the image has become too small
        if "size" not in str(error) and "spatial" not in str(error) and "Kernel" not in str(error):
            raise
        return
    check(model, x, keep)


def test_unet():
    fused = check(UNet(width=8), torch.rand(1, 3, 37, 45, dtype=torch.float64), 33)
    assert summary(fused).streams == 18  # after each rectifier
    code = fused.code
    assert "max_pool" not in code
    assert "torch.cat" not in code


def test_names_and_copies():
    model = regularize(UNet(width=8).eval(), 33, factored=False)
    x = torch.rand(1, 3, 32, 32)
    fused = factorize(model, x)
    names = set(unregularize(copy.deepcopy(model)).state_dict())
    assert set(fused.state_dict()) == names
    copied = copy.deepcopy(fused)
    assert set(copied.state_dict()) == names
    assert str(summary(copied)) == str(summary(fused))
    assert {p.data_ptr() for p in copied.parameters()}.isdisjoint({p.data_ptr() for p in fused.parameters()})
    with torch.no_grad():
        assert_same(copied(x), fused(x), network_slack(model, x))
        doubled = copy.deepcopy(fused).double()(x.double())
        torch.testing.assert_close(doubled, fused(x).double(), rtol=1e-2, atol=1e-2)


class Perceptron(nn.Module):
    def __init__(self, norm: bool = True) -> None:
        super().__init__()
        self.first, self.second, self.third = nn.Linear(20, 40), nn.Linear(40, 30), nn.Linear(30, 5)
        self.norm = nn.BatchNorm1d(40) if norm else nn.Identity()

    def forward(self, x):
        return self.third(torch.tanh(self.second(F.gelu(self.norm(self.first(x))))))


def test_linear_layers():
    x = torch.randn(7, 20, dtype=torch.float64)
    assert summary(check(Perceptron(), x)).streams == 2
    assert summary(check(Perceptron(norm=False), x.reshape(7, 1, 20))).streams == 2


def test_convolutions_along_one_and_three_axes():
    for axes in (1, 3):
        conv, norm = getattr(nn, f"Conv{axes}d"), getattr(nn, f"BatchNorm{axes}d")
        layers = [conv(3, 16, 3), norm(16), nn.ReLU(), getattr(nn, f"MaxPool{axes}d")(2), conv(16, 8, 3)]
        x = torch.randn(2, 3, *(9,) * axes, dtype=torch.float64)
        assert summary(check(nn.Sequential(*layers), x)).streams == 1


class Branching(Perceptron):
    def forward(self, x):
        return super().forward(x) if x.sum() > 0 else x


class Writing(Perceptron):
    def forward(self, x):
        x = self.first(x)
        y = x + 1
        x.add_(y)
        return self.second(x)


@pytest.mark.parametrize(("model", "why"), [(Branching(), "traced"), (Writing(), "writes")])
def test_models_that_cannot_be_fused_are_only_factored(model, why):
    fused = check(model, torch.rand(3, 20, dtype=torch.float64))
    assert summary(fused).streams == 0
    assert why in summary(fused).fusion


class Reused(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.one = nn.Conv2d(8, 8, 3, padding=1)
        self.two = nn.Conv2d(8, 8, 3, padding=1)

    def forward(self, x):
        y = self.one(x)
        a = torch.relu(y)
        b = F.max_pool2d(a, 2)
        c = F.max_pool2d(a, 4)
        d = self.two(b)
        return self.two(a).mean() + d.mean() + self.two(c).mean() + y.sum() + b.sum() + a.shape[1] + a.dim()


def test_values_with_many_users():
    check(Reused(), torch.randn(1, 8, 13, 12, dtype=torch.float64))


def test_gradients_through_a_fused_network():
    model = regularize(UNet(width=8).double().eval(), 33, factored=False)
    fused = factorize(model, torch.rand(1, 3, 32, 32, dtype=torch.float64))
    x = torch.rand(1, 3, 32, 32, dtype=torch.float64, requires_grad=True)
    y = x.detach().clone().requires_grad_()
    fused(x).square().sum().backward()
    model(y).square().sum().backward()
    torch.testing.assert_close(x.grad, y.grad, rtol=1e-6, atol=1e-8)


class Branching(nn.Module):
    """Two convolutions with ``between`` in the middle, which gets the values and the optional second input."""

    def __init__(self, between: Callable[..., torch.Tensor]) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(6, 8, 3, padding=1), nn.Conv2d(8, 6, 3, padding=1)
        self.between = between

    def forward(self, x: torch.Tensor, mask: torch.Tensor | None = None) -> torch.Tensor:
        out: torch.Tensor = self.second(self.between(self.first(x), mask))
        return out


def kept_double(h: torch.Tensor, mask: torch.Tensor | None) -> torch.Tensor:
    same = h
    h *= 2
    return h.relu() + same


@pytest.mark.parametrize(
    "between",
    [
        lambda h, mask: h.relu() if mask is None else h,
        lambda h, mask: h.relu() if isinstance(h, torch.Tensor) else h,
        lambda h, mask: h if torch.is_grad_enabled() else h.relu(),
        lambda h, mask: h if mask is None else h * mask,
        kept_double,
    ],
    ids=["is None", "isinstance", "no_grad", "is not None", "in place"],
)
def test_a_model_whose_trace_computes_something_else_is_not_fused(between, capfd: pytest.CaptureFixture[str]):
    fused = check(Branching(between), torch.randn(2, 6, 9, 8, dtype=torch.float64))
    assert "trace" in summary(fused).fusion
    assert capfd.readouterr().err == ""


def test_an_optional_input_of_the_example_is_required():
    model = regularize(Branching(lambda h, mask: h.relu() if mask is None else h * mask).double().eval(), 30)
    x, mask = torch.randn(2, 6, 9, 8, dtype=torch.float64), torch.rand(9, 8, dtype=torch.float64)
    for example in ((x, mask), {"x": x, "mask": mask}):
        fused = factorize(model, example)
        assert summary(fused).fusion == ""
        with torch.no_grad():
            assert_close(fused(x, mask), model(x, mask))
            with pytest.raises(TypeError, match="missing 1 required positional argument: 'mask'"):
                fused(x)


def add_in_place(h: torch.Tensor, mask: torch.Tensor | None) -> torch.Tensor:
    h = h.relu()
    h += h.flip(2)
    h -= torch.arange(h.shape[1], dtype=h.dtype).view(1, -1, 1, 1) * 2
    return h


@pytest.mark.parametrize(
    "between", [add_in_place, lambda h, mask: h.relu().to(torch.float32).to(h.dtype), lambda h, mask: F.relu(h)]
)
def test_a_model_whose_trace_is_right_is_fused(between):
    fused = check(Branching(between), torch.randn(2, 6, 9, 8, dtype=torch.float64), tolerance=1e-5)
    why = summary(fused).fusion
    if "arange() received" in why and torch.__version__ < "2.15":
        pytest.skip("this version of PyTorch cannot trace torch.arange of a length")
    assert why == ""


def test_a_fused_model_can_be_pickled():
    x = torch.randn(2, 6, 9, 8, dtype=torch.float64)
    parts = [nn.Conv2d(6, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(8, 6, 3)]
    fused = check(nn.Sequential(*parts), x)
    assert summary(fused).fusion == ""
    restored = pickle.loads(pickle.dumps(fused))
    assert summary(restored) == summary(fused)
    assert restored.state_dict().keys() == fused.state_dict().keys()
    for model in (fused, restored):
        model.get_parameter("0.weight").data *= 2
    with torch.no_grad():
        assert_close(restored(x), fused(x))
        assert_close(portable(restored)(x), fused(x))
        assert_close(restored.float()(x.float()), fused(x).float(), rtol=1e-3, atol=1e-3)


class Between(nn.Module):
    """Two layers with spectra and a function between them, which gets the module and the first layer's output."""

    def __init__(self, first: nn.Module, between: Callable[..., torch.Tensor], last: nn.Module) -> None:
        super().__init__()
        self.first, self.between, self.last = first, between, last
        self.same, self.drop, self.act = nn.Identity(), nn.Dropout(), nn.ReLU(inplace=True)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.between(self, self.first(x))


def conv(channels: int = 6, out: int = 6) -> nn.Conv2d:
    return nn.Conv2d(channels, out, 3, padding=1)


def write_to(view: Callable[[nn.Module, torch.Tensor], torch.Tensor]) -> Callable[..., torch.Tensor]:
    def between(model: nn.Module, y: torch.Tensor) -> torch.Tensor:
        return model.last(F.relu_(view(model, y)).view_as(y)) + y

    return between


def residual(model: nn.Module, y: torch.Tensor) -> torch.Tensor:
    return model.last(model.act(model.same(y))) + y


@pytest.mark.parametrize(
    "between",
    [
        residual,
        write_to(lambda model, y: model.drop(y)),
        write_to(lambda model, y: F.dropout(y, training=False)),
        write_to(lambda model, y: y.flatten(1)),
        write_to(lambda model, y: model.same(y.flatten(2))),
    ],
)
def test_writing_to_a_view_of_a_value_that_is_used_again_is_not_fused(between):
    fused = check(Between(conv(), between, conv()), torch.randn(2, 6, 5, 4, dtype=torch.float64))
    assert "writes to a tensor that may be used again" in summary(fused).fusion


@pytest.mark.parametrize("view", [lambda model, y: model.same(y), lambda model, y: model.drop(y * 2)])
def test_writing_to_a_value_that_nothing_else_uses_is_fused(view):
    model = Between(conv(), lambda model, y: model.last(model.act(view(model, y))), conv())
    assert summary(check(model, torch.randn(2, 6, 5, 4, dtype=torch.float64))).fusion == ""


@pytest.mark.parametrize(
    "between",
    [
        lambda model, y: model.last(y).reshape(y.size(dim=0), -1) * y.size(dim=-1),
        lambda model, y: model.last(y) * torch.zeros(y.size(dim=2)).numel(),
        lambda model, y: model.last(torch.cat([y[:, :3], F.relu(y[:, 3:])], axis=1)),
        lambda model, y: model.last(F.max_pool2d(F.relu(y), (y.shape[2], 1))),
        lambda model, y: model.last(F.max_pool2d(F.relu(y), y.shape[2:])),
    ],
)
def test_arguments_by_name_and_computed_ones(between):
    check(Between(conv(), between, conv()), torch.randn(2, 6, 5, 4, dtype=torch.float64))


@pytest.mark.parametrize(
    ("between", "channels"),
    [
        (nn.MaxPool2d(2), 4),
        (nn.MaxPool2d((1, 2)), 8),
        (nn.AvgPool2d(2), 4),
        (nn.AdaptiveAvgPool2d((4, 3)), 4),
        (nn.ZeroPad2d((1, 0, 1, 1)), 10),
        (nn.ZeroPad2d((1, 0, 0, 0)), 8),
    ],
)
@pytest.mark.parametrize("activation", [nn.Identity(), nn.ReLU()])
def test_operations_for_two_axes_on_values_with_one(between, channels, activation):
    x = torch.randn(2, 6, 10, dtype=torch.float64)
    check(nn.Sequential(nn.Conv1d(6, 8, 3), activation, between, nn.Conv1d(channels, 6, 3)), x)


def test_a_pointwise_convolution_of_the_rows_of_a_linear_layer():
    layers = [nn.Linear(8, 10), nn.ReLU(), nn.Conv1d(6, 3, 1)]
    check(nn.Sequential(*layers, nn.Linear(10, 8)), torch.randn(6, 8, dtype=torch.float64))
