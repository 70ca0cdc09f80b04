from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from torch import nn
from torch.utils.data import TensorDataset

import frformat
from frformat.errors import EncodeError
from frformat.torch import load_model, save_model
from frformat.torch.regularization import spectral_tensors
from frformat.train import CheckpointError, Data, ProcessGroup, history, train
from frformat.train.loop import CHECKPOINT, HISTORY, MODEL
from frformat.train.run import Run
from tests.sums import same_sums
from tests.train.tiny import Tiny, tiny

WAYS = {
    "start": {},
    "dense": {"dense": True},
    "tail": {"schedule": "tail"},
    "geometric": {"schedule": "geometric", "format": "q8"},
    "budget": {"schedule": "budget", "average_from": 0.75},
    "guarded": {"schedule": "guarded", "holdout": 0.25, "tolerance": 0.2, "batch": 12},
    "prune": {"schedule": "prune", "truncate_for": 0.6, "format": "q8", "average_from": 0.8},
    "averaged": {"average_from": 0.4, "format": "q9", "weight_decay": 0.1},
    "bf16": {"precision": "bf16"},
    "sgd": {"optimizer": "sgd", "schedule": "tail", "weight_decay": 0.1},
    "size": {"size": 560, "format": "q8"},
}
ways = pytest.mark.parametrize("way", WAYS)


class Death(BaseException):
    """Simulates the abrupt end of a process."""


class Killer:
    """A callback that ends the run after a given step."""

    def __init__(self, step):
        self.last = step

    def step(self, run):
        if run.step == self.last:
            raise Death

    def epoch(self, row):
        pass

    def compress(self, what, done, total):
        pass


class Listener:
    def __init__(self):
        self.rows, self.steps, self.stages = [], [], []

    def step(self, run):
        self.steps.append(run.step)

    def epoch(self, row):
        self.rows.append(row)

    def compress(self, what, done, total):
        self.stages.append((what, done, total))


def same(one, other):
    """Return whether two nested states are equal, with tensors compared bit for bit."""
    if isinstance(one, torch.Tensor):
        return torch.equal(one, other)
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list):
        return len(one) == len(other) and all(map(same, one, other))
    return one == other


@ways
def test_it_learns_and_the_file_contains_the_model(way, tmp_path):
    recipe, listener = tiny(epochs=8, **WAYS[way]), Listener()
    outcome = train(recipe, tmp_path, callback=listener)
    assert outcome.metrics["accuracy"] >= 0.9
    assert outcome.decoded["accuracy"] == outcome.metrics["accuracy"]
    assert outcome.difference <= 1e-4 * outcome.scale
    assert listener.rows == history.read(tmp_path / HISTORY)
    assert [row.epoch for row in listener.rows] == list(range(1, 9))
    assert listener.steps[0] == 0
    assert listener.rows[-1].losses[""] < listener.rows[0].losses[""]
    with frformat.open(outcome.path) as file:
        kept = {name: file.spectrum(name).kept for name in file if file.info(name).spectral}
    ends = listener.rows[-1].kept
    assert kept == ends or (way in ("prune", "size") and all(kept[name] >= ends[name] for name in ends))


@pytest.mark.parametrize("way", ["tail", "geometric", "budget", "prune"])
def test_schedules_end_at_the_requested_size(way, tmp_path):
    listener = Listener()
    recipe = tiny(epochs=8, **WAYS[way])
    train(recipe, tmp_path, callback=listener)
    goal = Run(tiny(), recipe.data(None), ProcessGroup())
    totals = [sum(row.kept.values()) for row in listener.rows]
    assert totals == sorted(totals, reverse=True)
    assert totals[0] > totals[-1] == sum(goal.kept.values())
    if way != "budget":
        assert listener.rows[-1].kept == goal.kept


def test_an_average_has_the_size_too(tmp_path):
    outcome = train(tiny(size=560, average_from=0.5), tmp_path)
    assert outcome.nbytes == Path(outcome.path).stat().st_size <= 560
    assert outcome.decoded["accuracy"] == outcome.metrics["accuracy"]


