from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from frformat.torch.costs import costs
from frformat.torch.regularization import regularize, spectral_tensors
from frformat.torch.regularization.views import find_views
from tests.torch.regularization.models import Net, net_input


class Decoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(7, 3 * 4 * 5)
        self.conv = nn.ConvTranspose2d(3, 1, 2)

    def forward(self, z):
        return self.conv(F.relu(self.fc(z)).view(-1, 3, 4, 5))


class Patches(nn.Module):
    """Flattens the token axes, whereas its linear layer acts on the channels."""

    def __init__(self):
        super().__init__()
        self.embed = nn.Conv2d(1, 16, 2, 2)
        self.fc = nn.Linear(16, 3)

    def forward(self, x, scale=1.0):
        return self.fc(self.embed(x).flatten(2).transpose(1, 2)) * scale


def test_a_linear_layer_after_a_flatten():
    assert find_views(Net(), net_input()) == {"fc1.weight": (12, 6, 3, 3)}
    model = nn.Sequential(nn.Conv2d(1, 6, 3), nn.ReLU(inplace=True), nn.Flatten(), nn.Dropout(), nn.Linear(6 * 36, 2))
    assert find_views(model, net_input()) == {"4.weight": (2, 6, 6, 6)}


def test_a_linear_layer_before_an_unflatten():
    assert find_views(Decoder(), torch.randn(2, 7)) == {"fc.weight": (3, 4, 5, 7)}
    model = nn.Sequential(nn.Flatten(), nn.Linear(12, 20), nn.Tanh(), nn.Unflatten(1, (4, 5)))
    assert find_views(model, torch.randn(2, 3, 4)) == {"1.weight": (4, 5, 3, 4)}


def test_axes_of_length_one_and_other_reshapes_are_ignored():
    pooled = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(6, 2))
    assert find_views(pooled, torch.randn(2, 6, 5, 5)) == {}
    assert find_views(Patches(), torch.randn(2, 1, 8, 8)) == {}


@pytest.mark.parametrize("example", [(torch.randn(2, 1, 8, 8), 2.0), {"x": torch.randn(2, 1, 8, 8), "scale": 1.0}])
def test_examples_of_several_inputs(example):
    assert find_views(Patches(), example) == {}


def test_the_model_is_unchanged():
    model = nn.Sequential(nn.BatchNorm1d(5, momentum=None), nn.Dropout(), nn.Linear(5, 2).eval())
    before = {name: value.clone() for name, value in model.state_dict().items()}
    random = torch.get_rng_state()
    find_views(model, torch.randn(4, 5, generator=torch.Generator().manual_seed(1)))
    assert [module.training for module in model] == [True, True, False]
    assert torch.equal(random, torch.get_rng_state())
    torch.testing.assert_close(model.state_dict(), before, rtol=0, atol=0)
    with pytest.raises(ValueError, match="does not run on the example"):
        find_views(model, torch.randn(4, 6))
    assert [module.training for module in model] == [True, True, False]


def test_rules_take_precedence_over_discovery():
    model = regularize(Net(), 20, rules=["fc1.weight: view=12,54"], example=net_input())
    assert spectral_tensors(model)["fc1.weight"].spectral.view is None
    model = regularize(Net(), 20, example=net_input())
    assert spectral_tensors(model)["fc1.weight"].spectral.view == (12, 6, 3, 3)


class Failing(nn.Linear):
    def forward(self, x):
        return super().forward(x) + self.missing


@pytest.mark.parametrize(
    ("model", "reason"),
    [
        (nn.Linear(4, 2), "mat1 and mat2 shapes cannot be multiplied"),
        (Failing(3, 2), r"test_views\.py, line \d+: AttributeError: 'Failing' object has no attribute 'missing'"),
    ],
)
def test_a_model_that_fails_on_the_example_is_named(model, reason):
    for call in (find_views, costs):
        with pytest.raises(ValueError, match=rf"(Linear|Failing) does not run on the example: .*{reason}"):
            call(model, torch.ones(1, 3))
