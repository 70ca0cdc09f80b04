"""Choose tiers and shares for applications under a budget."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Sequence
from typing import Final

from frformat.scheduling.demand import total
from frformat.scheduling.exact import exact
from frformat.scheduling.greedy import greedy
from frformat.scheduling.plan import Choice, Plan
from frformat.scheduling.problem import APPS, App, Budget, InfeasibleBudget, Objective
from frformat.scheduling.table import Table

EXACT_COMBINATIONS: Final = 1 << 16
"""The search is exact for up to this many combinations of tiers: for example, eight applications with four tiers
each."""


def choose_tiers(apps: Iterable[App], budget: Budget, objective: Objective | str = Objective.MIN_TOTAL_COST) -> Plan:
    """Choose a tier and a share of the device's compute for each application, at the least cost.

    The result depends only on the problem, never on the order of the applications. Shares are real numbers, and optimal
    for the chosen tiers. Tiers are optimal for up to :data:`EXACT_COMBINATIONS` combinations; beyond that, a greedy
    search chooses them.

    Args:
        apps: the running applications; without any, the plan is empty.
        budget: the resources that they share.
        objective: what to minimize, an :class:`Objective` or its value.

    Raises:
        InfeasibleBudget: they do not all fit into memory, even at their smallest tiers; the error says which to close.
        ValueError: two applications have the same name, there are more than 4,096, or the objective is unknown.
    """
    given = tuple(apps)
    which = _objective(objective)
    ordered = sorted(given, key=lambda app: app.name)
    _check(ordered, budget)
    if not ordered:
        return Plan((), 0.0, 0.0, True)
    table = Table(ordered, budget, which)
    tiers = greedy(table, table.smallest())
    is_exact = math.prod(len(app.tiers) for app in ordered) <= EXACT_COMBINATIONS
    if is_exact:
        tiers = exact(table, tiers)
    chosen = table.chosen(tiers)
    _, shares = table.scored(chosen)
    choices = {
        app.name: Choice(app.name, tier, share, demand.seconds / share, demand.cost(share))
        for app, tier, share, demand in zip(ordered, tiers, shares, chosen, strict=True)
    }
    costs = [choices[app.name].cost for app in ordered]
    return Plan(tuple(choices[app.name] for app in given), total(costs), max(costs), is_exact)


def _objective(objective: Objective | str) -> Objective:
    try:
        return Objective(objective)
    except ValueError:
        known = ", ".join(repr(one.value) for one in Objective)
        raise ValueError(f"unknown objective {objective!r}; use one of {known}") from None


def _check(ordered: Sequence[App], budget: Budget) -> None:
    """Raise if no plan can exist."""
    if len(ordered) > APPS:
        raise ValueError(f"{len(ordered)} applications are more than the {APPS} that can be planned together")
    for app, following in itertools.pairwise(ordered):
        if app.name == following.name:
            raise ValueError(f"two applications have the name {app.name!r}; give each its own")
    least = {app.name: min(tier.memory for tier in app.tiers) for app in ordered}
    needed = sum(least.values())
    if needed <= budget.memory:
        return
    unfit, left = [], needed
    for name in sorted(least, key=lambda name: (-least[name], name)):
        if left <= budget.memory:
            break
        unfit.append(name)
        left -= least[name]
    raise InfeasibleBudget(tuple(unfit), needed, budget.memory)
