from __future__ import annotations

from collections import deque
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

import frformat
from frformat.torch import get_tier, load_model, save_model, set_tier, tier_count
from frformat.torch.regularization import tier_sizes
from frformat.train import Classification, Data, ProcessGroup, Settings, history, train
from frformat.train.data import UNIT_PIXELS
from frformat.train.draws import Draws
from frformat.train.loop import CHECKPOINT, HISTORY
from frformat.train.models import LeNet5
from frformat.train.run import Run
from frformat.train.tiers import lessons, tiers_of_step
from tests.sums import assert_same, network_slack
from tests.train.test_loop import Death, Killer, Listener
from tests.train.tiny import tiny

WAYS = {
    "plain": {},
    "many": {"tiers": (0.2, 0.3, 0.4, 0.5, 0.7)},
    "quantized": {"format": "q6", "distill": 0.5, "temperature": 1.0},
    "averaged": {"average_from": 0.5, "weight_decay": 0.01},
    "truncated": {"schedule": "geometric", "tiers": (4, 0.5)},
    "bf16": {"precision": "bf16", "distill": 0.3},
}
ways = pytest.mark.parametrize("way", WAYS)


def several(way, **changes):
    return tiny(**{"keep": 0.6, "tiers": (0.3, 0.6), **changes, **WAYS[way]})


@ways
def test_every_tier_learns_and_the_file_has_them_all(way, tmp_path):
    recipe, listener = several(way, epochs=10), Listener()
    outcome = train(recipe, tmp_path, callback=listener)
    count = len(recipe.settings.tiers) + 1
    assert len(outcome.tiers) == count
    assert [tier.metrics["accuracy"] >= 0.9 for tier in outcome.tiers[1:]] == [True] * (count - 1)
    assert outcome.tiers[-1].metrics == outcome.metrics == listener.rows[-1].metrics == listener.rows[-1].tiers[-1]
    assert [len(row.tiers) for row in listener.rows] == [count] * 10
    assert listener.rows == history.read(tmp_path / HISTORY)
    with frformat.open(outcome.path) as file:
        metadata = file.metadata
        assert file.container.ends == tuple(tier.nbytes for tier in outcome.tiers)
    for tier, told in enumerate(outcome.tiers):
        assert told.difference <= 1e-4 * told.scale
        assert told.decoded["accuracy"] == told.metrics["accuracy"]
        assert metadata["tiers.accuracy"].split()[tier] == f"{told.metrics['accuracy']:.4f}"
        assert metadata["tiers.multiply_adds"].split()[tier] == str(told.costs.multiply_adds)
        assert metadata["tiers.memory"].split()[tier] == str(told.costs.peak_bytes)
    numbers = [tier.costs.numbers for tier in outcome.tiers]
    assert numbers == sorted(set(numbers))


