from __future__ import annotations

import torch

from frformat.torch.regularization.views import find_views
from frformat.train.data import MNIST_PIXELS, load_mnist
from frformat.train.models import LeNet5
from tests.train.data import DATA, data_file


def test_the_parameter_count_matches_the_literature():
    shapes = {name: tuple(parameter.shape) for name, parameter in LeNet5().named_parameters()}
    assert shapes == {
        "conv1.weight": (20, 1, 5, 5),
        "conv1.bias": (20,),
        "conv2.weight": (50, 20, 5, 5),
        "conv2.bias": (50,),
        "fc1.weight": (500, 800),
        "fc1.bias": (500,),
        "fc2.weight": (10, 500),
        "fc2.bias": (10,),
    }
    assert sum(parameter.numel() for parameter in LeNet5().parameters()) == 431_080


def test_the_view_of_its_first_linear_layer_is_found():
    assert find_views(LeNet5(), torch.randn(2, 1, 28, 28)) == {"fc1.weight": (500, 50, 4, 4)}


def test_the_pruned_network_scores_as_published():
    """The accuracy is 99.31 % on all test images and 99.30 % on every tenth."""
    network = LeNet5()
    network.load_state_dict(torch.load(data_file("lenet_pruned/admm_mnist_cnn.pt"), weights_only=True))
    data_file("mnist")
    images, labels = load_mnist("test", DATA)[::10]
    right = network(MNIST_PIXELS(images)).argmax(1) == labels
    assert right.float().mean().item() > 0.985
