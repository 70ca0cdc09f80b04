from __future__ import annotations

import pytest
import torch
from torch import nn

from frformat.torch import parameter_groups, regularize
from frformat.torch.nesting import FilterGroup, Member, make_nested
from tests.torch.regularization.models import Net, Tied, net_input


def test_coefficients_decay_like_their_weights():
    model = regularize(Net(), 9, rules=["norm.*: raw", "*.bias: keep=3", "fc2.weight: raw"])
    groups = {group["name"]: group for group in parameter_groups(model, weight_decay=0.1, lr=0.5, plain_lr=0.01)}
    held = {name: dict(model.named_parameters())[name] for name, _ in model.named_parameters()}
    found = {
        name: {key for key, parameter in held.items() if any(parameter is each for each in group["params"])}
        for name, group in groups.items()
    }
    assert found == {
        "coefficients": {"conv.parametrizations.weight.original", "fc1.parametrizations.weight.original"},
        "weights": {"fc2.weight"},
        "short coefficients": {f"{part}.parametrizations.bias.original" for part in ("conv", "fc1", "fc2")},
        "others": {"norm.weight", "norm.bias"},
    }
    assert {name: (group["weight_decay"], group["lr"]) for name, group in groups.items()} == {
        "coefficients": (0.1, 0.5),
        "weights": (0.1, 0.01),
        "short coefficients": (0.0, 0.5),
        "others": (0.0, 0.01),
    }


@pytest.mark.parametrize("kind", [torch.optim.SGD, torch.optim.AdamW])
def test_optimizers_accept_the_groups(kind):
    model = regularize(Net(), 9)
    optimizer = kind(parameter_groups(model, weight_decay=0.1), lr=0.1)
    assert all(group["lr"] == 0.1 for group in optimizer.param_groups)
    before = model.fc1.weight.detach().clone()
    model(net_input()).sum().backward()
    optimizer.step()
    assert not torch.equal(model.fc1.weight, before)


def test_biases_of_tiers_do_not_decay():
    model = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2))
    members = (Member("0.weight", 0), Member("0.bias", 0), Member("2.weight", 1))
    make_nested(model, {"0": FilterGroup("0", 4, members)}, [{"0": 2}])
    weights, others = parameter_groups(model, weight_decay=0.1)
    assert [each.shape for each in weights["params"]] == [(4, 3), (2, 4)]
    assert [each.shape for each in others["params"]] == [(2, 4), (2, 2)]
    assert (weights["weight_decay"], others["weight_decay"]) == (0.1, 0.0)


def test_each_trained_parameter_is_in_one_group():
    model = regularize(Tied(), 9)
    [group] = parameter_groups(model)
    assert len(group["params"]) == 1
    frozen = nn.Linear(3, 3)
    frozen.weight.requires_grad_(False)
    [group] = parameter_groups(frozen)
    assert group["params"] == [frozen.bias]
