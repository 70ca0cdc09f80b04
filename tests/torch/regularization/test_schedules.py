from __future__ import annotations

import copy
import math

import pytest
import torch
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from torch import nn

from frformat.torch.regularization import (
    BudgetTruncation,
    GeometricTruncation,
    GuardedTruncation,
    SpectralPruning,
    TailTruncation,
    regularize,
    spectral_tensors,
)

MINIMUM = {"0.weight": 5, "2.weight": 0.25}
SCHEDULES = {
    "tail": lambda *args: TailTruncation(*args, by=4, minimum=MINIMUM),
    "tail share": lambda *args: TailTruncation(*args, by=0.15, minimum=3),
    "geometric": lambda *args: GeometricTruncation(*args, steps=6, minimum=MINIMUM),
    "budget": lambda *args: BudgetTruncation(*args, total=17, steps=5, least=2),
    "guarded": lambda *args: GuardedTruncation(*args, minimum=MINIMUM, factor=0.7, tolerance=0.1, patience=2),
    "prune": lambda *args: SpectralPruning(*args, steps=6, minimum=MINIMUM),
}


def make(kind):
    model = regularize(nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 4)))
    optimizer = torch.optim.Adam(model.parameters(), 0.1)
    return model, optimizer, SCHEDULES[kind](model, optimizer)


class Training(RuleBasedStateMachine):
    """Epochs, steps of the schedule and interruptions in any order."""

    @initialize(kind=st.sampled_from(sorted(SCHEDULES)))
    def start(self, kind):
        self.kind = kind
        self.model, self.optimizer, self.schedule = make(kind)
        self.start_lengths = dict(self.schedule.initial)
        self.before = dict(self.start_lengths)
        self.steps = 0

    def train(self):
        self.loss = self.model(torch.randn(3, 6)).square().sum()  # keep the graph alive, as most scripts do
        self.optimizer.zero_grad()
        self.loss.backward()
        self.optimizer.step()

    @rule()
    def epoch(self):
        self.train()

    @rule(metric=st.floats(0, 1) | st.just(math.nan))
    def step(self, metric):
        finished = self.schedule.finished
        changed = self.schedule.step(metric) if self.kind == "guarded" else self.schedule.step()
        self.steps += 1
        after = self.schedule.kept
        assert changed == (after != self.before)
        assert not (finished and changed)
        assert all(after[name] <= self.before[name] for name in after)
        if self.kind == "guarded":
            assert not changed or self.schedule.held
        self.before = after

    @rule()
    def interrupt_and_resume(self):
        checkpoint = copy.deepcopy(
            (self.model.state_dict(), self.optimizer.state_dict(), self.schedule.state_dict(), torch.get_rng_state())
        )
        self.train()
        expected = copy.deepcopy(self.model.state_dict())
        self.model, self.optimizer, self.schedule = make(self.kind)
        self.model.load_state_dict(checkpoint[0])
        self.optimizer.load_state_dict(checkpoint[1])
        self.schedule.load_state_dict(checkpoint[2])
        torch.set_rng_state(checkpoint[3])
        self.train()
        torch.testing.assert_close(self.model.state_dict(), expected, rtol=0, atol=0)

    @invariant()
    def lengths_are_those_of_the_schedule(self):
        kept = self.schedule.kept
        assert self.schedule.last_step == self.steps
        assert self.schedule.initial == self.start_lengths
        minimum = {"0.weight": 5, "2.weight": 8}
        if self.kind == "tail":
            assert kept == {n: max(minimum[n], k - 4 * self.steps) for n, k in self.start_lengths.items()}
        if self.kind == "geometric":
            shares = {n: (minimum[n] / k) ** min(self.steps / 6, 1) for n, k in self.start_lengths.items()}
            assert kept == {n: round(k * shares[n]) for n, k in self.start_lengths.items()}
        if self.kind == "budget":
            assert sum(kept.values()) == round(80 * (17 / 80) ** min(self.steps / 5, 1))
            assert min(kept.values()) >= 2
        if self.kind == "prune":
            left = max(0, 1 - self.steps / 6) ** 3
            numbers = {n: minimum[n] + round((k - minimum[n]) * left) for n, k in self.start_lengths.items()}
            assert {name: t.numbers for name, t in spectral_tensors(self.model).items()} == numbers
            assert all((kept[n] == k) == (self.steps < 6) for n, k in self.start_lengths.items())
        if self.kind != "guarded":
            ends = {"tail": 11, "tail share": 7, "geometric": 6, "budget": 5, "prune": 6}
            assert self.schedule.finished == (self.steps >= ends[self.kind])

    @invariant()
    def everything_has_the_same_length(self):
        for tensor in spectral_tensors(self.model).values():
            parameter = tensor.coefficients
            assert parameter.shape == (tensor.kept,)
            assert any(parameter is known for known in self.optimizer.param_groups[0]["params"])
            for value in self.optimizer.state[parameter].values() if parameter in self.optimizer.state else ():
                assert value.dim() == 0 or value.shape == parameter.shape
        with torch.no_grad():
            assert torch.isfinite(self.model(torch.ones(1, 6))).all()


