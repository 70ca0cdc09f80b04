"""The demands that tiers place on the device, derived once for every pair of an application and a tier."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from frformat.scheduling.problem import App, Budget


class Demand:
    """One application at one tier. All numbers are binary64, and each is computed by a fixed formula.

    Args:
        app: the application, which defines the goals.
        shortfall: how far the accuracy is below the goal; negative if it is above.
        seconds: time of one inference on the whole device.
        memory: bytes.

    Attributes:
        enough: the smallest share at which the latency goal is met; can exceed 1.
        weight: alpha · seconds, the cost per 1/share.
        root: √weight; late applications get shares in proportion to it.
    """

    __slots__ = ("alpha", "enough", "latency", "memory", "patience", "root", "seconds", "shortfall", "weight")

    def __init__(self, app: App, shortfall: float, seconds: float, memory: int) -> None:
        self.alpha = float(app.alpha)
        self.latency = float(app.latency)
        self.patience = self.alpha * self.latency
        self.shortfall = shortfall
        self.seconds = seconds
        self.memory = memory
        self.enough = seconds / self.latency
        self.weight = self.alpha * seconds
        self.root = math.sqrt(self.weight)

    def late(self, share: float) -> float:
        """Return the seconds by which the latency goal is missed at a share above 0."""
        return 0.0 if share >= self.enough else max(0.0, self.seconds / share - self.latency)

    def cost(self, share: float) -> float:
        """Return the cost at a share above 0."""
        return self.shortfall + self.alpha * self.late(share)

    def share_for(self, cost: float) -> float:
        """Return the smallest share at which the cost is at most ``cost``; ``enough`` if there is none."""
        if cost <= self.shortfall:
            return self.enough
        return min(self.enough, self.weight / (self.patience + (cost - self.shortfall)))


Demands = Sequence[Demand]
"""One demand for each application, at its chosen tier."""


def demands(app: App, budget: Budget) -> list[Demand]:
    """Return an application's demand at each tier."""
    accuracy, speed = float(app.accuracy), float(budget.speed)
    return [
        Demand(app, accuracy - float(tier.accuracy), float(tier.compute) / speed, int(tier.memory))
        for tier in app.tiers
    ]


def ideal(app: App, tiers: Demands) -> Demand:
    """Return a demand that combines the best values of all tiers; usually, no single tier has all of them."""
    return Demand(
        app,
        min(demand.shortfall for demand in tiers),
        min(demand.seconds for demand in tiers),
        min(demand.memory for demand in tiers),
    )


def total(values: Iterable[float]) -> float:
    """Return the sum from left to right. Since Python 3.12, ``sum`` corrects rounding errors; Kotlin's does not."""
    result = 0.0
    for value in values:
        result += value
    return result
