"""Write ``docs/scheduling-vectors.json``: problems, and their plans as ``docs/scheduling.md`` defines them.

``python -m tests.scheduling.vectors`` writes the file. Every combination is tried, each score is computed as the
document defines it, and no code is shared with frformat.
"""

from __future__ import annotations

import itertools
import json
import math
import os
import random
from collections.abc import Callable, Iterator
from typing import Any, Final

ROOT: Final = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PATH: Final = os.path.join(ROOT, "docs", "scheduling-vectors.json")
EXACT: Final = 65_536

Json = dict[str, Any]
Score = tuple[float, ...]


def contents() -> bytes:
    """Return the file, with one vector per line."""
    plans, infeasible = list(_plans()), list(_infeasible())
    lines = [",\n".join(json.dumps(entry, allow_nan=False) for entry in entries) for entries in (plans, infeasible)]
    return f'{{\n"version": 1,\n"plans": [\n{lines[0]}\n],\n"infeasible": [\n{lines[1]}\n]\n}}\n'.encode("ascii")


class Demand:
    """An application at a tier (section 2)."""

    def __init__(self, app: Json, tier: Json, budget: Json) -> None:
        self.alpha, self.goal = float(app["alpha"]), float(app["latency"])
        self.s = app["accuracy"] - tier["accuracy"]
        self.l = tier["compute"] / budget["speed"]
        self.e = self.l / self.goal
        self.w = self.alpha * self.l
        self.r = math.sqrt(self.w)
        self.p = self.alpha * self.goal
        self.memory: int = tier["memory"]

    def cost(self, u: float) -> float:
        return self.s if u >= self.e else self.s + self.alpha * max(0.0, self.l / u - self.goal)

    def g(self, k: float) -> float:
        return self.e if k <= self.s else min(self.e, self.w / (self.p + (k - self.s)))


def plan(apps: list[Json], budget: Json, objective: str) -> Json:
    """Return the result (section 5)."""
    order = sorted(range(len(apps)), key=lambda i: apps[i]["name"].encode())
    rows = [[Demand(apps[i], tier, budget) for tier in apps[i]["tiers"]] for i in order]
    score = {"min-total-cost": _total, "min-max-cost": _largest}[objective]
    is_exact = math.prod(map(len, rows)) <= EXACT
    tiers = (_exact if is_exact else _greedy)(rows, budget["memory"], lambda chosen: score(chosen)[0])
    chosen = [row[tier] for row, tier in zip(rows, tiers, strict=True)]
    shares = score(chosen)[1] if chosen else []
    choices = [
        {"tier": tier, "share": u, "latency": demand.l / u, "cost": demand.cost(u)}
        for tier, u, demand in zip(tiers, shares, chosen, strict=True)
    ]
    costs = [choice["cost"] for choice in choices]
    given = [choices[order.index(i)] for i in range(len(apps))]
    return {"choices": given, "total": _sum(costs), "largest": max(costs, default=0.0), "exact": is_exact}


def _sum(terms: list[float]) -> float:
    total = 0.0
    for term in terms:
        total = total + term
    return total


def _divide(chosen: list[Demand], bounds: list[float]) -> list[float]:
    shares = [demand.e for demand in chosen]
    if _sum(shares) <= 1:
        return shares
    needed = _sum(bounds)
    if needed > 1:
        bounds = [b / needed for b in bounds]
    free, rest = list(range(len(chosen))), 1.0
    while free:
        t = rest / _sum([chosen[i].r for i in free])
        for i in free:
            shares[i] = chosen[i].r * t
        below = [i for i in free if shares[i] < bounds[i]]
        above = [i for i in free if shares[i] >= bounds[i] and shares[i] > chosen[i].e]
        short = _sum([bounds[i] - shares[i] for i in below])
        excess = _sum([shares[i] - chosen[i].e for i in above])
        if short == excess == 0:
            break
        for i in above if excess >= short else below:
            shares[i] = chosen[i].e if excess >= short else bounds[i]
            free.remove(i)
            rest = max(rest - shares[i], 2.0**-53)
    return shares


def _total(chosen: list[Demand]) -> tuple[Score, list[float]]:
    shares = _divide(chosen, [0.0] * len(chosen))
    return (_sum([demand.cost(u) for demand, u in zip(chosen, shares, strict=True)]),), shares


def _largest(chosen: list[Demand]) -> tuple[Score, list[float]]:
    k = max(demand.s for demand in chosen)
    while True:
        f = _sum([demand.g(k) for demand in chosen])
        d = _sum([demand.g(k) * demand.g(k) / demand.w for demand in chosen])
        if f <= 1 or not k + (f - 1) / d > k:
            break
        k = k + (f - 1) / d
    shares = _divide(chosen, [demand.g(k) for demand in chosen])
    return (k, _sum([demand.cost(u) for demand, u in zip(chosen, shares, strict=True)])), shares