TestTraining = Training.TestCase
TestTraining.settings = settings(max_examples=25, stateful_step_count=15)


def test_pruning_keeps_the_largest_coefficients_and_the_prefix_that_contains_them():
    model = regularize(nn.Linear(4, 4, bias=False))
    coefficients = spectral_tensors(model)["weight"].coefficients
    values = torch.tensor([0.1, -9, 0.2, 3, 0.3, 0.4, -8, 0.5, 5, 0.6, 0.7, 7, 0.8, 0.9, 1, 2])
    coefficients.data.copy_(values)
    optimizer = torch.optim.Adam(model.parameters(), 0.1)
    schedule = SpectralPruning(model, optimizer, steps=2, minimum=3)
    assert not schedule.step()  # (16 − 3) / 8 more than at the end
    assert coefficients.tolist() == [0, -9, 0, 3, 0, 0, -8, 0, 5, 0, 0, 7, 0, 0, 0, 0]
    coefficients.data[3] = 0.01
    coefficients.data[11] = 0.02
    model(torch.ones(1, 4)).sum().backward()
    assert schedule.step()
    assert coefficients.tolist() == [0, -9, 0, 0, 0, 0, -8, 0, 5]
    assert schedule.finished
    before = coefficients.detach().clone()
    for _ in range(3):
        optimizer.zero_grad()
        model(torch.randn(5, 4)).square().sum().backward()
        optimizer.step()
    assert ((coefficients != before) == (before != 0)).all()


def test_pruning_refuses_parameters_that_cannot_shrink_before_it_begins():
    model = regularize(nn.Linear(4, 4))
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    with pytest.raises(ValueError, match="steps=0"):
        SpectralPruning(model, optimizer, steps=0, minimum=3)
    with pytest.raises(ValueError, match="not a regularized tensor"):
        SpectralPruning(model, optimizer, steps=3, minimum={"wight": 3})


def guarded(**options):
    model = regularize(nn.Linear(10, 10, bias=False))
    return GuardedTruncation(model, torch.optim.SGD(model.parameters(), 0.1), **options)


def test_guarded_truncation_waits_until_the_metric_holds_again():
    schedule = guarded(factor=0.5, tolerance=0.01, patience=2)
    story = [(0.9, 50), (0.95, 25), (0.93, 25), (0.945, 12), (0.9, 12), (0.91, 12), (0.92, 12), (0.99, 12)]
    for metric, kept in story:
        schedule.step(metric)
        assert schedule.kept["weight"] == kept
    assert schedule.finished
    assert schedule.best == 0.99


