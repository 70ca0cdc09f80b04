"""The two objectives: the best score that chosen tiers can reach, and the shares that reach it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from frformat.scheduling.demand import Demands, total
from frformat.scheduling.problem import Objective
from frformat.scheduling.shares import divide

Score = tuple[float, ...]
"""A score: its first number is minimized first, then the second."""

Scored = tuple[Score, list[float]]
"""The best score of chosen tiers, and the shares that reach it."""


def total_cost(demands: Demands) -> Scored:
    """Return the smallest sum of costs."""
    shares = divide(demands, [0.0] * len(demands))
    return (_sum(demands, shares),), shares


def largest_cost(demands: Demands) -> Scored:
    """Return the minimum of the largest cost and, given that, the minimum of the sum of costs."""
    largest = least_largest(demands)
    shares = divide(demands, [demand.share_for(largest) for demand in demands])
    return (largest, _sum(demands, shares)), shares


def least_largest(demands: Demands) -> float:
    """Return the lowest cost that no application needs to exceed.

    It is the largest shortfall or, if that is out of reach, the root of a function that is decreasing and convex from
    there on. Newton's method approaches the root from the left and never passes it. It ends when rounding prevents
    further progress.
    """
    cost = max(demand.shortfall for demand in demands)
    while True:
        needed = slope = 0.0
        for demand in demands:
            share = demand.share_for(cost)
            needed += share
            slope += share * share / demand.weight
        if needed <= 1.0:
            return cost
        step = cost + (needed - 1.0) / slope
        if not step > cost:
            return cost
        cost = step


def _sum(demands: Demands, shares: list[float]) -> float:
    return total(demand.cost(share) for demand, share in zip(demands, shares, strict=True))


SCORE: Final[dict[Objective, Callable[[Demands], Scored]]] = {
    Objective.MIN_TOTAL_COST: total_cost,
    Objective.MIN_MAX_COST: largest_cost,
}
