"""Find good tiers for many applications: start from the smallest tiers and repeatedly make the best single change.

Rating every change by its exact score would take cubic time. :mod:`frformat.scheduling.bounds` therefore bounds all
ratings first, in constant time each, and scores are computed only for changes that may be the best one.
"""

from __future__ import annotations

from collections.abc import Callable

from frformat.scheduling.bounds import Bounds
from frformat.scheduling.objectives import Score
from frformat.scheduling.table import Table, rounding

Rating = Callable[[Score, int], Score]
"""Rates a change by its gain, which is the score before minus the score after, and the bytes it takes."""


def greedy(table: Table, start: list[int]) -> list[int]:
    """Return the better result of two descents: one rates changes by their gain, the other by their gain per byte.

    Args:
        table: the demands to choose from.
        start: tiers that fit into memory.
    """
    ends = [_descend(table, start, rating) for rating in (_gain_per_byte, _gain)]
    return min(ends, key=lambda tiers: table.score(table.chosen(tiers)))


def _descend(table: Table, start: list[int], rating: Rating) -> list[int]:
    """Repeatedly change the tier of one application, by the best-rated change, until no change improves the score."""
    tiers, demands, slack = list(start), table.chosen(start), rounding(table)
    score = table.score(demands)
    while True:
        best: tuple[Score, int, int, Score] | None = None
        free = table.memory - sum(demand.memory for demand in demands)
        bounds = Bounds(table.objective, demands, table.scored(demands), slack)
        found: list[tuple[Score, int, int]] = []
        for app, row in enumerate(table.rows):
            current = demands[app]
            for tier, demand in enumerate(row):
                more = demand.memory - current.memory
                if tier != tiers[app] and more <= free:
                    most = bounds.gain(app, demand)
                    if most is not None:
                        found.append((rating(most, more), app, tier))
        likely = max(found, default=None)
        for most, app, tier in found if likely is None else [likely, *found]:
            if best is not None and (most < best[0] or (app, tier) == best[1:3]):
                continue
            current, demand = demands[app], table.rows[app][tier]
            demands[app] = demand
            after = table.score(demands)
            demands[app] = current
            if after < score:
                gain = tuple(old - new for old, new in zip(score, after, strict=True))
                rated = rating(gain, demand.memory - current.memory)
                if best is None or rated > best[0] or (rated == best[0] and (app, tier) < best[1:3]):
                    best = (rated, app, tier, after)
        if best is None:
            return tiers
        _, app, tier, score = best
        tiers[app], demands[app] = tier, table.rows[app][tier]


def _gain(gain: Score, more: int) -> Score:
    return gain


def _gain_per_byte(gain: Score, more: int) -> Score:
    return tuple(each / max(more, 1) for each in gain)
