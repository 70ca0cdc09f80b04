"""The table that both searches use: a row for each application, with a demand for each tier."""

from __future__ import annotations

from collections.abc import Sequence

from frformat.scheduling.demand import Demand, Demands, demands, ideal
from frformat.scheduling.objectives import SCORE, Score, Scored
from frformat.scheduling.problem import App, Budget, Objective


class Table:
    """A problem prepared for searching.

    Args:
        apps: the applications, sorted by name.
        budget: the resources that they share.
        objective: what to minimize.

    Attributes:
        rows: for each application, its demand at each tier.
        ideals: for each application, a demand that combines the best values of all its tiers.
        memory: bytes for all applications together.
        objective: what is minimized.
    """

    def __init__(self, apps: Sequence[App], budget: Budget, objective: Objective) -> None:
        self.rows: list[Demands] = [demands(app, budget) for app in apps]
        self.ideals: Demands = [ideal(app, row) for app, row in zip(apps, self.rows, strict=True)]
        self.memory = int(budget.memory)
        self.objective = objective

    def chosen(self, tiers: Sequence[int]) -> list[Demand]:
        """Return the demands at these tiers."""
        return [row[tier] for row, tier in zip(self.rows, tiers, strict=True)]

    def smallest(self) -> list[int]:
        """Return, for each application, the tier that takes the least memory; the first one if there are several."""
        sizes = ([demand.memory for demand in row] for row in self.rows)
        return [memory.index(min(memory)) for memory in sizes]

    def scored(self, chosen: Demands) -> Scored:
        """Return the best score for the chosen demands, one per application, and the shares that reach it."""
        return SCORE[self.objective](chosen)

    def score(self, chosen: Demands) -> Score:
        """Return the best score for the chosen demands, one per application."""
        return self.scored(chosen)[0]


def rounding(table: Table) -> float:
    """Return a bound on the rounding error of any score: a small fraction of the largest numbers in the sums."""
    apps = len(table.rows)
    largest = [max(abs(d.shortfall) + d.patience + apps * d.weight for d in row) for row in table.rows]
    return 1e-10 * sum(largest)
