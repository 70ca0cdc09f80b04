from __future__ import annotations

import copy
from contextlib import contextmanager

import pytest
import torch
from torch import nn

from frformat.torch import each_tier, nest, set_tier, tier_count
from frformat.torch.nesting import SeedError, at_random, l1, profile, widths
from frformat.torch.nesting.profile import profile_metadata
from tests.torch.nesting.networks import GROUPS, digits, fit, images

SHARES = (0.2, 0.4, 0.7)


@pytest.fixture(autouse=True)
def _reproducible():
    torch.manual_seed(0)


class Run:
    """Records the stages, and the outputs of the tiers after each of them."""

    def __init__(self, scores=()):
        self.model, self.x = digits(), images()
        self.scores = iter(scores)
        self.stages, self.outputs = [], []

    def nest(self, minimum=0.0, **options):
        options = {"shares": SHARES, "groups": GROUPS, **options}
        score = lambda model: next(self.scores, 1.0)  # noqa: E731
        return nest(self.model, self.x[:1], fit, score, minimum=minimum, listener=self.listen, **options)

    def listen(self, stage):
        self.stages.append(stage)
        if stage.kind == "grow":
            self.outputs.append([self.model(self.x).detach() for _ in each_tier(self.model)])


@contextmanager
def unchanged(run):
    """Check that the block changes neither the network nor its tensors."""
    before, outputs = copy.deepcopy(run.model.state_dict()), run.model(run.x)
    yield
    after = run.model.state_dict()
    assert [*after] == [*before]
    assert all(torch.equal(after[name], before[name]) for name in before)
    assert tier_count(run.model) == 1
    assert torch.equal(run.model.eval()(run.x), outputs)


def test_every_tier_contains_the_smaller_ones():
    run = Run()
    model = run.nest()
    assert [stage.kind for stage in run.stages] == ["prune"] * 3 + ["grow"] * 3
    assert [stage.widths["fc1"] for stage in run.stages] == [7, 4, 2, 4, 7, 10]
    assert [row["fc1"] for row in widths(model)] == [2, 4, 7, 10]
    final = [model(run.x) for _ in each_tier(model)]
    for grown, outputs in enumerate(run.outputs, start=1):
        assert all(torch.equal(outputs[tier], final[tier]) for tier in range(grown + 1))


def test_pruning_ends_at_the_minimum():
    run = Run(scores=(0.9, 0.8, 0.6))
    model = run.nest(minimum=0.7)
    assert [row["fc1"] for row in widths(model)] == [4, 7, 10]
    assert [(stage.kind, stage.widths["fc1"]) for stage in run.stages[2:]] == [("prune", 2), ("grow", 7), ("grow", 10)]
    assert tier_count(model) == 3


def test_a_failed_pruning_leaves_no_trace_in_the_seed():
    outputs = []
    run = Run(scores=(0.9, 0.8, 0.6))

    def fit_and_look(model):
        fit(model)
        outputs.append(model(run.x).detach())

    nest(
        run.model,
        run.x[:1],
        fit_and_look,
        lambda model: next(run.scores, 1.0),
        minimum=0.7,
        shares=SHARES,
        groups=GROUPS,
    )
    set_tier(run.model, 0)
    assert torch.equal(run.model(run.x), outputs[1])


def test_failing_to_find_a_seed_is_an_error_and_loses_nothing():
    run = Run(scores=(0.5,))
    with unchanged(run), pytest.raises(SeedError, match="lower the minimum"):
        run.nest(minimum=0.7)


@pytest.mark.parametrize("stages", range(1, 2 * len(SHARES) + 1))
def test_an_error_after_any_stage_leaves_the_network_unchanged(stages):
    run = Run()

    def listen(stage):
        run.stages.append(stage)
        if len(run.stages) == stages:
            raise KeyboardInterrupt

    run.listen = listen
    with unchanged(run), pytest.raises(KeyboardInterrupt):
        run.nest()
    assert all(parameter.requires_grad for parameter in run.model.parameters())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"conv3": torch.ones(4)}, r"scores of shape \[4\] for 'conv3', which has no filters to rank"),
        ({"conv1": torch.ones(3)}, r"scores of shape \[3\] for 'conv1', which has 6 filters now"),
        ({"conv1": torch.ones(6, 1)}, r"scores of shape \[6, 1\] for 'conv1', which has 6 filters now"),
        ({"conv1": None}, "the ranking returned no scores for 'conv1', which has 6 filters now"),
    ],
)
def test_a_ranking_returns_a_score_for_each_filter(change, message):
    def ranking(model, groups):
        ranks = {**l1(model, groups), **change}
        return {name: scores for name, scores in ranks.items() if scores is not None}

    run = Run()
    with unchanged(run), pytest.raises(ValueError, match=message):
        run.nest(ranking=ranking)


def test_a_ranking_scores_only_the_filters_of_its_tier():
    run = Run()
    ranks = l1(run.model, GROUPS)
    with unchanged(run), pytest.raises(ValueError, match=r"scores of shape \[6\] for 'conv1', which has 4 filters now"):
        run.nest(ranking=lambda model, groups: ranks)


def test_the_error_contains_the_score():
    with pytest.raises(SeedError, match=r"score is 0\.5000, below the minimum of 0\.7"):
        Run(scores=(0.5,)).nest(minimum=0.7)
    with pytest.raises(SeedError, match="score is nan"):
        Run(scores=(float("nan"),)).nest(minimum=0.7)


def test_the_best_filters_come_first():
    model, x = digits(), images()
    first, before = model.conv1.weight.detach().clone(), model(x)
    scores = torch.tensor([0.0, 5, 1, 4, 3, 2])
    nest(
        model,
        x[:1],
        lambda model: None,
        lambda model: 1.0,
        minimum=0,
        shares=[0.5],
        groups=GROUPS,
        ranking=lambda model, groups: {**l1(model, groups), "conv1": scores},
    )
    assert torch.equal(model.conv1.weight, first[[1, 3, 4, 5, 2, 0]])
    torch.testing.assert_close(model(x), before)


@pytest.mark.parametrize("shares", [(), (0.5, 0.2), (0.2, 1.0), (0.0, 0.5), (0.3, 0.3)])
def test_shares_are_ascending(shares):
    with pytest.raises(ValueError, match=r"shares=.*ascending"):
        Run().nest(shares=shares)


def test_a_network_without_filters():
    with pytest.raises(ValueError, match="no filters"):
        nest(nn.Linear(3, 3), images(), fit, lambda model: 1.0, minimum=0.0, groups={})


def test_a_random_ranking_is_reproducible():
    results = []
    for _ in range(2):
        torch.manual_seed(1)
        run = Run()
        results.append(run.nest(ranking=at_random(4))(run.x))
    assert torch.equal(*results)


def test_the_profile_covers_every_tier():
    run = Run()
    model = run.nest()
    profiles = profile(model, run.x[:1], lambda network: float(network(run.x).shape[0]))
    assert [each.tier for each in profiles] == [0, 1, 2, 3]
    for name in ("parameters", "multiply_adds", "memory"):
        values = [getattr(each, name) for each in profiles]
        assert values == sorted(set(values)), name
    assert all(each.latency > 0 and each.score == 8 for each in profiles)
    metadata = profile_metadata(profiles, "accuracy")
    assert metadata["tiers.accuracy"] == "8.0000 8.0000 8.0000 8.0000"
    assert metadata["tiers.memory"] == " ".join(str(each.memory) for each in profiles)
    assert len(metadata) == 3