@ways
@hypothesis_settings(max_examples=4)
@given(data=st.data())
def test_an_interrupted_run_reaches_the_same_weights(way, data, tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    whole = train(tiny(**WAYS[way]), folder / "whole")
    for step in sorted(data.draw(st.sets(st.integers(1, 12), min_size=1, max_size=3))):
        with pytest.raises(Death):
            train(tiny(**WAYS[way]), folder / "broken", resume=True, checkpoint_every=0, callback=Killer(step))
    broken = train(tiny(**WAYS[way]), folder / "broken", resume=True)
    states = [torch.load(folder / name / CHECKPOINT, weights_only=True)["state"] for name in ("whole", "broken")]
    assert same(states[0]["run"], states[1]["run"])
    timeless = [[{**row, "seconds": 0} for row in state["rows"]] for state in states]
    assert timeless[0] == timeless[1]
    assert Path(whole.path).read_bytes() == Path(broken.path).read_bytes()


class Diverging(Tiny):
    """Its loss is NaN in the second half of the run."""

    def loss(self, model, batch, draws):
        loss = super().loss(model, batch, draws)
        return loss * float("nan") if draws.progress >= 0.5 else loss


@pytest.mark.parametrize(
    "change", [{}, {"dense": True}, {"optimizer": "eigen"}, {"size": 700}, {"average_from": 0.6}], ids=str
)
@pytest.mark.parametrize("every", [0, 60])
@pytest.mark.filterwarnings("ignore:the code of recipe")
def test_a_diverged_run_ends_and_keeps_its_last_good_checkpoint(change, every, tmp_path):
    recipe = tiny(**change)
    with pytest.raises(EncodeError, match="training diverged"):
        train(Diverging(recipe.settings), tmp_path, checkpoint_every=every)
    assert not (tmp_path / MODEL).exists()
    outcome = train(recipe, tmp_path, resume=True)
    assert all(map(math.isfinite, outcome.decoded.values()))


@pytest.mark.parametrize("dense", [False, True])
def test_a_run_of_another_network_is_not_continued(dense, tmp_path, monkeypatch):
    recipe = tiny(dense=dense)
    with pytest.raises(Death):
        train(recipe, tmp_path, callback=Killer(4))
    reasons = {4: "missing from the file: .*5.weight", 5: "1.bias: shape"}
    for wide in (4, 5):  # the network of the run, with more layers or with more filters
        layers = [nn.Conv2d(1, wide, 3), nn.BatchNorm2d(wide), nn.ReLU(), nn.Flatten(), nn.Linear(16 * wide, 2)]
        model = nn.Sequential(*layers, *([nn.Linear(2, 2)] if wide == 4 else []))
        monkeypatch.setattr(Tiny, "model", lambda _, model=model: model)
        with pytest.raises(CheckpointError, match=f"does not fit the recipe's network: .*{reasons[wide]}"):
            train(recipe, tmp_path, resume=True)


def test_statistics_that_diverge_alone_end_the_run(tmp_path):
    class Overflowing(Tiny):
        """The scaler skips steps whose gradients are not finite, but not updates of the running statistics."""

        def inputs(self, samples):
            return super().inputs(samples) * math.inf

    with pytest.raises(EncodeError, match=r"training diverged.*'1\.running_"):
        train(Overflowing(tiny(precision="f16").settings), tmp_path)


def test_a_checkpoint_of_another_run_is_refused_and_kept(tmp_path):
    train(tiny(epochs=1), tmp_path)
    before = (tmp_path / CHECKPOINT).read_bytes()
    with pytest.raises(CheckpointError, match="seed was 0, not 1"):
        train(tiny(epochs=1, seed=1), tmp_path, resume=True)
    assert (tmp_path / CHECKPOINT).read_bytes() == before


def test_a_run_with_other_samples_or_another_teacher_is_not_continued(tmp_path):
    def killed(name, **sources):
        with pytest.raises(Death):
            train(tiny(epochs=2, distill=0.5), tmp_path / name, checkpoint_every=0, callback=Killer(4), **sources)

    class Other(Tiny):
        def data(self, folder):
            found = super().data(folder)
            return Data(change(*found.train.tensors), found.test)

    teacher, another = (train(tiny(epochs=1, dense=True, seed=seed), tmp_path / f"{seed}").path for seed in (0, 1))
    killed("run", teacher=teacher)
    before = (tmp_path / "run" / CHECKPOINT).read_bytes()
    changes = [lambda x, y: TensorDataset(x[:32], y[:32]), lambda x, y: TensorDataset(x, 1 - y)]
    for change in changes:  # noqa: B007 — used by the class
        with pytest.raises(CheckpointError, match="belongs to another run: the samples are different"):
            train(Other(tiny(epochs=2, distill=0.5).settings), tmp_path / "run", teacher=teacher, resume=True)
    with pytest.raises(CheckpointError, match="the teacher is different"):
        train(tiny(epochs=2, distill=0.5), tmp_path / "run", teacher=another, resume=True)
    with pytest.raises(CheckpointError, match="the use of initial weights is different"):
        train(tiny(epochs=2, distill=0.5), tmp_path / "run", teacher=teacher, weights=teacher, resume=True)
    assert (tmp_path / "run" / CHECKPOINT).read_bytes() == before
    train(tiny(epochs=2, distill=0.5), tmp_path / "run", teacher=teacher, resume=True)


@pytest.mark.parametrize("damage", [lambda b: b[: len(b) // 2], lambda b: b"", lambda b: b"PK" + b[5:]])
def test_a_damaged_checkpoint_is_refused(tmp_path, damage):
    train(tiny(epochs=1), tmp_path)
    path = tmp_path / CHECKPOINT
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(CheckpointError, match="not a complete checkpoint"):
        train(tiny(epochs=1), tmp_path, resume=True)


def test_the_teacher_is_followed(tmp_path):
    taught = tiny(epochs=12, distill=1.0, temperature=1.0)
    with pytest.raises(ValueError, match="no teacher"):
        train(taught, tmp_path / "x")
    teacher = train(tiny(dense=True, epochs=12), tmp_path / "teacher")
    liar = tiny().model()
    load_model(liar, teacher.path)
    with torch.no_grad():
        liar[4].weight.neg_()
        liar[4].bias.neg_()
    save_model(liar, tmp_path / "liar.frz")
    followed = train(taught, tmp_path / "right", teacher=teacher.path)
    misled = train(taught, tmp_path / "wrong", teacher=tmp_path / "liar.frz")
    assert followed.metrics["accuracy"] >= 0.9
    assert misled.metrics["accuracy"] <= 0.1


def test_it_starts_from_the_weights_of_a_file(tmp_path):
    start = train(tiny(dense=True, epochs=8), tmp_path / "start")
    run = Run(tiny(keep=1.0, rules=()), tiny().data(None), ProcessGroup(), start.path)
    plain = tiny().model()
    load_model(plain, start.path)
    with torch.no_grad():
        for name, tensor in spectral_tensors(run.model).items():
            same_sums(tensor.weights(), plain.get_parameter(name), tensor.kept)
