"""Compare models with tiers and models of one size on the same budget: accuracy, frames, work, and bytes loaded.

The tiers are those of ``bench/results/joint.json`` and ``bench/results/nested.json``; see :mod:`bench.joint` and
:mod:`bench.nested`. With a fixed size, all applications use the same tier. Its score is the higher of the tier's own
score and the score of a model trained alone at that size. Shares are optimized for fixed sizes, too, so the tiers are
the only difference. Scores between two fixed sizes are interpolated linearly, as if some devices used one size and some
the other. The baseline of the NestDNN paper is weaker: every application uses the size at the knee of
accuracy versus work, and gets an equal share of the device. All applications run the same network or, as in the paper,
a mix of networks; then every network has the same weight in the means. ``docs/scheduling.png`` shows the results for
the tiers of ``joint.json``.
"""

from __future__ import annotations

import functools
import itertools
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from bench import ROOT, Missing, Row, nested
from bench.simulation import Json, Outcome, budget, equal_shares, knee, simulate, visits
from frformat.scheduling import App, Budget, Objective, Tier, choose_tiers
from frformat.scheduling.exact import exact
from frformat.scheduling.greedy import greedy
from frformat.scheduling.table import Table

PROFILES = ROOT / "bench" / "results" / "joint.json"
PICTURE = ROOT / "docs" / "scheduling.png"
PATIENCE = (0.01, 0.03, 0.1, 0.3, 1.0)
"""Values of ``patience`` for :func:`bench.simulation.simulate`. Each trades accuracy for frames differently."""

SHOWN = 2
"""Index in PATIENCE of the value for which the timeline is drawn."""

MIX = ("lenet5, nested", "resnet20, nested", "UNet, width 8")
"""The networks of the mix."""


@dataclass(frozen=True)
class Result:
    """The results of one model, or of a mix.

    Attributes:
        fixed: one outcome for each useful choice of fixed sizes, by accuracy in ascending order.
        knee: the outcome of the NestDNN paper's baseline.
        nested: for each objective, one outcome per patience.
    """

    fixed: list[Outcome]
    knee: Outcome
    nested: dict[Objective, list[Outcome]]


def run() -> list[Row]:
    """Simulate every model whose tiers were trained together, and draw the results."""
    profiles = _profiles()
    results = {name: _compare([profile]) for name, profile in profiles.items()}
    rows = [row for name, result in results.items() for row in _rows(name, result)]
    if profiles.keys() >= set(MIX):
        rows += _mixed([profiles[name] for name in MIX])
    rows += [_gap(objective) for objective in Objective]
    from bench.scheduling_picture import draw

    drawn = {name: result for name, result in results.items() if name not in nested.profiles()}
    draw(drawn, PATIENCE, SHOWN, PICTURE)
    return rows


def _profiles() -> dict[str, Json]:
    """Return models by name."""
    if not PROFILES.exists():
        raise Missing(f"{PROFILES} does not exist: run `python -m bench.joint`")
    return {model["name"]: model for model in json.loads(PROFILES.read_text())["models"]} | nested.profiles()


def _compare(networks: Sequence[Json]) -> Result:
    tiers = [network["tiers"] for network in networks]
    best = [[{**row, "accuracy": max(row["accuracy"], row["alone"])} for row in each] for each in tiers]
    sizes = [[[row] for row in each] for each in best]
    fixed = [simulate(networks, choose_tiers, each, PATIENCE[SHOWN]) for each in itertools.product(*sizes)]
    tiers_by_objective = {}
    for objective in Objective:
        schedule = functools.partial(choose_tiers, objective=objective)
        tiers_by_objective[objective] = [simulate(networks, schedule, tiers, patience) for patience in PATIENCE]
    knees = [[knee(each)] for each in best]
    return Result(_front(fixed), simulate(networks, equal_shares, knees, PATIENCE[SHOWN]), tiers_by_objective)


def _front(fixed: Sequence[Outcome]) -> list[Outcome]:
    """Return the outcomes that no other one beats in both frames and accuracy, by accuracy in ascending order."""
    front: list[Outcome] = []
    for outcome in sorted(fixed, key=lambda each: (each.rate, each.accuracy), reverse=True):
        if not front or outcome.accuracy > front[-1].accuracy:
            front.append(outcome)
    return front


