from __future__ import annotations

import torch

from frformat.runtimes.pytorch_mobile.scripting import scripted
from frformat.torch.regularization.views import find_views
from frformat.train.models import VAE
from tests.sums import assert_same, network_slack


def test_the_parameter_count_is_as_documented():
    assert sum(parameter.numel() for parameter in VAE().parameters()) == 652_824


def test_rows_and_columns_are_found_as_axes():
    assert find_views(VAE(), torch.rand(2, 1, 28, 28)) == {
        "encoder.weight": (400, 28, 28),
        "output.weight": (28, 28, 400),
    }


def test_it_decodes_the_mean():
    network, x = VAE(6, hidden=50), torch.rand(3, 1, 28, 28)
    mean, log_variance = network.encode(x)
    assert mean.shape == log_variance.shape == (3, 6)
    y = network(x)
    assert y.shape == x.shape
    assert torch.equal(y, network.decode(mean).sigmoid())
    assert torch.equal(y, network(x))
    assert 0 < y.min() < y.max() < 1


def test_torchscript():
    network, x = VAE().eval(), torch.rand(2, 1, 28, 28)
    script, traced = scripted(network)
    assert not traced
    assert_same(script(x), network(x), network_slack(network, x))
