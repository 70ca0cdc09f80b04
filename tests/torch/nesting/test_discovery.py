from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torch.nn.utils.prune import random_unstructured

from frformat.torch import factorize, nest, regularize
from frformat.torch.costs import costs
from frformat.torch.nesting import descendant, filter_groups, make_nested, profile
from frformat.train.models import LeNet5, ResNet20
from tests.torch.nesting.networks import GROUPS, Digits, images

pytest.importorskip("torch_pruning")


@pytest.fixture(autouse=True)
def _reproducible():
    torch.manual_seed(0)


def test_all_members_are_found():
    found = filter_groups(Digits(), images(1))
    assert list(found) == ["conv1", "conv2", "fc1"]
    for name, group in found.items():
        assert set(group.members) == set(GROUPS[name].members)
        assert group.count == GROUPS[name].count


def test_lenet5():
    found = filter_groups(LeNet5(), torch.randn(1, 1, 28, 28))
    assert {name: group.count for name, group in found.items()} == {"conv1": 20, "conv2": 50, "fc1": 500}


def test_the_residual_stream_of_a_resnet_keeps_its_width():
    model, x = ResNet20(), torch.randn(1, 3, 32, 32)
    found = filter_groups(model, x)
    assert list(found) == [f"layer{stage}.{block}.conv1" for stage in (1, 2, 3) for block in (0, 1, 2)]
    make_nested(model, found, [{name: group.count // 5 for name, group in found.items()}])
    assert descendant(model, 0).eval()(x).shape == (1, 10)


def test_the_network_is_unchanged():
    model = Digits().train()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    filter_groups(model, images(1))
    assert model.training
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())


def test_networks_with_several_outputs():
    class Pair(nn.Module):
        def forward(self, x):
            return x, x

    with pytest.raises(ValueError, match="Pair returns an object of type tuple"):
        filter_groups(Pair(), images(1))


class Branches(nn.Module):
    """Has filters that cannot be removed: concatenated, in groups, or used by position in the code itself."""

    def __init__(self):
        super().__init__()
        self.one, self.two = nn.Conv2d(1, 4, 3), nn.Conv2d(1, 4, 3)
        self.joined = nn.Conv2d(8, 6, 1)
        self.depthwise = nn.Conv2d(6, 6, 3, groups=6)
        self.free = nn.Conv2d(6, 4, 1)
        self.last = nn.Conv2d(4, 4, 1)
        self.fixed = nn.Linear(4, 2)

    def forward(self, x):
        x = self.joined(torch.cat([self.one(x), self.two(x)], 1))
        x = self.last(F.relu(self.free(self.depthwise(x))))
        return self.fixed(x.mean((2, 3)).view(-1, 4) * torch.arange(1.0, 5.0))


def test_filters_that_cannot_be_removed_are_left_out():
    assert list(filter_groups(Branches(), torch.randn(1, 1, 8, 8))) == ["free"]


@pytest.mark.parametrize(
    "mixed",
    [
        nn.LocalResponseNorm(5, alpha=1.0),
        lambda x: F.group_norm(x, 2),
        lambda x: F.avg_pool3d(x[:, None], (3, 1, 1), 1, (1, 0, 0))[:, 0],
    ],
    ids=["local response", "groups", "pooling"],
)
def test_filters_whose_neighbors_matter_are_left_out(mixed):
    """Reversed filters have the same neighbors, filters in any other order have not."""

    class Mixed(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.second, self.third = nn.Conv2d(3, 8, 3), nn.Conv2d(8, 8, 3), nn.Conv2d(8, 4, 3)

        def forward(self, x):
            return self.third(F.relu(self.second(F.relu(mixed(self.first(x))))))

    assert list(filter_groups(Mixed(), torch.randn(2, 3, 9, 9))) == ["second"]


class Pair(nn.Module):
    """Two inputs, the second of which may be missing."""

    def __init__(self):
        super().__init__()
        self.one, self.two, self.last = nn.Linear(8, 12), nn.Linear(8, 12), nn.Linear(12, 4)

    def forward(self, x, y=None):
        return self.last(F.relu(self.one(x) if y is None else self.one(x) * self.two(y)))


@pytest.mark.parametrize(
    ("example", "found"),
    [
        ((torch.ones(2, 8),), ["one"]),
        (torch.ones(2, 8), ["one"]),  # one input of two samples, not two inputs
        ([torch.ones(2, 8), torch.ones(2, 8)], []),
        ({"y": torch.ones(2, 8), "x": torch.ones(2, 8)}, []),
    ],
)
def test_examples_of_several_inputs(example, found):
    model = Pair()
    assert list(filter_groups(model, example)) == found
    if found:
        make_nested(model, filter_groups(model, example), [{"one": 6}])
        assert [each.multiply_adds // (2 if torch.is_tensor(example) else 1) for each in profile(model, example)]


@pytest.mark.parametrize("example", [None, 3, "x", torch.ones(2, 8).numpy(), object()])
def test_other_examples_are_refused(example):
    model = Pair()
    for function in (
        lambda: filter_groups(model, example),
        lambda: nest(model, example, lambda _: None, lambda _: 1.0, minimum=0),
        lambda: profile(model, example),
        lambda: costs(model, example),
        lambda: factorize(regularize(Pair(), 5), example),
    ):
        with pytest.raises(ValueError, match=f"the example is of type {type(example).__name__}: pass a tensor, a seq"):
            function()


@pytest.mark.parametrize(
    "computed",
    [nn.utils.parametrizations.weight_norm, lambda layer: random_unstructured(layer, "weight", 0.5)],
)
def test_filters_of_computed_weights_are_left_out(computed):
    model = nn.Sequential(
        nn.Linear(8, 12),
        nn.ReLU(),
        computed(nn.Linear(12, 10)),
        nn.ReLU(),
        nn.Linear(10, 6),
        nn.ReLU(),
        nn.Linear(6, 2),
    )
    assert list(filter_groups(model, torch.ones(2, 8))) == ["4"]


def test_filters_whose_number_a_model_checks_are_left_out():
    class Checking(nn.Sequential):
        def forward(self, x):
            x = self[0](x)
            assert x.shape[1] == 12
            return self[4](F.relu(self[2](F.relu(x))))

    model = Checking(nn.Linear(8, 12), nn.ReLU(), nn.Linear(12, 10), nn.ReLU(), nn.Linear(10, 6))
    assert list(filter_groups(model, torch.ones(2, 8))) == ["2"]
