"""``choose_tiers``: properties of every plan, shares against a grid, and both searches against each other."""

from __future__ import annotations

import dataclasses
import itertools
import math
from unittest import mock

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from frformat.scheduling import App, Budget, Objective, Plan, Tier, choose, choose_tiers
from frformat.scheduling.demand import Demands
from frformat.scheduling.greedy import greedy
from frformat.scheduling.objectives import Score
from frformat.scheduling.table import Table
from tests.scheduling import stepwise
from tests.scheduling.problems import plausible, problems

objectives = pytest.mark.parametrize("objective", list(Objective), ids=lambda objective: objective.value)
STEPS = 120


def value(plan: Plan, objective: Objective) -> float:
    return plan.total if objective is Objective.MIN_TOTAL_COST else plan.largest


def greedily(apps: list[App], budget: Budget, objective: Objective) -> Plan:
    with mock.patch.object(choose, "EXACT_COMBINATIONS", 0):
        return choose_tiers(apps, budget, objective)


def on_grid(apps: list[App], budget: Budget, objective: Objective) -> float:
    """Return the best value over all combinations and all shares that are multiples of 1/STEPS."""
    join = np.add if objective is Objective.MIN_TOTAL_COST else np.maximum
    best = math.inf
    shares = np.arange(1, STEPS + 1) / STEPS
    for tiers in itertools.product(*(app.tiers for app in apps)):
        if sum(tier.memory for tier in tiers) > budget.memory:
            continue
        together = None
        for app, tier in zip(apps, tiers, strict=True):
            late = np.maximum(0, tier.compute / budget.speed / shares - app.latency)
            cost = np.concatenate([[np.inf], app.accuracy - tier.accuracy + app.alpha * late])
            if together is None:
                together = cost
            else:
                together = np.array([join(together[: k + 1], cost[k::-1]).min() for k in range(STEPS + 1)])
        best = min(best, float(together.min()))
    return best


@objectives
@given(problem=problems())
def test_the_exact_plan_is_as_good_as_the_best_on_a_grid(
    objective: Objective, problem: tuple[list[App], Budget]
) -> None:
    apps, budget = problem
    plan = choose_tiers(apps, budget, objective)
    grid = on_grid(apps, budget, objective)
    assert plan.exact
    assert value(plan, objective) <= grid + 1e-9 * (1 + abs(grid))
    # Rounding shares up to the grid adds at most a step per application. The best plan for a device that is slower by
    # this amount is therefore a bound.
    slower = Budget(budget.memory, budget.speed * (1 - len(apps) / STEPS))
    bound = value(choose_tiers(apps, slower, objective), objective)
    assert grid <= bound + 1e-9 * (1 + abs(bound))


@objectives
@given(problem=problems(most=4))
def test_a_plan_stays_within_the_budget_and_states_its_cost(
    objective: Objective, problem: tuple[list[App], Budget]
) -> None:
    apps, budget = problem
    for plan in (choose_tiers(apps, budget, objective), greedily(apps, budget, objective)):
        assert [choice.app for choice in plan.choices] == [app.name for app in apps]
        chosen = [app.tiers[choice.tier] for app, choice in zip(apps, plan.choices, strict=True)]
        assert sum(tier.memory for tier in chosen) <= budget.memory
        assert math.fsum(choice.share for choice in plan.choices) <= 1 + 1e-12
        for app, tier, choice in zip(apps, chosen, plan.choices, strict=True):
            assert choice.share > 0
            assert choice.latency == tier.compute / budget.speed / choice.share
            late = max(0.0, choice.latency - app.latency)
            assert choice.cost == pytest.approx(app.accuracy - tier.accuracy + app.alpha * late, rel=1e-9, abs=1e-9)
            assert choice.latency >= app.latency * (1 - 1e-12), "more speed than wanted"
            assert plan[app.name] is choice
        assert plan.total == pytest.approx(math.fsum(choice.cost for choice in plan.choices), rel=1e-9, abs=1e-9)
        assert plan.largest == max(choice.cost for choice in plan.choices)


@objectives
@given(problem=problems(most=4), data=st.data())
def test_the_order_of_applications_does_not_matter(
    objective: Objective, problem: tuple[list[App], Budget], data: st.DataObject
) -> None:
    apps, budget = problem
    shuffled = data.draw(st.permutations(apps))
    for search in (choose_tiers, greedily):
        plan, other = search(apps, budget, objective), search(shuffled, budget, objective)
        assert (plan.total, plan.largest) == (other.total, other.largest)
        assert all(plan[app.name] == other[app.name] for app in apps)


