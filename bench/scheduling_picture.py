"""Draw ``docs/scheduling.png``: what tiers gain over fixed sizes, and which tiers run when."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from bench.simulation import Outcome
from frformat.scheduling import Objective

matplotlib.use("Agg")
SECONDS = 300
"""Length of the timeline in seconds."""


def draw(results: Mapping[str, Any], patience: Sequence[float], shown: int, path: Path) -> None:
    """Draw two panels: accuracy against frames for each model, and the timeline of the last model."""
    figure = Figure(figsize=(12, 4.5), layout="constrained")
    left, right = figure.subplots(1, 2)
    for index, (name, result) in enumerate(results.items()):
        _curves(left, name, result, f"C{index}")
    left.set(xlabel="frames processed, % of those wanted", ylabel="mean accuracy of these frames")
    left.set_title("One device, applications that come and go")
    left.legend(fontsize=8, loc="lower left")
    left.grid(alpha=0.3)
    name = list(results)[-1]
    outcome = results[name].nested[Objective.MIN_TOTAL_COST][shown]
    tiers = len(results[name].fixed)
    _timeline(right, outcome, tiers)
    right.set_title(f"Tiers of {name} by application")
    figure.savefig(path, dpi=100, metadata={"Software": None})


def _curves(axes: Any, name: str, result: Any, colour: str) -> None:
    x, y = _points(result.fixed)
    axes.plot(x, y, "s--", color=colour, alpha=0.5, label=f"{name}: fixed sizes")
    for objective, style in zip(Objective, ("o-", "^:"), strict=True):
        x, y = _points(result.nested[objective])
        axes.plot(x, y, style, color=colour, label=f"{name}: tiers, {objective.value}")


def _points(outcomes: Sequence[Outcome]) -> tuple[list[float], list[float]]:
    return [100 * outcome.rate for outcome in outcomes], [outcome.accuracy for outcome in outcomes]


def _timeline(axes: Any, outcome: Outcome, tiers: int) -> None:
    colours = matplotlib.colormaps["viridis"].resampled(tiers)
    begin = outcome.timeline[0][0]
    lanes: dict[str, int] = {}
    for start, end, running in outcome.timeline:
        if start - begin > SECONDS:
            break
        for app, tier in running.items():
            lane = lanes.setdefault(app, len(lanes) + 1)
            axes.barh(lane, min(end, begin + SECONDS) - start, left=start - begin, height=0.8, color=colours(tier))
    for tier in range(tiers):
        axes.barh(1, 0, color=colours(tier), label=f"tier {tier}")
    axes.set(xlabel="seconds", ylabel="application", xlim=(0, SECONDS))
    axes.yaxis.set_major_locator(MaxNLocator(integer=True))
    axes.invert_yaxis()
    axes.legend(fontsize=8, loc="lower left")