def _exact(rows: list[list[Demand]], memory: int, score: Callable[[list[Demand]], Score]) -> list[int]:
    best: tuple[Score, list[int]] | None = None
    for tiers in itertools.product(*(range(len(row)) for row in rows)):
        chosen = [row[tier] for row, tier in zip(rows, tiers, strict=True)]
        if chosen and sum(demand.memory for demand in chosen) <= memory:
            found = (score(chosen), list(tiers))
            best = found if best is None or found < best else best
    return best[1] if best else []


def _greedy(rows: list[list[Demand]], memory: int, score: Callable[[list[Demand]], Score]) -> list[int]:
    ends = []
    for per_byte in (True, False):
        tiers = [[demand.memory for demand in row].index(min(demand.memory for demand in row)) for row in rows]
        while True:
            before = [row[tier] for row, tier in zip(rows, tiers, strict=True)]
            changes = []
            for app, tier in ((app, tier) for app, row in enumerate(rows) for tier in range(len(row))):
                after = [*before[:app], rows[app][tier], *before[app + 1 :]]
                if (
                    tier != tiers[app]
                    and sum(demand.memory for demand in after) <= memory
                    and score(after) < score(before)
                ):
                    more = max(rows[app][tier].memory - before[app].memory, 1) if per_byte else 1
                    gains = zip(score(before), score(after), strict=True)
                    changes.append(([(a - b) / float(more) for a, b in gains], app, tier))
            if not changes:
                break
            highest = max(rating for rating, _, _ in changes)
            _, app, tier = next(change for change in changes if change[0] == highest)
            tiers[app] = tier
        ends.append((score(before), tiers))
    return ends[1][1] if ends[1][0] < ends[0][0] else ends[0][1]


def _app(name: str, tiers: list[tuple[float, float, int]], accuracy: float, latency: float, alpha: float = 1.0) -> Json:
    keys = ("accuracy", "compute", "memory")
    profile = [dict(zip(keys, tier, strict=True)) for tier in tiers]
    return {"name": name, "tiers": profile, "accuracy": accuracy, "latency": latency, "alpha": alpha}


SMALL: Final = [(0.9, 0.01, 100), (0.95, 0.02, 200), (0.98, 0.05, 500)]
WIDE: Final = [(0.8, 0.004, 50), (0.97, 0.1, 900)]


def _problems() -> Iterator[tuple[str, str, list[Json], Json]]:
    """Yield the name, description, applications and budget of each problem."""
    camera, voice = _app("camera", SMALL, 0.95, 0.05), _app("voice", WIDE, 0.9, 0.2, 0.5)
    third, budget = _app("text", SMALL, 0.9, 0.02, 4.0), {"memory": 2000, "speed": 1.0}
    yield "none", "no application", [], budget
    yield "one", "one application, all of the device", [camera], budget
    yield "one-late", "one application that is late even with all of the device", [third], {**budget, "speed": 0.25}
    yield "two", "both in time", [camera, voice], {**budget, "speed": 4.0}
    yield "whole", "shares that are enough add up to 1", [_app(n, [(1.0, 0.5, 1)], 1.0, 1.0) for n in "ab"], budget
    yield "two-late", "both late", [camera, voice], {**budget, "speed": 0.125}
    yield "three-mixed", "some late, some in time", [camera, voice, third], {**budget, "speed": 1.25}
    yield "memory", "not enough memory for the best tiers", [camera, voice, third], {"memory": 700, "speed": 8.0}
    yield "memory-exact", "memory used to the last byte", [camera, voice, third], {"memory": 1900, "speed": 64.0}
    yield (
        "no-memory",
        "models and a budget of 0 bytes",
        [_app("a", [(0.5, 1.0, 0), (0.7, 2.0, 0)], 0.5, 1.0)],
        {**budget, "memory": 0},
    )
    yield (
        "given-order",
        "choices are in the order in which the applications are given",
        [voice, third, camera],
        {**budget, "speed": 1.25},
    )
    twins = [_app(name, [(0.5, 0.1, 10), (0.9, 0.1, 20)], 0.9, 0.5) for name in ("b", "a")]
    yield "tie", "among equal scores, low tiers for the first names", twins, {"memory": 30, "speed": 1.0}
    names = ("\N{GRINNING FACE}", "\N{HALFWIDTH WHITE CIRCLE}", "z", "é")
    coded = [_app(name, [(0.5, 0.1, 10), (0.9, 0.1, 20)], 0.9, 0.5) for name in names]
    yield "names", "names are ordered by code points, not by UTF-16", coded, {"memory": 70, "speed": 1.0}
    same = _app("a", [(0.5, 0.1, 10), (0.9, 0.1, 20), (0.9, 0.1, 20)], 0.9, 0.5)
    yield "twin-tiers", "among equal tiers, the first", [same, camera], budget
    unordered = _app("a", [(0.98, 0.05, 500), (0.9, 0.01, 100), (0.95, 0.02, 200), (0.1, 9.0, 5)], 0.9, 0.1)
    yield "unordered", "tiers in any order, one useless", [unordered, voice], {"memory": 900, "speed": 1.0}
    hopeless = _app("hopeless", [(0.2, 0.01, 10), (0.3, 0.02, 20)], 0.99, 0.1)
    yield (
        "floor",
        "one application determines the largest cost; the others still get their best",
        [hopeless, camera, voice],
        {**budget, "speed": 1.5},
    )
    yield (
        "floor-late",
        "the same, without enough compute for all to be in time",
        [hopeless, camera, voice, third],
        {**budget, "speed": 0.75},
    )
    greedy = [
        _app(f"{i:02}", SMALL if i % 3 else WIDE, 0.8 + 0.015 * i, 0.02 * (1 + i % 4), 0.5 + i % 5) for i in range(13)
    ]
    yield (
        "alphas",
        "one application that values accuracy most, and one that values speed most",
        [_app("accurate", SMALL, 0.95, 0.05, 1e-3), _app("fast", SMALL, 0.95, 0.05, 1e3), voice],
        {**budget, "speed": 0.5},
    )
    scale = [
        _app("tiny", [(1e-9, 1e-15, 0), (2e-9, 1e-9, 1)], -1.0, 1e15, 1e-15),
        _app("huge", [(1e15, 1e15, (1 << 50) - 500)], 1e15, 1e-15, 1e15),
    ]
    yield "scales", "numbers at the limits of their ranges", [*scale, camera], {"memory": 1 << 50, "speed": 1e3}
    crumb = [_app("a", [(0.5, 0.7, 1)], 0.5, 1.0), _app("b", [(0.5, 0.3000000000000001, 1)], 0.5, 1.0)]
    yield (
        "crumb",
        "an application that needs next to nothing",
        [*crumb, _app("c", [(0.5, 1e-15, 1)], 0.5, 1e10, 1e-15)],
        budget,
    )
    single = [_app(f"{i}", [(0.9, 0.01 * (i + 1), 1)], 0.9, 0.1) for i in range(20)]
    yield "single-tiers", "twenty applications with one tier each", single, budget
    for speed in (0.5, 4.0, 32.0):
        for memory in (2000, 5000):
            about = "too many combinations to try, so two descents"
            yield f"greedy-{speed:g}-{memory}", about, greedy, {"memory": memory, "speed": speed}
    rng = random.Random(7)
    many = []
    for i in range(40):
        work, bytes = rng.choice([0.002, 0.005, 0.01]), rng.choice([20, 50])
        tiers = [(0.6 + 0.1 * j, work * 2**j, bytes * (j + 1)) for j in range(4)]
        many.append(_app(f"{i:02}", tiers, 0.9, rng.choice([0.05, 0.1]), rng.choice([1.0, 5.0])))
    for speed in (3.0, 9.0):
        yield f"many-{speed:g}", "forty applications, many of them alike", many, {"memory": 4500, "speed": speed}


