"""The estimated cost of a layer equals the cost measured when it runs."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from frformat.torch.costs import costs
from frformat.torch.lowrank.cost import Cost, Run, Surroundings, estimate
from frformat.torch.regularization import regularize
from tests.torch.lowrank.test_layers import candidate

LAYERS = [
    (lambda: nn.Conv2d(24, 40, 3, padding=1, bias=False), (2, 24, 8, 8)),
    (lambda: nn.Conv2d(24, 40, 3, stride=2, bias=False), (1, 24, 9, 9)),
    (lambda: nn.Conv2d(24, 40, 3, groups=4, bias=False), (1, 24, 8, 8)),
    (lambda: nn.ConvTranspose2d(24, 20, 2, stride=2, bias=False), (1, 24, 5, 5)),
    (lambda: nn.Conv1d(30, 30, 5, bias=False), (3, 30, 20)),
    (lambda: nn.Linear(60, 50, bias=False), (7, 60)),
]


@pytest.mark.parametrize(("make", "shape"), LAYERS)
def test_multiply_adds_of_every_choice(make, shape):
    x = torch.rand(shape)
    found = candidate(regularize(make(), 12, factored=False), x)
    run = Run(shape, tuple(found.layer(x).shape))
    assert found.options
    for modes in found.options:
        told = estimate(found.layer, found.factors, modes, run, Surroundings(), 4).cost
        assert told.multiply_adds == costs(found.make(modes), x).multiply_adds
        assert told.numbers == 12


@pytest.mark.parametrize(("make", "shape"), LAYERS)
def test_the_plain_layer(make, shape):
    layer, x = make(), torch.rand(shape)
    told = estimate(layer, None, None, Run(shape, tuple(layer(x).shape)), Surroundings(), 4).cost
    found = costs(layer, x)
    assert (told.numbers, told.multiply_adds, told.bytes_moved) == (
        found.numbers,
        found.multiply_adds,
        found.bytes_moved,
    )
    assert told.weight_bytes == found.weight_bytes
    assert told.peak_bytes == found.peak_bytes + x.nbytes  # the input belongs to the caller


def test_thin_surroundings_save_memory_traffic():
    x = torch.rand(1, 64, 20, 20)
    layer = regularize(nn.Conv2d(64, 64, 3, padding=1), 20, factored=False)
    found = candidate(layer, x)
    run, modes = Run(tuple(x.shape), tuple(x.shape)), ("into", "out")
    apart, inside = (
        estimate(found.layer, found.factors, modes, run, around, 4)
        for around in (Surroundings(), Surroundings(thin_inputs=True, thin_outputs=True))
    )
    assert apart.cost.bytes_moved - inside.cost.bytes_moved == 2 * x.nbytes
    assert inside.effort < apart.effort
    assert inside.cost.peak_bytes < apart.cost.peak_bytes


def test_sums():
    one, other = Cost(3, 10, 100, 12, 50), Cost(4, 20, 200, 16, 40)
    assert Cost.of_layers([one, other]) == Cost(7, 30, 300, 28, 50)
    assert Cost.of_runs([one, one]) == Cost(3, 20, 200, 12, 50)
    assert Cost.of_layers([]) == Cost(0, 0, 0, 0, 0)


def test_many_products_of_small_matrices_take_longer_than_the_weight_that_they_replace():
    layer = nn.Linear(800, 500)
    found = candidate(regularize(layer, 19_079, rules=["weight: view=500,50,4,4"], factored=False), torch.rand(1, 800))
    run = Run((1, 800), (1, 500))
    told, whole = (
        estimate(found.layer, found.factors, modes, run, Surroundings(), 4) for modes in (("out",), None)
    )  # measured: 270 µs and 24 µs
    assert told.effort > 2 * whole.effort
    assert told.cost.weight_bytes < 0.3 * whole.cost.weight_bytes
