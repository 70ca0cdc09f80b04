from __future__ import annotations

import torch

from frformat.train.data import IMAGENET_PIXELS, load_cifar10
from frformat.train.models import ResNet20
from tests.train.data import DATA, data_file


def test_the_parameter_count_is_as_published():
    assert sum(parameter.numel() for parameter in ResNet20().parameters()) == 269_722


def test_shortcuts_have_no_parameters_and_keep_every_other_pixel():
    """If a block's last normalization has weight 0, only the shortcut is left: the input, padded with zero channels."""
    block = ResNet20().layer2[0].eval()
    torch.nn.init.zeros_(block.bn2.weight)
    x = torch.rand(2, 16, 6, 6)
    y = block(x)
    assert y.shape == (2, 32, 3, 3)
    assert torch.equal(y[:, 8:24], x[:, :, ::2, ::2])
    assert not y[:, :8].any()
    assert not y[:, 24:].any()


def test_the_published_network_scores_as_measured():
    """The accuracy is 81.03 % on all test images as JPEG and 80.0 % on every twentieth image."""
    checkpoint = torch.load(data_file("resnet_cifar10/resnet20-12fca82f.th"), weights_only=True, map_location="cpu")[
        "state_dict"
    ]
    network = ResNet20().eval()
    network.load_state_dict({name.removeprefix("module."): value for name, value in checkpoint.items()})
    data_file("cifar10")
    images, labels = load_cifar10("test", DATA)[::20]
    right = network(IMAGENET_PIXELS(images)).argmax(1) == labels
    assert 0.76 < right.float().mean().item() < 0.88
