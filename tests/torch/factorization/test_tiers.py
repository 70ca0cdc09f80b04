"""Factored models with tiers: one set of coefficients, and a model for each tier."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from frformat.torch import each_tier, get_tier, regularize, save_model, set_tier, tier_count
from frformat.torch.factorization import Factored, factorize, factorize_tiers
from frformat.torch.regularization import make_tiers, tier_sizes
from frformat.train.models import ResNet20, UNet
from tests.sums import assert_same, network_slack

CASES = {
    "unet": (lambda: UNet(channels=1, width=8), (1, 1, 48, 48)),
    "resnet20": (ResNet20, (2, 3, 16, 16)),
    "linear": (lambda: nn.Sequential(nn.Linear(64, 200), nn.ReLU(), nn.Linear(200, 64)), (3, 64)),
}
cases = pytest.mark.parametrize("case", CASES)


def tiered(case):
    make, shape = CASES[case]
    x = torch.randn(shape)
    model = regularize(make(), 60)
    make_tiers(model, [10, 0.5])
    for _ in each_tier(model):
        model(torch.randn(shape))
    return model.eval(), x


@cases
@pytest.mark.parametrize("fuse", [True, False])
@torch.no_grad()
def test_each_tier_computes_what_the_rebuilt_one_does(case, fuse, tmp_path):
    model, x = tiered(case)
    save_model(model, tmp_path / "model.frz")
    expected, slacks = zip(*((model(x), network_slack(model, x)) for _ in each_tier(model)), strict=True)
    with torch.device("meta"):
        skeleton = CASES[case][0]()
    for factored in (
        factorize_tiers(model, x, fuse=fuse),
        factorize_tiers(skeleton, x, tmp_path / "model.frz", fuse=fuse),
    ):
        assert (tier_count(factored), get_tier(factored)) == (3, 2)
        for tier in (0, 2, 1, 0):
            set_tier(factored, tier)
            assert_same(factored(x), expected[tier], slacks[tier])
        single = factorize(skeleton, x, tmp_path / "model.frz", fuse=fuse, tier=0)
        assert_same(single(x), factored(x), slacks[0])
    assert get_tier(model) == 2


def test_tiers_have_their_coefficients_in_the_same_memory():
    model, x = tiered("unet")
    factored = factorize_tiers(model, x)
    whole = dict(factored.models[-1].named_modules())
    shared = 0
    for tier, sizes in zip(factored.models, tier_sizes(model), strict=True):
        for name, layer in tier.named_modules():
            other = whole.get(name)
            if isinstance(layer, Factored) and isinstance(other, Factored):
                assert len(layer.weight) == sizes[f"{name}.weight"]
                assert layer.weight.data_ptr() == other.weight.data_ptr()
                shared += 1
    assert shared > len(factored.models)  # the largest tier counts as sharing with itself
