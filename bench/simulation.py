"""Applications that come and go on a device too slow for all of them: what users gain from a scheduler."""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from frformat.scheduling import App, Budget, InfeasibleBudget, Plan, Tier

Json = dict[str, Any]
Scheduler = Callable[[Sequence[App], Budget], Plan]

MINUTES = 20
CONCURRENT = 4
"""How many applications run on average: one comes every fifteen seconds and stays for a minute (both exponential)."""

RATES = (5, 10, 15, 30)
"""Frames per second that an application may want."""

ROOM = 8
"""The number of applications that fit the memory at the largest tier."""


@dataclass(frozen=True)
class Visit:
    """An application's stay.

    Attributes:
        name: its name.
        start, end: seconds.
        rate: frames a second that it wants.
    """

    name: str
    start: float
    end: float
    rate: int


@dataclass
class Outcome:
    """What the users got.

    Attributes:
        wanted, frames: frames that were wanted, and processed.
        right: their accuracies added up.
        work: multiply-adds.
        loaded: bytes of weights that were loaded: at the start, and the rest of a prefix for a higher tier.
        timeline: for each span of time its start, its end, and the tier of each application by name.
        plans: how many there were, and of these exact.
    """

    wanted: float = 0.0
    frames: float = 0.0
    right: float = 0.0
    work: float = 0.0
    loaded: int = 0
    timeline: list[tuple[float, float, dict[str, int]]] = field(default_factory=list)
    plans: list[bool] = field(default_factory=list)

    @property
    def rate(self) -> float:
        """The share of the wanted frames that were processed."""
        return self.frames / self.wanted

    @property
    def accuracy(self) -> float:
        """The mean over frames."""
        return self.right / self.frames


def visits(seed: int) -> list[Visit]:
    """Return the arrivals and departures of a Poisson process."""
    rng, now, out = random.Random(seed), 0.0, []
    while (now := now + rng.expovariate(CONCURRENT / 60)) < 60 * MINUTES:
        end = min(now + rng.expovariate(1 / 60), 60.0 * MINUTES)
        out.append(Visit(f"app {len(out) + 1}", now, end, rng.choice(RATES)))
    return out


def budget(profile: Json) -> Budget:
    """Return a device fast enough for the mean work, if frames take the geometric mean of the extreme tiers."""
    smallest, largest = profile["tiers"][0], profile["tiers"][-1]
    frame = math.sqrt(smallest["multiply_adds"] * largest["multiply_adds"])
    return Budget(ROOM * largest["peak_bytes"], CONCURRENT * sum(RATES) / len(RATES) * frame)


def simulate(profile: Json, schedule: Scheduler, rows: Sequence[Json], patience: float) -> Outcome:
    """Make a new plan whenever an application comes or goes.

    Args:
        profile: the model that all applications run.
        schedule: makes the plans.
        rows: the tiers that it may choose from, of ``profile`` or others of the same form.
        patience: how much accuracy each frame is worth that is missing from the wanted rate when one is processed.
    """
    out, before = Outcome(), dict[str, int]()
    tiers = tuple(Tier(row["accuracy"], row["multiply_adds"], row["peak_bytes"]) for row in rows)
    goal = profile["tiers"][-1]["accuracy"]
    for start, end, running in _spans(visits(1)):
        apps = [App(visit.name, tiers, goal, 1 / visit.rate, patience * visit.rate) for visit in running]
        plan = _fitting(apps, budget(profile), schedule)
        out.plans.append(plan.exact)
        out.wanted += sum(visit.rate for visit in running) * (end - start)
        for choice in plan.choices:
            row, frames = rows[choice.tier], (end - start) / choice.latency
            out.frames += frames
            out.right += frames * row["accuracy"]
            out.work += frames * row["multiply_adds"]
            had = rows[before[choice.app]]["weight_bytes"] if choice.app in before else 0
            out.loaded += max(0, row["weight_bytes"] - had)
        before = {choice.app: choice.tier for choice in plan.choices}
        out.timeline.append((start, end, before))
    return out


def _spans(all_visits: Sequence[Visit]) -> Iterator[tuple[float, float, list[Visit]]]:
    """Yield the intervals between events in which applications run, with these applications."""
    times = sorted({time for visit in all_visits for time in (visit.start, visit.end)})
    for start, end in itertools.pairwise(times):
        running = [visit for visit in all_visits if visit.start <= start < visit.end]
        if running:
            yield start, end, running


def _fitting(apps: list[App], device: Budget, schedule: Scheduler) -> Plan:
    """Return a plan; applications that do not fit wait, and get no frames."""
    try:
        return schedule(apps, device)
    except InfeasibleBudget as error:
        return schedule([app for app in apps if app.name not in error.unfit], device)