@objectives
@given(problem=problems(), memory=st.integers(0, 500), faster=st.floats(1, 4))
def test_more_resources_never_increase_the_cost(
    objective: Objective, problem: tuple[list[App], Budget], memory: int, faster: float
) -> None:
    apps, budget = problem
    before = value(choose_tiers(apps, budget, objective), objective)
    more = Budget(budget.memory + memory, budget.speed * faster)
    assert value(choose_tiers(apps, more, objective), objective) <= before + 1e-9 * (1 + abs(before))


@given(problem=problems(most=4))
def test_each_objective_is_best_by_its_own_measure(problem: tuple[list[App], Budget]) -> None:
    plans = {objective: choose_tiers(*problem, objective) for objective in Objective}
    for objective, plan in plans.items():
        best = value(plan, objective)
        assert all(best <= value(other, objective) + 1e-9 * (1 + abs(best)) for other in plans.values())


@objectives
@given(problem=problems(most=4))
def test_the_greedy_search_is_never_better_than_the_exact_one(
    objective: Objective, problem: tuple[list[App], Budget]
) -> None:
    exact, greedy = choose_tiers(*problem, objective), greedily(*problem, objective)
    assert exact.exact
    assert not greedy.exact
    best = value(exact, objective)
    assert value(greedy, objective) >= best - 1e-9 * (1 + abs(best))


@objectives
@given(problem=problems(most=6, tiers=4), copies=st.integers(1, 3))
def test_the_greedy_search_makes_the_same_changes_as_the_specification(
    objective: Objective, problem: tuple[list[App], Budget], copies: int
) -> None:
    apps, budget = problem
    apps = [dataclasses.replace(app, name=f"{app.name}{copy}") for app in apps for copy in range(copies)]
    table = Table(sorted(apps, key=lambda app: app.name), Budget(copies * budget.memory, budget.speed), objective)
    assert greedy(table, table.smallest()) == stepwise.greedy(table, table.smallest())


@objectives
def test_the_greedy_search_computes_few_scores(objective: Objective, monkeypatch: pytest.MonkeyPatch) -> None:
    apps, budget = plausible(1, count=60)
    speed = 0.3 * sum(app.tiers[1].compute / app.latency for app in apps)
    table = Table(apps, Budget(budget.memory, speed), objective)
    calls: list[str] = []
    score = Table.score

    def counted(self: Table, chosen: Demands) -> Score:
        calls.append(name)
        return score(self, chosen)

    monkeypatch.setattr(Table, "score", counted)
    for name, search in (("bounds", greedy), ("stepwise", stepwise.greedy)):  # noqa: B007 — used by the function
        search(table, table.smallest())
    assert 20 * calls.count("bounds") < calls.count("stepwise")


@pytest.mark.parametrize(("objective", "most", "mean"), [("min-total-cost", 0.1, 0.005), ("min-max-cost", 0.01, 0.001)])
def test_the_greedy_search_loses_little(objective: str, most: float, mean: float) -> None:
    """The loss is a share of the possible gain over the smallest tiers, for 100 problems of six applications."""
    which, lost = Objective(objective), []
    for seed in range(100):
        apps, budget = plausible(seed)
        smallest = [App(app.name, app.tiers[:1], app.accuracy, app.latency, app.alpha) for app in apps]
        start, greedy, best = (
            value(plan, which)
            for plan in (
                choose_tiers(smallest, budget, which),
                greedily(apps, budget, which),
                choose_tiers(apps, budget, which),
            )
        )
        lost.append((greedy - best) / (start - best) if start - best > 1e-9 else 0.0)
    assert max(lost) <= most
    assert sum(lost) / len(lost) <= mean


@objectives
@given(
    exponents=st.lists(st.tuples(*[st.integers(-15, 15)] * 4), min_size=1, max_size=4),
    speed=st.integers(-15, 15),
    accuracy=st.sampled_from([-1e15, -1.0, 0.0, 1e-15, 1e15]),
)
def test_numbers_at_the_ends_of_their_ranges(
    objective: Objective, exponents: list[tuple[int, int, int, int]], speed: int, accuracy: float
) -> None:
    apps = [
        App(str(i), (Tier(0.0, 10.0**a, 1), Tier(accuracy, 10.0**b, 0)), 0.5, 10.0**c, 10.0**d)
        for i, (a, b, c, d) in enumerate(exponents)
    ]
    for plan in (
        choose_tiers(apps, Budget(2, 10.0**speed), objective),
        greedily(apps, Budget(2, 10.0**speed), objective),
    ):
        assert math.fsum(choice.share for choice in plan.choices) <= 1 + 1e-12
        assert all(choice.share > 0 and math.isfinite(choice.cost) for choice in plan.choices)
