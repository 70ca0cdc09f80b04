from __future__ import annotations

import torch

from frformat.runtimes.pytorch_mobile.scripting import scripted
from frformat.torch.regularization.views import find_views
from frformat.train.models import GAN, Discriminator, Generator
from tests.sums import assert_same, network_slack


def test_parameter_counts_are_as_documented():
    assert sum(parameter.numel() for parameter in Generator().parameters()) == 237_153
    assert sum(parameter.numel() for parameter in Discriminator().parameters()) == 36_513


def test_rows_and_columns_are_found_as_axes():
    assert find_views(Generator(), torch.rand(2, 64)) == {"fc.weight": (64, 7, 7, 64)}


def test_images_of_a_batch_are_independent():
    network, z = Generator(8, width=4), torch.randn(5, 8)
    images = network(z)
    assert images.shape == (5, 1, 28, 28)
    assert 0 < images.min() < images.max() < 1
    assert_same(network(z[2:3]), images[2:3], network_slack(network, z))


def test_the_two_fit_together():
    network = GAN(8, width=4)
    z = torch.randn(5, 8)
    assert torch.equal(network(z), network.generator(z))
    assert network.discriminator(network(z)).shape == (5,)


def test_torchscript():
    network, z = Generator().eval(), torch.rand(2, 64)
    script, traced = scripted(network)
    assert not traced
    assert_same(script(z), network(z), network_slack(network, z))
