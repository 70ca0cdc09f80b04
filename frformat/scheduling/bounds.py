"""Bound the gain of changing one application's tier, in constant time, from sums over all applications.

The sum of costs is bounded by Lagrangian duality: for any price μ ≥ 0 of the device's compute, the least sum of costs
is at least the sum over the applications of the minimum of C(u) + μ·u over their shares u, minus μ. The price that is
optimal before a change is nearly optimal after it, so the bound is tight if there are many applications. The largest
cost K is bounded by one Newton step: the shares that an application needs are a convex function of K.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from frformat.scheduling.demand import Demand, Demands, total
from frformat.scheduling.objectives import Score, Scored
from frformat.scheduling.problem import Objective


class Bounds:
    """Bounds on the gains of single changes.

    Args:
        objective: what is minimized.
        demands: the demands at the current tiers.
        scored: their score, and the shares that reach it.
        slack: a bound on the rounding error of any score.
    """

    def __init__(self, objective: Objective, demands: Demands, scored: Scored, slack: float) -> None:
        score, shares = scored
        self._demands, self._score, self._slack = demands, score, slack
        self._both = objective is Objective.MIN_MAX_COST
        self._largest = score[0] if self._both else math.inf
        self._prices = (0.0, price(demands, shares))
        self._sums = [total(self._part(demand, price) for demand in demands) - price for price in self._prices]
        self._needed = self._slope = 0.0
        self._highest = (-math.inf, -math.inf)
        if self._both:
            for demand in demands:
                self._needed += demand.share_for(self._largest)
                self._slope += _slope(demand, self._largest)
            first, second, *_ = sorted([*(demand.shortfall for demand in demands), -math.inf], reverse=True)
            self._highest = first, second

    def gain(self, app: int, demand: Demand) -> Score | None:
        """Return an upper bound on the gain if an application changes to a demand; None if the score cannot improve.

        Each number bounds the same number of the score before minus the score after, unless an earlier one is below
        its bound.
        """
        current = self._demands[app]
        least = max(
            sums - self._part(current, price) + self._part(demand, price)
            for sums, price in zip(self._sums, self._prices, strict=True)
        )
        saved = self._score[-1] - least + self._slack
        if not self._both:
            return (saved,) if saved > 0 else None
        first, second = self._highest
        others = second if current.shortfall == first else first
        highest = max(others, demand.shortfall)
        if highest > self._largest:
            return None
        if highest == self._largest:  # the largest cost cannot fall
            return (0.0, saved) if saved > 0 else None
        needed = self._needed - current.share_for(self._largest) + demand.share_for(self._largest)
        slope = self._slope - _slope(current, self._largest) + _slope(demand, self._largest)
        root = self._largest + (needed - 1.0) / slope if slope > 0.0 else -math.inf
        lowered = self._largest - max(highest, root) + self._slack
        return (lowered, math.inf) if lowered >= 0 else None

    def _least(self, demand: Demand) -> float:
        """Return a lower bound on the share of an application after any change that improves the score."""
        return demand.share_for(self._largest) if self._both else 0.0

    def _part(self, demand: Demand, price: float) -> float:
        """Return the minimum of C(u) + price · u over the possible shares u."""
        if price == 0.0:
            return demand.shortfall
        share = max(min(demand.root / math.sqrt(price), demand.enough), self._least(demand))
        return demand.cost(share) + price * share


def price(demands: Demands, shares: Sequence[float]) -> float:
    """Return the price of compute at which the applications choose their optimal shares, or more than 0 if it is free.

    The shares of late applications that are not at a lower bound are root / √price. If no application is late, this is
    the highest price at which none would save compute.
    """
    late = [share / demand.root for demand, share in zip(demands, shares, strict=True) if share < demand.enough]
    level = min(late) if late else max(demand.enough / demand.root for demand in demands)
    return 1.0 / (level * level)


def _slope(demand: Demand, cost: float) -> float:
    share = demand.share_for(cost)
    return share * share / demand.weight
