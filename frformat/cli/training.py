"""Find the recipe for ``frformat train``, and show progress and results."""

from __future__ import annotations

import inspect
import os
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from frformat.checkpoints.reading import where
from frformat.cli import elm, terminal
from frformat.cli.dump import energy, plot
from frformat.cli.dump.survey import Survey
from frformat.cli.files import open_frz
from frformat.runtimes.models import imported
from frformat.train import RECIPES, Outcome, Recipe, Row, plots
from frformat.train.run import Run
from frformat.wording import clean, count, metric_text, similar

if TYPE_CHECKING:
    from rich.table import Table

COURSE: Final = "course.png"
SPECTRA: Final = "spectra.png"


class Bar:
    """Prints one line per epoch to stderr and, if that is a terminal, shows a progress bar."""

    def __init__(self, recipe: Recipe, shown: bool) -> None:
        self.recipe = recipe
        self.rows: list[Row] = []
        columns = (
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
        )
        self._screen = terminal.console(stderr=True)
        self._bar = Progress(*columns, console=self._screen, transient=True, disable=not self._screen.is_terminal)
        self._task = self._bar.add_task(recipe.name)
        self._shown = shown and self._screen.is_terminal
        self._compressing = False

    def __enter__(self) -> Bar:
        if self._shown:
            self._bar.start()
        return self

    def __exit__(self, *error: object) -> None:
        if self._shown:
            self._bar.stop()

    def step(self, run: Run) -> None:
        """Advance the bar."""
        self._bar.update(self._task, description=self.recipe.name, completed=run.step, total=run.steps)

    def compress(self, what: str, done: int, total: int) -> None:
        """Report that the initial weights are compressed, and show how far that is."""
        if not self._compressing:
            self._compressing = True
            self._screen.print(f"compressing the initial weights to {count(self.recipe.settings.size or 0, 'byte')}")
        self._bar.update(self._task, description=what, completed=done, total=total)

    def epoch(self, row: Row) -> None:
        """Report an epoch."""
        self.rows.append(row)
        values = {**{f"{part} loss".strip(): loss for part, loss in row.losses.items()}, **row.metrics}
        words = [f"{name} {metric_text(value)}" for name, value in values.items()]
        epoch = f"epoch {row.epoch:>3} of {self.recipe.settings.epochs}"
        size = [] if row.nbytes is None else [count(row.nbytes, "byte")]
        self._screen.print("  ".join([epoch, *words, f"{row.numbers:,} parameters", *size, f"{row.seconds:.0f} s"]))


def find(name: str) -> type[Recipe]:
    """Return the recipe of that name, or in that file.

    Raises:
        BadParameter: the recipe does not exist.
        FileNotFoundError: the file does not exist.
    """
    if name in RECIPES:
        return RECIPES[name]
    path, _, wanted = name.partition(":")
    if not path.endswith(".py"):
        known = (*RECIPES, elm.NAME)
        like = similar(name, known)
        hint = f"Did you mean {like!r}?" if like else f"Recipes: {', '.join(known)}."
        raise click.BadParameter(f"{name!r} is neither a recipe nor a FILE.py. {hint}", param_hint="RECIPE")
    if not os.path.isfile(path):
        raise FileNotFoundError(2, "there is no such file", path)
    try:
        module = imported(path)
    except Exception as error:  # a module can raise anything
        raise click.BadParameter(f"{path} cannot be imported: {where(error)}", param_hint="RECIPE") from error
    found = {
        key: value
        for key, value in vars(module).items()
        if inspect.isclass(value) and issubclass(value, Recipe) and value.__module__ == module.__name__
    }
    if (wanted and wanted not in found) or (not wanted and len(found) != 1):
        there = ", ".join(found) or "none"
        raise click.BadParameter(f"recipes in {path}: {there}; select one with {path}:NAME.", param_hint="RECIPE")
    return found[wanted] if wanted else next(iter(found.values()))


def report(recipe: Recipe, outcome: Outcome, rows: list[Row], as_json: bool) -> None:
    """Draw the plots and print the outcome."""
    folder = Path(outcome.path).parent
    plots.save(rows, recipe.metric, f"{recipe.name}: {outcome.numbers:,} parameters", folder / COURSE)
    with open_frz(outcome.path) as file:
        plot.save(Survey(file, outcome.path), energy.energy(file), str(folder / SPECTRA))
    if as_json:
        terminal.print_json({**asdict(outcome), "recipe": recipe.name, "settings": recipe.settings.as_dict()})
        return
    table = terminal.table("", "trained", "decoded from the file", left=("",))
    for name, value in outcome.metrics.items():
        table.add_row(name, metric_text(value), metric_text(outcome.decoded[name]))
    terminal.show(table)
    terminal.echo()
    if outcome.tiers:
        terminal.show(_tiers(recipe, outcome))
        terminal.echo()
    terminal.echo(
        clean(
            f"{outcome.path}: {count(outcome.nbytes, 'byte')}, {outcome.numbers:,} parameters for "
            f"{outcome.weights:,} weights. Outputs differ from the trained model's by at most {outcome.difference:.1e} "
            f"(the largest output is {outcome.scale:.3g})."
        )
    )


def _tiers(recipe: Recipe, outcome: Outcome) -> Table:
    """Return a line for each tier."""
    columns = ("tier", "parameters", "ends at byte", recipe.metric, "decoded from the file", "multiply-adds", "memory")
    table = terminal.table(*columns)
    for number, tier in enumerate(outcome.tiers):
        scores = [metric_text(found[recipe.metric]) for found in (tier.metrics, tier.decoded)]
        costs = [count(cost) for cost in (tier.costs.multiply_adds, tier.costs.peak_bytes)]
        counts = [count(value) for value in (tier.costs.numbers, tier.nbytes)]
        table.add_row(str(number), *counts, *scores, *costs)
    return table
