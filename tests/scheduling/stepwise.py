"""The greedy search as ``docs/scheduling.md`` states it: each step computes the score of every change."""

from __future__ import annotations

from collections.abc import Callable

from frformat.scheduling.objectives import Score
from frformat.scheduling.table import Table

Rating = Callable[[Score, Score, int], Score]
"""Rates a change by the score before, the score after, and the bytes it takes."""


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
    tiers, demands = list(start), table.chosen(start)
    score = table.score(demands)
    while True:
        best: tuple[Score, int, int, Score] | None = None
        free = table.memory - sum(demand.memory for demand in demands)
        for app, row in enumerate(table.rows):
            current = demands[app]
            for tier, demand in enumerate(row):
                more = demand.memory - current.memory
                if tier == tiers[app] or more > free:
                    continue
                demands[app] = demand
                found = table.score(demands)
                if found < score:
                    rated = rating(score, found, more)
                    if best is None or rated > best[0]:
                        best = (rated, app, tier, found)
            demands[app] = current
        if best is None:
            return tiers
        _, app, tier, score = best
        tiers[app], demands[app] = tier, table.rows[app][tier]


def _gain(before: Score, after: Score, more: int) -> Score:
    return tuple(old - new for old, new in zip(before, after, strict=True))


def _gain_per_byte(before: Score, after: Score, more: int) -> Score:
    return tuple(gain / max(more, 1) for gain in _gain(before, after, more))