@ways
@settings(max_examples=2)
@given(data=st.data())
def test_an_interrupted_run_reaches_the_same_weights(way, data, tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    whole = train(several(way), folder / "whole")
    for step in sorted(data.draw(st.sets(st.integers(1, 12), min_size=1, max_size=2))):
        with pytest.raises(Death):
            train(several(way), folder / "broken", resume=True, checkpoint_every=0, callback=Killer(step))
    broken = train(several(way), folder / "broken", resume=True)
    states = [torch.load(folder / name / CHECKPOINT, weights_only=True)["state"] for name in ("whole", "broken")]
    torch.testing.assert_close(states[0]["run"], states[1]["run"], rtol=0, atol=0)
    assert Path(whole.path).read_bytes() == Path(broken.path).read_bytes()


def test_one_tier_is_trained_as_usual(tmp_path):
    outcome = train(tiny(), tmp_path)
    assert outcome.tiers == ()
    with frformat.open(outcome.path) as file:
        assert (file.tiers, file.metadata) == (1, {})
    assert all(row.tiers == [] for row in history.read(tmp_path / HISTORY))


@given(count=st.integers(1, 9), step=st.integers(0, 1000))
def test_the_largest_and_the_smallest_learn_in_each_step(count, step):
    tiers = tiers_of_step(count, Draws(0, step, 8, ProcessGroup()))
    assert tiers == tiers_of_step(count, Draws(0, step, 4, ProcessGroup()))
    assert (tiers[0], tiers[-1]) == (count - 1, 0)
    assert tiers == sorted(set(tiers), reverse=True)
    assert len(tiers) == min(count, 4) if count <= 4 else 3


def test_each_of_many_tiers_gets_its_turn():
    seen = {tiers_of_step(6, Draws(0, step, 8, ProcessGroup()))[1] for step in range(60)}
    assert seen == {1, 2, 3, 4}


def test_the_largest_tier_teaches_the_smaller_ones():
    recipe = several("quantized")
    run = Run(recipe, recipe.data(None), ProcessGroup())
    x, said, weights = recipe.inputs(run.data.test.tensors), None, []
    for weight in lessons(recipe, run.model, [2, 1, 0]):
        weights.append(weight)
        assert get_tier(run.model) == 3 - len(weights)
        if said is None:
            assert recipe.teacher is None
            said = run.model(x)
        else:
            assert torch.equal(recipe.teacher(x), said)
            assert not recipe.teacher(x).requires_grad
            run.model(x)
    assert recipe.teacher is None
    assert get_tier(run.model) == 2
    assert sum(weights) == pytest.approx(1)
    assert not run.model._forward_hooks


def test_a_failing_step_leaves_the_model_intact():
    recipe = several("plain")
    run = Run(recipe, recipe.data(None), ProcessGroup())
    with pytest.raises(RuntimeError, match="channels"):
        deque(run.model(torch.zeros(1, 3, 6, 6)) for _ in lessons(recipe, run.model, [2, 0]))
    assert get_tier(run.model) == 2
    assert not run.model._forward_hooks


def test_tiers_of_a_file_continue_training(tmp_path):
    start = train(several("plain", epochs=8), tmp_path / "start")
    again = train(several("plain", epochs=1, lr=1e-6, plain_lr=1e-6), tmp_path / "again", weights=start.path)
    assert again.metrics["accuracy"] >= 0.9


class Lenet(Classification):
    name = "lenet"
    summary = "LeNet-5 on noise"
    pixels = UNIT_PIXELS
    defaults = Settings(epochs=1, batch=4, lr=0.01, keep=0.01, tiers=(0.1, 0.3))

    def data(self, folder):
        images = torch.randint(256, (8, 1, 28, 28), dtype=torch.uint8)
        noise = torch.utils.data.TensorDataset(images, torch.arange(8))
        return Data(noise, noise)

    def model(self) -> nn.Module:
        return LeNet5()


def test_views_and_counts_are_those_of_the_recipe(tmp_path):
    recipe = Lenet()
    run = Run(recipe, recipe.data(None), ProcessGroup())
    assert tier_count(run.model) == 3
    sizes = tier_sizes(run.model)
    assert sizes[0]["fc1.weight"] == 400 < sizes[1]["fc1.weight"] == 1200 < sizes[2]["fc1.weight"] == 4000
    run.advance()
    save_model(run.model, tmp_path / "model.frz")
    x = torch.rand(2, 1, 28, 28)
    for tier in range(3):
        set_tier(run.model, tier)
        plain = LeNet5()
        load_model(plain, tmp_path / "model.frz", tier=tier)
        assert_same(plain(x), run.model(x), network_slack(plain, x))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"tiers": (0.5,), "dense": True}, "a dense model has none"),
        ({"tiers": (0,)}, "0 is neither"),
        ({"tiers": (1.5,)}, "1.5 is neither"),
    ],
)
def test_impossible_tiers(change, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        train(tiny(**change), tmp_path / "run")
    assert not (tmp_path / "run").exists()