def test_guarded_truncation_of_a_loss_with_a_reference():
    schedule = guarded(mode="min", reference=0.5, tolerance=0.1, factor=0.9, minimum=85)
    assert [schedule.step(loss) for loss in (0.61, 0.59, math.nan, 0.4, 0.45)] == [False, True, False, True, False]
    assert schedule.kept["weight"] == 85
    assert schedule.held


def test_guarded_truncation_is_not_stuck_after_a_metric_that_is_not_a_number():
    schedule = guarded(factor=0.5, tolerance=0.01)
    assert [schedule.step(metric) for metric in (math.nan, 0.9, math.nan, 0.95)] == [False, True, False, True]
    assert schedule.best == 0.95
    with pytest.raises(ValueError, match="reference=nan"):
        guarded(reference=math.nan)


def test_learning_rate_schedulers_continue_in_parallel():
    model, optimizer, schedule = make("tail")
    rate = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 10)
    for _ in range(3):
        model(torch.randn(3, 6)).sum().backward()
        optimizer.step()
        rate.step()
        schedule.step()
    assert optimizer.param_groups[0]["lr"] == pytest.approx(rate.get_last_lr()[0])


@pytest.mark.parametrize(
    ("kind", "options", "message"),
    [
        (TailTruncation, {"by": 0, "minimum": 3}, "by=0"),
        (TailTruncation, {"by": 1.5, "minimum": 3}, "by=1.5"),
        (TailTruncation, {"by": float("nan"), "minimum": 3}, "by=nan"),
        (TailTruncation, {"by": 1, "minimum": {"weight": 3}}, "'weight' is not a regularized tensor"),
        (TailTruncation, {"by": 1, "minimum": 0}, "0.weight: 0 is neither"),
        (GeometricTruncation, {"steps": 0, "minimum": 3}, "steps=0: must be at least 1"),
        (BudgetTruncation, {"steps": 3, "total": 1}, "a total of 1 is less than 2"),
        (GuardedTruncation, {"factor": 1.0}, "factor=1.0"),
        (GuardedTruncation, {"mode": "best"}, "mode='best'"),
    ],
)
def test_impossible_requests_are_reported(kind, options, message):
    model, optimizer, _ = make("tail")
    with pytest.raises(ValueError, match=message):
        kind(model, optimizer, **options)


def test_an_optimizer_of_another_model_is_refused():
    model, _, _ = make("tail")
    other = torch.optim.Adam(nn.Linear(6, 8).parameters(), 0.1)
    with pytest.raises(ValueError, match="Adam trains no coefficients of Sequential: create the optimizer after"):
        TailTruncation(model, other, by=1, minimum=3)
    own = torch.optim.Adam(model.parameters(), 0.1)
    TailTruncation(model, [other, own], by=1, minimum=3)


def test_states_of_other_schedules_and_models_are_refused():
    _, _, schedule = make("tail")
    _, _, other = make("budget")
    with pytest.raises(ValueError, match="not a state of TailTruncation: by, least, minimum, steps, total"):
        schedule.load_state_dict(other.state_dict())
    model = regularize(nn.Linear(6, 4))
    third = TailTruncation(model, torch.optim.SGD(model.parameters()), by=1, minimum=1)
    with pytest.raises(ValueError, match=r"other regularized tensors: 0.weight, 2.weight, weight"):
        third.load_state_dict(schedule.state_dict())
    with pytest.raises(ValueError, match=r"Linear has no regularized tensor: call regularize\(model\) first"):
        TailTruncation(nn.Linear(3, 3), (), by=1, minimum=1)


def test_a_state_does_not_change_with_the_schedule():
    model = regularize(nn.Linear(8, 8), trained=True)
    pruning = SpectralPruning(model, torch.optim.SGD(model.parameters(), 0.1), steps=5, minimum=0.1)
    pruning.step()
    state = pruning.state_dict()
    before = copy.deepcopy(state)
    pruning.step()
    assert state["last_step"] == before["last_step"] == 1
    assert all(torch.equal(mask, before["pruned"][name]) for name, mask in state["pruned"].items())
