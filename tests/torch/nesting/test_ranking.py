from __future__ import annotations

import pytest
import torch

from frformat.torch import set_tier
from frformat.torch.nesting import at_random, l1, make_nested, triplet_response, triplets
from tests.torch.nesting.networks import GROUPS, WIDTHS, digits, images


@pytest.fixture(autouse=True)
def _reproducible():
    torch.manual_seed(0)


def test_l1_sums_the_magnitudes_of_the_current_tier():
    model = make_nested(digits(), GROUPS, WIDTHS)
    set_tier(model, 1)
    scores = l1(model, GROUPS)
    weight = model.conv2.parametrizations.weight.original[:5, :4]
    torch.testing.assert_close(scores["conv2"], weight.abs().sum((1, 2, 3)))
    assert {name: len(score) for name, score in scores.items()} == WIDTHS[1]


def test_the_triplet_response_is_that_of_the_paper():
    model = digits()
    anchors, positives, negatives = images(300), images(300), images(300)
    scores = triplet_response(anchors, positives, negatives)(model, GROUPS)
    maps = [model.conv1(inputs) for inputs in (anchors, positives, negatives)]
    for number in range(6):
        filters = [each[:, number] for each in maps]
        expected = (filters[0] - filters[2]).square().sum() - (filters[0] - filters[1]).square().sum()
        torch.testing.assert_close(scores["conv1"][number], expected, rtol=1e-3, atol=0.1)


def test_the_triplet_response_finds_the_filter_that_separates_classes():
    model = digits()
    with torch.no_grad():
        model.conv1.weight[:] = 0.01 * torch.randn_like(model.conv1.weight)
        model.conv1.weight[3] = 1.0
    bright, dark = torch.ones(20, 1, 10, 10), torch.zeros(20, 1, 10, 10)
    scores = triplet_response(bright, bright, dark)(model, GROUPS)["conv1"]
    assert int(scores.argmax()) == 3


def test_the_triplet_response_restores_the_mode_of_each_module():
    model = digits().train()
    model.conv1.eval()
    triplet_response(images(4), images(4), images(4))(model, GROUPS)
    assert model.training
    assert model.conv2.training
    assert not model.conv1.training


def test_triplets_agree_with_their_labels():
    labels = torch.tensor([5, 5, 7, 9, 7, 5])
    anchors, positives, negatives = triplets(labels, 200)
    assert torch.equal(labels[anchors], labels[positives])
    assert not (labels[anchors] == labels[negatives]).any()
    assert set(anchors.tolist()) == set(range(6))
    with pytest.raises(ValueError, match="at least two classes"):
        triplets(torch.zeros(5), 3)


def test_random_scores_depend_on_the_seed():
    model = digits()
    one, two, other = (at_random(seed)(model, GROUPS)["fc1"] for seed in (1, 1, 2))
    assert torch.equal(one, two)
    assert not torch.equal(one, other)
