"""Divide the device among applications with given tiers: a convex problem with a closed form.

The cost of an application at share u is a constant plus weight/u, until u is ``enough``. Setting the derivatives of
late applications equal makes their shares proportional to √weight. Bounds are met by variable fixing, after G. R.
Bitran and A. C. Hax, "Disaggregation and resource allocation using convex knapsack problems with bounded variables",
Management Science 27(4), 1981: each round fixes one or more shares at a bound that they have at the optimum.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from frformat.scheduling.demand import Demands, total

CRUMB: Final = 2.0**-53
"""Lower bound for what is left to divide, so that rounding never makes a share 0."""


def divide(demands: Demands, least: Sequence[float]) -> list[float]:
    """Return the shares with the lowest total cost that are at least ``least`` and at most ``enough``.

    Args:
        demands: one for each application.
        least: a lower bound for each share, at most its ``enough``; scaled down if the sum exceeds 1 by rounding.

    Returns:
        Shares that add up to at most 1, except for rounding.
    """
    shares = [demand.enough for demand in demands]
    if total(shares) <= 1.0:
        return shares
    needed = total(least)
    if needed > 1.0:
        least = [share / needed for share in least]
    free, rest = list(range(len(demands))), 1.0
    while free:
        level = rest / total(demands[i].root for i in free)
        short = excess = 0.0
        for i in free:
            shares[i] = demands[i].root * level
            if shares[i] < least[i]:
                short += least[i] - shares[i]
            elif shares[i] > demands[i].enough:
                excess += shares[i] - demands[i].enough
        if short == 0.0 and excess == 0.0:
            break
        bounds = [demand.enough for demand in demands] if excess >= short else least
        left = []
        for i in free:
            if shares[i] > bounds[i] if excess >= short else shares[i] < bounds[i]:
                shares[i] = bounds[i]
                rest = max(rest - bounds[i], CRUMB)
            else:
                left.append(i)
        free = left
    return shares
