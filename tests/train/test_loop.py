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
from frformat.train import CheckpointError, Data, Workers, history, train
from frformat.train.draws import Draws
from frformat.train.loop import CHECKPOINT, HISTORY, MODEL
from frformat.train.recipe import Batch
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


class Listener:
    def __init__(self):
        self.rows, self.steps = [], []

    def step(self, run):
        self.steps.append(run.step)

    def epoch(self, row):
        self.rows.append(row)


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
    outcome = train(recipe, tmp_path, watcher=listener)
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
    train(recipe, tmp_path, watcher=listener)
    goal = Run(tiny(), recipe.data(None), Workers())
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
            train(tiny(**WAYS[way]), folder / "broken", resume=True, checkpoint_every=0, watcher=Killer(step))
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
def test_a_diverged_run_ends_and_keeps_its_last_good_checkpoint(change, every, tmp_path):
    recipe = tiny(**change)
    with pytest.raises(EncodeError, match="training diverged"):
        train(Diverging(recipe.settings), tmp_path, checkpoint_every=every)
    assert not (tmp_path / MODEL).exists()
    outcome = train(recipe, tmp_path, resume=True)
    assert all(map(math.isfinite, outcome.decoded.values()))


class Labelled(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = Tiny.model(Tiny())

    def forward(self, x):
        return {"logits": self.net(x), "sizes": [torch.tensor(x.shape), x.mean()]}


class Dictionary(Tiny):
    """Its model returns a dictionary."""

    def model(self):
        return Labelled()

    def loss(self, model, batch, draws):
        return nn.functional.cross_entropy(model(self.inputs(batch))["logits"], batch[1])

    def evaluate(self, model, samples, workers):
        logits = model(self.inputs(samples.tensors))["logits"]
        return {"accuracy": (logits.argmax(1) == samples.tensors[1]).double().mean()}  # a tensor


def test_outputs_of_any_kind_are_compared(tmp_path):
    recipe = Dictionary(tiny(rules=("net.0.bias: keep=2",)).settings)
    outcome = train(recipe, tmp_path)
    assert isinstance(outcome.metrics["accuracy"], float)
    assert 0 <= outcome.difference < 1e-4 < outcome.scale


@pytest.mark.parametrize(
    ("found", "message"),
    [
        ({"f1": 1.0}, "returns f1, but not 'accuracy'"),
        ({"accuracy": "good"}, "must return numbers"),
        ({}, "returns no metrics, but not 'accuracy'"),
        (None, r"evaluate\(\) of recipe tiny returns NoneType, not Mapping"),
    ],
)
def test_unusable_metrics_are_refused(found, message, tmp_path, monkeypatch):
    monkeypatch.setattr(Tiny, "evaluate", lambda *_: found)
    with pytest.raises(ValueError, match=message):
        train(tiny(), tmp_path)


@pytest.mark.parametrize(
    ("method", "result", "message"),
    [
        ("model", None, r"model\(\) of recipe tiny returns NoneType, not Module"),
        ("model", torch.ones(3), "returns Tensor, not Module"),
        ("exported", None, r"exported\(\) of recipe tiny returns NoneType, not Module"),
        ("data", (1, 2), r"data\(\) of recipe tiny returns tuple, not Data"),
        ("losses", None, r"losses\(\) of recipe tiny returns NoneType, not Mapping"),
        ("losses", {}, "returns no losses"),
        ("losses", {"decoder": None}, "the model has no part 'decoder'"),
        ("loss", None, "the loss '' is NoneType, not a tensor with one number"),
        ("loss", torch.ones(2), r"the loss '' is a tensor of shape \[2\], not"),
    ],
)
@pytest.mark.parametrize("dense", [False, True])
def test_a_method_that_returns_something_else_is_named(method, result, message, dense, tmp_path, monkeypatch):
    monkeypatch.setattr(Tiny, method, lambda *_: result)
    with pytest.raises(ValueError, match=message):
        train(tiny(dense=dense), tmp_path)


def test_a_test_set_is_needed(tmp_path, monkeypatch):
    full = tiny().data(None)
    empty = TensorDataset(*(tensor[:0] for tensor in full.test.tensors))
    monkeypatch.setattr(Tiny, "data", lambda *_: Data(full.train, empty))
    with pytest.raises(ValueError, match="0 test samples"):
        train(tiny(), tmp_path)


@pytest.mark.parametrize("dense", [False, True])
def test_a_run_of_another_network_is_not_continued(dense, tmp_path, monkeypatch):
    recipe = tiny(dense=dense)
    with pytest.raises(Death):
        train(recipe, tmp_path, watcher=Killer(4))
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


def test_validation_samples_represent_sorted_classes():
    labels = torch.arange(10).repeat_interleave(60)
    samples = TensorDataset(torch.arange(600), labels)
    data = Data(samples, samples).holding_out(0.1)
    assert data.held_out is not None
    assert (len(data.train), len(data.held_out)) == (540, 60)
    assert data.held_out.tensors[1].bincount().tolist() == [6] * 10
    together = torch.cat([data.train.tensors[0], data.held_out.tensors[0]])
    assert together.sort().values.equal(samples.tensors[0])


@pytest.mark.parametrize("share", [1.0, 0.999])
@pytest.mark.parametrize("split", [False, True])
def test_a_validation_set_of_all_samples(share, split):
    samples = TensorDataset(torch.arange(24))
    data = Data(TensorDataset(torch.arange(0)), samples, samples) if split else Data(samples, samples)
    with pytest.raises(ValueError, match=rf"holdout={share:g}: no samples are left for training"):
        data.holding_out(share)


def test_no_pass_over_the_data_contains_validation_samples():
    samples = TensorDataset(torch.arange(24))
    data = Data(samples, samples, passes=60).holding_out(0.1)
    assert data.held_out is not None
    held, kept = set(data.held_out.tensors[0].tolist()), set(data.train.tensors[0].tolist())
    assert (len(held), len(kept), data.samples) == (3, 21, 60 * 21)
    assert not held & kept


def test_an_epoch_takes_every_sample_once_per_pass():
    whole = tiny().data(None)
    seen: list[int] = []

    class Twice(Tiny):
        def prepare(self, samples: Batch, draws: Draws) -> Batch:
            seen.extend(samples[2].tolist())
            return samples[:2]

    few = TensorDataset(*(tensor[:32] for tensor in whole.train.tensors), torch.arange(32))
    run = Run(Twice(tiny(epochs=1, batch=16).settings), Data(few, whole.test, passes=3), Workers())
    assert run.steps == 6
    while run.step < run.steps:
        run.advance()
    assert sorted(seen) == sorted([*range(32)] * 3)


def test_a_checkpoint_of_another_run_is_refused_and_kept(tmp_path):
    train(tiny(epochs=1), tmp_path)
    before = (tmp_path / CHECKPOINT).read_bytes()
    with pytest.raises(CheckpointError, match="seed was 0, not 1"):
        train(tiny(epochs=1, seed=1), tmp_path, resume=True)
    assert (tmp_path / CHECKPOINT).read_bytes() == before


def test_a_run_with_other_samples_or_another_teacher_is_not_continued(tmp_path):
    def killed(name, **sources):
        with pytest.raises(Death):
            train(tiny(epochs=2, distill=0.5), tmp_path / name, checkpoint_every=0, watcher=Killer(4), **sources)

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
    run = Run(tiny(keep=1.0, rules=()), tiny().data(None), Workers(), start.path)
    plain = tiny().model()
    load_model(plain, start.path)
    with torch.no_grad():
        for name, tensor in spectral_tensors(run.model).items():
            same_sums(tensor.weights(), plain.get_parameter(name), tensor.kept)


class Nameless(Tiny):
    def evaluate(self, model, samples, workers):
        return {"other": 1.0}


class Growing(Tiny):
    grown = 0

    def model(self):
        self.grown += 1
        return nn.Sequential(nn.Conv2d(1, 4, 3), nn.Flatten(), nn.Linear(64, 2 if self.grown < 2 else 3))


class Extra(nn.Linear):
    def get_extra_state(self):
        return {"version": 1}

    def set_extra_state(self, state):
        pass


class Stateful(Tiny):
    def model(self):
        return nn.Sequential(nn.Conv2d(1, 4, 3), nn.Flatten(), Extra(64, 2))


class Unpicturesque(Tiny):
    def picture(self, model, samples):
        raise RuntimeError("no picture")


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        (Nameless, "returns other, but not 'accuracy'"),
        (Growing, "size mismatch|does not fit"),
        (Stateful, "extra state of type dict"),
        (Unpicturesque, "no picture"),
    ],
)
def test_what_cannot_follow_training_is_found_before_it(kind, message, tmp_path):
    with pytest.raises((ValueError, RuntimeError), match=message):
        train(kind(tiny(rules=()).settings), tmp_path / "run", watcher=Listener())
    assert not (tmp_path / "run").exists()


def test_an_untrained_model_may_have_no_metrics(tmp_path):
    class Precise(Tiny):
        evaluated = 0

        def evaluate(self, model, samples, workers):
            self.evaluated += 1
            return {"accuracy": 1 / (self.evaluated - 1)}

    assert train(Precise(tiny(epochs=1).settings), tmp_path).metrics["accuracy"] > 0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"batch": 100}, "48 samples"),
        ({"format": "q99"}, "q99"),
        ({"rules": ("nothing: raw",)}, "matches no parameter"),
    ],
)
def test_settings_that_cannot_be_met(change, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        train(tiny(**change), tmp_path / "run")
    assert not (tmp_path / "run").exists()
