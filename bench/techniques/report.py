"""Create the section about techniques in ``docs/benchmarks.md``, and its plot, from the results."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from statistics import mean
from typing import TYPE_CHECKING, Any, Final

from bench import ROOT
from bench.records import recorded
from bench.techniques.comparing import RESULTS
from bench.techniques.registry import TECHNIQUES, TUNED
from bench.techniques.tasks import TASKS, Task
from frformat.format.atomic import replacing

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PAGE: Final = ROOT / "docs" / "benchmarks.md"
PICTURE: Final = ROOT / "docs" / "techniques.png"
BEGIN: Final = "<!-- from bench/results/techniques.json by python -m bench.techniques --report -->"
END: Final = "<!-- end of techniques -->"

DROP: Final = 1.0
"""The loss of the metric, in percentage points, at which sizes are compared."""


@dataclass(frozen=True)
class Cell:
    """The results of a technique at one size, over all seeds.

    Attributes:
        rows: the recorded results.
    """

    rows: Sequence[Mapping[str, Any]]

    @property
    def reached(self) -> bool:
        """Whether all seeds produced a file of that size."""
        return not any("unreachable" in row for row in self.rows)

    def mean(self, key: str) -> float | None:
        """Return the mean of a measurement, or None if it was not taken."""
        values = [row[key] for row in self.rows if row.get(key) is not None]
        return mean(values) if values else None

    def known(self, key: str) -> float:
        """Return the mean of a measurement that every result contains."""
        found = self.mean(key)
        assert found is not None
        return found


Table = dict[str, dict[int | None, Cell]]
"""Cells by technique and size."""


def write() -> None:
    """Replace the section, and draw the plot."""
    before, rest = PAGE.read_text(encoding="utf-8").split(BEGIN)
    after = rest.split(END)[1]
    with replacing(PAGE) as file:
        file.write(f"{before}{BEGIN}\n{section()}{END}{after}".encode())
    draw()


def section(results: Path = RESULTS) -> str:
    """Return the text of the section."""
    return "".join(_network(task, found) for task, found in _tables(results)) or "\n"


def _tables(results: Path) -> Iterable[tuple[Task, Table]]:
    """Yield each task with results for both the dense network and further training, together with all its results."""
    known = recorded(results)
    for task in TASKS.values():
        found: Table = {}
        for name, technique in TECHNIQUES.items():
            for size in task.sizes if technique.sized else (None,):
                words = ", ".join([task.name, name, *([str(size)] if size else [])])
                rows = [row for each, row in known.items() if each.rpartition(", seed ")[0] == words]
                if rows:
                    found.setdefault(name, {})[size] = Cell(rows)
        if TUNED in found and "dense" in found:
            yield task, found


def _network(task: Task, found: Table) -> str:
    seeds = max(len(cell.rows) for cells in found.values() for cell in cells.values())
    samples = found[TUNED][None].known("samples")
    sizes = "".join(f" {size:,} B |" for size in task.sizes)
    what = f"{task.name}, {seeds} seed{'s' * (seeds > 1)}, {samples:,.0f} training samples"
    head = (
        f"\n| {what} (`python -m bench.techniques {_word(task)}`) |{sizes} −1 point | own format | multiply-adds"
        f" | time | memory |\n|---|{'---|' * (len(task.sizes) + 5)}\n"
    )
    goal = found[TUNED][None].known("metric") - DROP
    return head + "".join(_technique(name, cells, task, goal) for name, cells in found.items())


def _word(task: Task) -> str:
    return next(word for word, each in TASKS.items() if each is task)


def _technique(name: str, cells: Mapping[int | None, Cell], task: Task, goal: float) -> str:
    """Return the row of a technique. Its costs are those of the largest file."""
    if None in cells:
        whole = cells[None]
        only = f"{whole.known('metric'):.1f} % in {_bytes(whole.known('bytes'))}" if whole.reached else "not supported"
        shown = [only, *[""] * (len(task.sizes) - 1)]
    else:
        shown = [_metric(cells.get(size)) for size in task.sizes]
    reached = [cell for cell in cells.values() if cell.reached]
    last = reached[-1] if reached else None
    columns = [
        name,
        *shown,
        _at(reached, goal),
        *(
            ["–"] * 4
            if last is None
            else [
                _bytes(last.known("native")),
                _count(last.mean("multiply_adds")),
                _times(last.mean("time")),
                _bytes(last.mean("peak_bytes")),
            ]
        ),
    ]
    return "|" + "".join(f" {column} |" if column else " |" for column in columns) + "\n"


def _metric(cell: Cell | None) -> str:
    if cell is None:
        return "not run"
    return f"{cell.known('metric'):.1f} %" if cell.reached else "–"


def _at(cells: Sequence[Cell], goal: float) -> str:
    """Return the size at which a technique reaches a metric, interpolated on a logarithmic axis."""
    points = sorted((cell.known("bytes"), cell.known("metric")) for cell in cells)
    if not points or max(metric for _, metric in points) < goal:
        return "–"
    if points[0][1] >= goal:
        return f"≤ {_bytes(points[0][0])}"
    for (less, low), (more, high) in pairwise(points):
        if high >= goal:
            share = (goal - low) / (high - low)
            return _bytes(math.exp(math.log(less) + share * (math.log(more) - math.log(less))))
    raise AssertionError("some point reaches the goal")


def _bytes(count: float | None) -> str:
    if count is None:
        return "–"
    if count < 1000:
        return f"{count:,.0f} B"
    return f"{count / 1000:,.{int(count < 1e5)}f} kB"


def _count(count: float | None) -> str:
    return "–" if count is None else f"{count / 1e6:.2f} M"


def _times(factor: float | None) -> str:
    return "–" if factor is None else f"{factor:.2f} ×"


def draw(results: Path = RESULTS, picture: Path = PICTURE) -> None:
    """Plot metrics against sizes, one plot for each network."""
    with replacing(picture) as file:
        plots(results).savefig(file, format="png")


def plots(results: Path) -> Figure:
    """Return a plot for each network. A technique has the same color in all of them."""
    from matplotlib.figure import Figure

    tables = list(_tables(results))
    figure = Figure(figsize=(2.4 + 3.6 * max(1, len(tables)), 4.2), dpi=120, layout="constrained")
    shown: dict[str, Any] = {}
    for (task, found), axes in zip(tables, figure.subplots(1, max(1, len(tables)), squeeze=False)[0], strict=False):
        dense = found[TUNED][None].known("metric") / 100
        lowest, highest = dense, dense
        for number, name in enumerate(TECHNIQUES):
            cells = found.get(name, {None: None})
            reached = [cell for cell in cells.values() if cell is not None and cell.reached]
            points = sorted((cell.known("bytes"), cell.known("metric") / 100) for cell in reached)
            if points and None not in cells:
                line = axes.plot(*zip(*points, strict=True), "o-", color=f"C{number % 10}", lw=1, label=name)
                shown.setdefault(name, line[0])
                lowest, highest = min(lowest, *(y for _, y in points)), max(highest, *(y for _, y in points))
        shown[TUNED] = axes.axhline(dense, color="black", lw=0.8, ls="--", label=TUNED)
        axes.set_xscale("log")
        axes.set_xticks(task.sizes, [_bytes(size).replace(".0", "") for size in task.sizes])
        axes.set_xticks([], minor=True)
        axes.set_yscale("logit")  # spreads the values near 100 %
        axes.set_yticks([0.1, 0.2, 0.5, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995], minor=False)
        axes.set_yticks([], minor=True)
        axes.set_ylim(0.8 * lowest, 1 - 0.8 * (1 - highest))
        axes.yaxis.set_major_formatter(lambda share, _: f"{100 * share:g}")
        axes.set_xlabel("bytes of the complete file")
        axes.set_ylabel(f"{task.recipe.metric}, %")
        axes.set_title(task.name, fontsize=10)
        axes.grid(alpha=0.3)
    if tables:
        ordered = sorted(shown, key=[*TECHNIQUES].index)
        figure.legend(handles=[shown[name] for name in ordered], loc="outside right center", fontsize=8)
    return figure
