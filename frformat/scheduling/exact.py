"""Find the optimal tiers: try every combination except those that cannot win."""

from __future__ import annotations

from frformat.scheduling.objectives import Score
from frformat.scheduling.table import Table, rounding


def exact(table: Table, start: list[int]) -> list[int]:
    """Return the tiers with the lowest score or, if several combinations have it, the lexicographically first one.

    This is branch and bound. Whatever tiers the undecided applications take, the score is no better than with their
    ideal demands. A branch is cut only if this bound is worse than the best score so far by more than rounding can
    explain, so the result equals that of trying all combinations.

    Args:
        table: the demands to choose from.
        start: tiers that fit into memory; the better they are, the more branches are cut.
    """
    slack = rounding(table)
    best = (table.score(table.chosen(start)), start)
    demands, tiers = list(table.ideals), list(start)
    undecided = [app for app, row in enumerate(table.rows) if len(row) > 1]

    def descend(depth: int, memory: int) -> None:
        nonlocal best
        if depth == len(undecided):
            best = min(best, (table.score(demands), list(tiers)))
            return
        app = undecided[depth]
        for tier, demand in enumerate(table.rows[app]):
            left = memory - (demand.memory - table.ideals[app].memory)
            if left < 0:
                continue
            demands[app], tiers[app] = demand, tier
            if not _hopeless(table.score(demands), max(d.shortfall for d in demands), best[0], slack):
                descend(depth + 1, left)
        demands[app] = table.ideals[app]

    descend(0, table.memory - sum(demand.memory for demand in demands))
    return best[1]


def _hopeless(bound: Score, floor: float, best: Score, slack: float) -> bool:
    """Return whether every score of at least ``bound`` is worse than ``best``; no largest cost is below ``floor``."""
    if bound[0] > best[0] + slack:
        return True
    return len(bound) > 1 and floor >= best[0] and bound[1] > best[1] + slack
