"""A factored model calls the hooks and forward methods of individual modules as the original model does."""

from __future__ import annotations

import copy
from collections import Counter
from types import MethodType

import pytest
import torch
from torch import nn

from frformat.torch import factorize, regularize, summary, unregularize
from frformat.torch.factorization import Factored
from frformat.torch.factorization.hooks import is_watched

PARTS = ("", "0", "1", "2", "3", "4", "4.0", "4.1")


def network() -> nn.Module:
    """Return factored layers, with layers between them that fusion removes."""
    parts = [nn.Conv2d(16, 32, 3, padding=1), nn.BatchNorm2d(32), nn.ReLU(), nn.Conv2d(32, 32, 3, padding=1)]
    model = nn.Sequential(*parts, nn.Sequential(nn.ReLU(), nn.Conv2d(32, 16, 3, padding=1))).eval()
    return regularize(model, 40)


def images() -> torch.Tensor:
    return torch.rand(2, 16, 32, 32)


class Collector:
    """Counts the values that it sees, and changes them if requested."""

    def __init__(self, scale: float | None = None) -> None:
        self.seen: Counter[str] = Counter()
        self.scale = scale

    def before(self, module, inputs):
        self.seen["before"] += 1
        return inputs if self.scale is None else (inputs[0] * self.scale,)

    def after(self, module, inputs, output):
        self.seen["after"] += 1
        return output if self.scale is None else output * self.scale

    def backward(self, module, before, after):
        self.seen["backward"] += 1


def test_without_hooks_everything_is_factored_and_fused():
    made = factorize(network(), images())
    assert sum(isinstance(module, Factored) for module in made.modules()) == 3
    assert not summary(made).fusion


@pytest.mark.parametrize("path", PARTS)
@pytest.mark.parametrize("fuse", [True, False])
def test_hooks_are_called_and_their_changes_take_effect(path: str, fuse: bool):
    model, x, collector = network(), images(), Collector(1.5)
    part = model.get_submodule(path)
    part.register_forward_hook(collector.after)
    part.register_forward_pre_hook(collector.before)
    made = factorize(model, x, fuse=fuse)
    assert not collector.seen
    with torch.no_grad():
        out = made(x)
        assert collector.seen == {"before": 1, "after": 1}
        torch.testing.assert_close(out, unregularize(copy.deepcopy(model))(x), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("path", PARTS)
def test_hooks_on_gradients_are_called(path: str):
    model, collector = network(), Collector()
    model.get_submodule(path).register_full_backward_hook(collector.backward)
    x = images().requires_grad_()
    factorize(model, x.detach())(x).sum().backward()
    assert collector.seen == {"backward": 1}


@pytest.mark.parametrize("path", PARTS)
@pytest.mark.parametrize("fuse", [True, False])
def test_forward_methods_of_single_modules_are_kept(path: str, fuse: bool):
    model, x = network(), images()
    part = model.get_submodule(path)
    own = type(part).forward

    def forward(self, *inputs):
        return own(self, *inputs) * 1.5

    part.forward = MethodType(forward, part)
    made = factorize(model, x, fuse=fuse)
    with torch.no_grad():
        torch.testing.assert_close(made(x), unregularize(copy.deepcopy(model))(x), rtol=1e-4, atol=1e-5)


def test_only_layers_with_hooks_are_unchanged():
    model, x = network(), images()
    model[0].register_forward_hook(lambda *_: None)
    made = factorize(model, x)
    found = {layer.name: layer for layer in summary(made).layers}
    assert (found["0"].modes, found["0"].why) == (None, "it has hooks, or its own forward method")
    assert found["3"].modes
    assert found["4.1"].modes
    model = network()
    model[4].register_forward_hook(lambda *_: None)
    assert summary(factorize(model, x)).fusion == "4 has hooks, or its own forward method"


class Keeping(nn.Module):
    """Keeps the output of one of its layers through a hook that is one of its own methods."""

    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(64, 64)
        self.fc.register_forward_hook(self.keep)
        self.kept: list[torch.Tensor] = []

    def keep(self, module, inputs, output):
        self.kept.append(output)

    def forward(self, x):
        return self.fc(x)


def test_hooks_that_are_methods_of_the_model_become_those_of_the_copy():
    model, x = regularize(Keeping(), 20), torch.randn(9, 64)
    made = factorize(model, x)
    out = made(x)
    assert model.kept == []
    [kept] = made.kept
    assert torch.equal(kept, out)


class Asking(nn.Module):
    """Runs only on input that a hook has modified."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = nn.Linear(64, 64)
        self.register_forward_pre_hook(lambda module, inputs: (inputs[0][..., :64],))

    def forward(self, x):
        return self.inner(x)


def test_models_that_only_run_with_their_hooks():
    model, x = regularize(Asking(), 20), torch.randn(900, 80)
    made = factorize(model, x)
    assert summary(made).layers[0].modes
    torch.testing.assert_close(made(x), unregularize(model)(x), rtol=1e-4, atol=1e-5)


def test_regularization_alone_does_not_count_as_a_hook():
    assert not any(is_watched(module) for module in network().modules())