def _rows(name: str, result: Result) -> list[Row]:
    rows = []
    rates, scores = zip(*sorted((fixed.rate, fixed.accuracy) for fixed in result.fixed), strict=True)
    for objective, outcomes in result.nested.items():
        gains = [100 * (each.accuracy - np.interp(each.rate, rates, scores)) for each in outcomes]
        ratios = [each.rate / np.interp(-each.accuracy, [-score for score in scores], rates) for each in outcomes]
        what = f"{name}, {objective.value}"
        rows.append(_against(what, result.knee, outcomes))
        best = outcomes[int(np.argmax(gains))]
        at = f"at most, with {100 * best.rate:.1f} % of the frames at {best.accuracy:.4f}; mean {np.mean(gains):+.2f}"
        rows.append(
            Row(f"{what}: points of accuracy gained at equal frames", f"{max(gains):+.2f} {at}", "> 0", max(gains) > 0)
        )
        best = outcomes[int(np.argmax(ratios))]
        at = f"at most, with {100 * best.rate:.1f} % of the frames at {best.accuracy:.4f}; mean {np.mean(ratios):.2f} ×"
        rows.append(Row(f"{what}: frames at equal accuracy", f"{max(ratios):.2f} × {at}", "> 1 ×", max(ratios) > 1))
    tiers, largest = result.nested[Objective.MIN_TOTAL_COST][SHOWN], result.fixed[-1]
    energy = f"{tiers.work / 1e6:.3g} M / {largest.work / 1e6:.3g} M"
    rows.append(Row(f"{name}: multiply-adds per frame, tiers / largest size", energy, "", True))
    loaded = f"{tiers.loaded:,} / {largest.loaded:,}"
    rows.append(Row(f"{name}: bytes of weights loaded, tiers / largest size", loaded, "", True))
    exact = f"{sum(tiers.plans)} of {len(tiers.plans)}"
    rows.append(Row(f"{name}: plans that are exact; the others are greedy", exact, "", True))
    return rows


def _mixed(networks: Sequence[Json]) -> list[Row]:
    """Return the rows for applications with different networks, and the figures of each network."""
    result = _compare(networks)
    rows = _rows("mix", result)
    tiers = result.nested[Objective.MIN_TOTAL_COST][SHOWN]
    for name, *tallies in zip(MIX, result.knee.tallies, tiers.tallies, strict=True):
        figure = " → ".join(f"{100 * each.rate:.1f} % at {each.accuracy:.4f}" for each in tallies)
        rows.append(Row(f"mix: {name}: frames, with the baseline → with tiers", figure, "", True))
    return rows


def _against(what: str, knee: Outcome, outcomes: list[Outcome]) -> Row:
    """Compare with the NestDNN paper's baseline: frames at no lower accuracy, and accuracy at no fewer frames."""
    frames = max((each.rate / knee.rate for each in outcomes if each.accuracy >= knee.accuracy), default=0.0)
    points = max((100 * (each.accuracy - knee.accuracy) for each in outcomes if each.rate >= knee.rate), default=0.0)
    figure = f"{frames:.2f} × the frames at no lower accuracy; {points:+.2f} points at no fewer frames"
    at = f"the baseline processes {100 * knee.rate:.1f} % of the frames at {knee.accuracy:.4f}"
    return Row(
        f"{what}: tiers compared with the baseline (the size at the knee, equal shares)",
        f"{figure} ({at})",
        "≥ 1.5 × or ≥ 2 points",
        frames >= 1.5 or points >= 2,
    )


def _gap(objective: Objective) -> Row:
    """Return the share of the possible gain that the greedy search misses, on problems from the simulation."""
    lost = [_lost(table) for profile in _profiles().values() for table in _tables(profile, objective)]
    mean = sum(lost) / len(lost)
    figure = f"{100 * max(lost):.2f} % at most, {100 * mean:.3f} % on average, over {len(lost)} problems"
    return Row(
        f"{objective.value}: loss of the greedy search compared with the exact one", figure, "≤ 15 %", max(lost) <= 0.15
    )


def _tables(profile: Json, objective: Objective) -> Iterator[Table]:
    """Yield sets of two to eight applications, each set first with all of the device's memory, then with half of it."""
    tiers = tuple(Tier(row["accuracy"], row["multiply_adds"], row["peak_bytes"]) for row in profile["tiers"])
    device = budget([profile])
    for count in range(2, 9):
        stays = sorted(visits(count)[:count], key=lambda visit: visit.number)
        apps = [App(v.name, tiers, tiers[-1].accuracy, 1 / v.rate, PATIENCE[SHOWN] * v.rate) for v in stays]
        for part in (1, 2):
            yield Table(apps, Budget(device.memory // part, device.speed), objective)


def _lost(table: Table) -> float:
    start = table.smallest()
    found = greedy(table, start)
    before, after, best = (table.score(table.chosen(tiers))[0] for tiers in (start, found, exact(table, found)))
    return (after - best) / (before - best) if before - best > 1e-9 else 0.0
