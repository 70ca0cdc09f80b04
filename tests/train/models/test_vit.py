from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from frformat.runtimes.pytorch_mobile.scripting import scripted
from frformat.torch.regularization.views import find_views
from frformat.train.models import VisionTransformer
from tests.sums import assert_same, network_slack, same_sums


def test_the_parameter_count_is_as_documented():
    assert sum(parameter.numel() for parameter in VisionTransformer().parameters()) == 203_786


def test_heads_are_found_as_axes():
    views = find_views(VisionTransformer(depth=1), torch.rand(2, 1, 28, 28))
    assert views == {
        "blocks.0.attention.qkv.weight": (3, 4, 16, 64),
        "blocks.0.attention.projection.weight": (64, 4, 16),
    }


def test_attention_matches_pytorch():
    attention, x = VisionTransformer().blocks[0].attention, torch.randn(3, 10, 64)
    query, key, value = attention.qkv(x).view(3, 10, 3, 4, 16).permute(2, 0, 3, 1, 4)
    mixed = F.scaled_dot_product_attention(query, key, value).transpose(1, 2).flatten(2)
    same_sums(attention(x), attention.projection(mixed), terms=64)


def test_only_the_position_embedding_distinguishes_patches():
    network, x = VisionTransformer(), torch.rand(2, 1, 28, 28)
    turned = x.view(2, 4, 7, 28).flip(1).reshape(2, 1, 28, 28)  # patches in another order, but each unchanged
    assert (network(turned) - network(x)).abs().max() > 1e-4
    network.position.zero_()
    assert_same(network(turned), network(x), network_slack(network, x))


def test_other_sizes_and_torchscript():
    network = VisionTransformer(3, channels=3, size=32, patch=8, width=24, depth=2, heads=2).eval()
    x = torch.rand(2, 3, 32, 32)
    assert network(x).shape == (2, 3)
    script, traced = scripted(network)
    assert not traced
    assert_same(script(x), network(x), network_slack(network, x))


@pytest.mark.parametrize("sizes", [{"patch": 5}, {"heads": 3}])
def test_indivisible_sizes_are_refused(sizes):
    with pytest.raises(ValueError, match="not a multiple of"):
        VisionTransformer(**sizes)
