"""Simulate applications that start and stop on a device too slow for all of them, to measure a scheduler."""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from statistics import mean
from typing import Any

from frformat.scheduling import App, Budget, Choice, InfeasibleBudget, Plan, Tier

Json = dict[str, Any]
Scheduler = Callable[[Sequence[App], Budget], Plan]

MINUTES = 20
CONCURRENT = 4
"""Mean number of running applications. A new one starts every 15 seconds on average and runs for a minute on average,
both with exponential distributions."""

RATES = (5, 10, 15, 30)
"""Frame rates that an application can request, in frames per second."""

ROOM = 8
"""Number of applications that fit into memory if all of them run at the largest tier."""


@dataclass(frozen=True)
class Visit:
    """A period in which an application runs.

    Attributes:
        number: number of the application, from 0.
        start, end: times in seconds.
        rate: number of frames per second that it requests.
    """

    number: int
    start: float
    end: float
    rate: int

    @property
    def name(self) -> str:
        """Return the name of the application."""
        return f"app {self.number + 1}"


@dataclass
class Tally:
    """The frames of the applications that run one network.

    Attributes:
        wanted, frames: numbers of requested and of processed frames.
        right: sum of the accuracies of the processed frames.
        work: number of multiply-adds.
    """

    wanted: float = 0.0
    frames: float = 0.0
    right: float = 0.0
    work: float = 0.0

    @property
    def rate(self) -> float:
        """Return the share of the requested frames that were processed."""
        return self.frames / self.wanted

    @property
    def accuracy(self) -> float:
        """Return the mean accuracy over the processed frames."""
        return self.right / self.frames


@dataclass
class Outcome:
    """The result of a simulation. Every network has the same weight in the means.

    Attributes:
        tallies: one for each network.
        loaded: bytes of weights loaded, at the start and whenever a higher tier extends the loaded prefix.
        timeline: start and end of each period of time, with the tier of each application by name.
        plans: for each plan, whether it was exact.
    """

    tallies: list[Tally]
    loaded: int = 0
    timeline: list[tuple[float, float, dict[str, int]]] = field(default_factory=list)
    plans: list[bool] = field(default_factory=list)

    @property
    def rate(self) -> float:
        """Return the share of the requested frames that were processed."""
        return mean(each.rate for each in self.tallies)

    @property
    def accuracy(self) -> float:
        """Return the mean accuracy over the processed frames."""
        return mean(each.accuracy for each in self.tallies)

    @property
    def work(self) -> float:
        """Return the number of multiply-adds per frame."""
        return mean(each.work / each.frames for each in self.tallies)


def visits(seed: int) -> list[Visit]:
    """Return periods in which applications run; their starts form a Poisson process."""
    rng, now, out = random.Random(seed), 0.0, []
    while (now := now + rng.expovariate(CONCURRENT / 60)) < 60 * MINUTES:
        end = min(now + rng.expovariate(1 / 60), 60.0 * MINUTES)
        out.append(Visit(len(out), now, end, rng.choice(RATES)))
    return out


def budget(networks: Sequence[Json]) -> Budget:
    """Return a device that handles the mean load if a frame of each network takes the geometric mean of the costs of
    its smallest and its largest tier."""
    ends = [(network["tiers"][0], network["tiers"][-1]) for network in networks]
    frame = mean(math.sqrt(smallest["multiply_adds"] * largest["multiply_adds"]) for smallest, largest in ends)
    memory = ROOM * max(largest["peak_bytes"] for _, largest in ends)
    return Budget(memory, CONCURRENT * sum(RATES) / len(RATES) * frame)


def simulate(networks: Sequence[Json], schedule: Scheduler, rows: Sequence[Sequence[Json]], patience: float) -> Outcome:
    """Simulate a device that makes a new plan whenever an application starts or stops.

    Args:
        networks: the networks; applications run one of them each, in turn.
        schedule: makes the plans.
        rows: the tiers to choose from, for each network: its own, or others in the same form.
        patience: the cost, in units of accuracy, if one frame is dropped for every frame processed.
    """
    out, before = Outcome([Tally() for _ in networks]), dict[str, int]()
    tiers = [tuple(Tier(row["accuracy"], row["multiply_adds"], row["peak_bytes"]) for row in each) for each in rows]
    goals = [network["tiers"][-1]["accuracy"] for network in networks]
    device = budget(networks)
    for start, end, running in _spans(visits(1)):
        runs = {visit.name: visit.number % len(networks) for visit in running}
        apps = [App(v.name, tiers[runs[v.name]], goals[runs[v.name]], 1 / v.rate, patience * v.rate) for v in running]
        plan = _fitting(apps, device, schedule)
        out.plans.append(plan.exact)
        for visit in running:
            out.tallies[runs[visit.name]].wanted += visit.rate * (end - start)
        for choice in plan.choices:
            mine, tally = rows[runs[choice.app]], out.tallies[runs[choice.app]]
            row, frames = mine[choice.tier], (end - start) / choice.latency
            tally.frames += frames
            tally.right += frames * row["accuracy"]
            tally.work += frames * row["multiply_adds"]
            had = mine[before[choice.app]]["weight_bytes"] if choice.app in before else 0
            out.loaded += max(0, row["weight_bytes"] - had)
        before = {choice.app: choice.tier for choice in plan.choices}
        out.timeline.append((start, end, before))
    return out


def equal_shares(apps: Sequence[App], device: Budget) -> Plan:
    """Give each application its largest tier and an equal share of the device, as in the NestDNN paper's baseline."""
    choices = []
    for app in apps:
        latency = max(app.latency, app.tiers[-1].compute * len(apps) / device.speed)
        choices.append(Choice(app.name, len(app.tiers) - 1, 1 / len(apps), latency, 0.0))
    return Plan(tuple(choices), 0.0, 0.0, exact=False)


def knee(rows: Sequence[Json]) -> Json:
    """Return the tier at the knee of accuracy versus work: the furthest above the line from the first to the last."""
    first, last = rows[0], rows[-1]

    def height(row: Json) -> float:
        work, accuracy = ((row[key] - first[key]) / (last[key] - first[key]) for key in ("multiply_adds", "accuracy"))
        return accuracy - work

    return max(rows, key=height)


def _spans(all_visits: Sequence[Visit]) -> Iterator[tuple[float, float, list[Visit]]]:
    """Yield each period in which the same applications run: its start, its end, and these applications."""
    times = sorted({time for visit in all_visits for time in (visit.start, visit.end)})
    for start, end in itertools.pairwise(times):
        running = [visit for visit in all_visits if visit.start <= start < visit.end]
        if running:
            yield start, end, running


def _fitting(apps: list[App], device: Budget, schedule: Scheduler) -> Plan:
    """Return a plan. Applications that do not fit into memory have to wait, and get no frames."""
    try:
        return schedule(apps, device)
    except InfeasibleBudget as error:
        return schedule([app for app in apps if app.name not in error.unfit], device)