def _random() -> Iterator[tuple[str, str, list[Json], Json]]:
    """Yield random problems with short decimal numbers."""
    for number in range(40):
        rng = random.Random(number)
        apps = []
        for i in range(rng.randint(2, 4)):
            tiers = []
            work = 10 ** rng.uniform(-3, -1)
            for accuracy in sorted(rng.uniform(0.5, 1) for _ in range(rng.randint(1, 4))):
                work *= 10 ** rng.uniform(0, 0.6)
                tiers.append((round(accuracy, 3), float(f"{work:.3g}"), int(1e6 * work * rng.uniform(0.5, 2))))
            goal = round(rng.uniform(0.6, 1), 3)
            apps.append(
                _app(
                    f"app {i}", tiers, goal, 1 / rng.choice([5, 10, 15, 30]), float(f"{10 ** rng.uniform(-1, 1.5):.3g}")
                )
            )
        rng.shuffle(apps)
        low, high = (sum(f(tier["memory"] for tier in app["tiers"]) for app in apps) for f in (min, max))
        budget = {"memory": rng.randint(low, high), "speed": float(f"{10 ** rng.uniform(-0.5, 1):.3g}")}
        yield f"random-{number}", "generated at random", apps, budget


def _plans() -> Iterator[Json]:
    for name, about, apps, budget in itertools.chain(_problems(), _random()):
        for objective in ("min-total-cost", "min-max-cost"):
            asked = {
                "name": f"{name}-{objective[4:-5]}",
                "about": about,
                "objective": objective,
                "budget": budget,
                "apps": apps,
            }
            yield {**asked, "plan": plan(apps, budget, objective)}


def _infeasible() -> Iterator[Json]:
    sizes = {"a": 40, "b": 30, "c": 30, "d": 5}
    apps = [_app(name, [(0.5, 1.0, size + 10), (0.4, 1.0, size)], 0.5, 1.0) for name, size in sizes.items()]
    for memory, unfit in ((104, ["a"]), (65, ["a"]), (64, ["a", "b"]), (5, ["a", "b", "c"]), (0, ["a", "b", "c", "d"])):
        asked = {"about": "close the largest; among equal ones, the first", "objective": "min-max-cost"}
        answer = {"unfit": unfit, "needed": sum(sizes.values()), "available": memory}
        yield {"name": f"memory-{memory}", **asked, "budget": {"memory": memory, "speed": 1.0}, "apps": apps, **answer}


if __name__ == "__main__":
    with open(PATH, "wb") as _file:
        _file.write(contents())
