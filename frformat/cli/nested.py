"""``frformat train --nested``: show the stages and the tiers."""

from __future__ import annotations

from typing import Any

from frformat.cli import terminal
from frformat.cli.training import Bar
from frformat.train import ProcessGroup, Recipe
from frformat.train.nested import NestedOutcome, Nesting, train_nested
from frformat.wording import clean, count, metric_text


def train_and_report(
    recipe: Recipe,
    folder: str,
    stages: dict[str, Any],
    *,
    data: str | None,
    group: ProcessGroup,
    resume: bool,
    as_json: bool,
) -> None:
    """Train a recipe's network with nested tiers, and print the outcome.

    Args:
        recipe: what to train.
        folder: the folder of the run.
        stages: attributes of :class:`frformat.train.nested.Nesting`; None means the default.
        data: the folder of data sets.
        group: the process group.
        resume: continue an interrupted run.
        as_json: print the outcome as JSON.
    """
    screen = terminal.console(stderr=True)
    nesting = Nesting(**{name: value for name, value in stages.items() if value is not None})
    bar = Bar(recipe, shown=group.first)
    with bar:
        outcome = train_nested(
            recipe,
            folder,
            nesting,
            folder=data,
            group=group,
            resume=resume,
            callback=bar,
            listener=lambda stage: screen.print(
                f"{stage.kind} to {sum(stage.widths.values()):,} filters  {recipe.metric} {metric_text(stage.score)}"
            ),
        )
    if as_json:
        terminal.print_json({**outcome.as_dict(), "recipe": recipe.name, "settings": recipe.settings.as_dict()})
        return
    _show(recipe, outcome)


def _show(recipe: Recipe, outcome: NestedOutcome) -> None:
    columns = ("tier", "filters", "parameters", "ends at byte", recipe.metric, "multiply-adds", "memory", "ms")
    table = terminal.table(*columns)
    for number, tier in enumerate(outcome.tiers):
        cost = tier.profile
        counts = (sum(tier.widths.values()), cost.parameters, tier.nbytes)
        score = metric_text(tier.metrics[recipe.metric])
        needs = (count(cost.multiply_adds), count(cost.memory), f"{1e3 * cost.latency:.3f}")
        table.add_row(str(number), *map(count, counts), score, *needs)
    terminal.show(table)
    terminal.echo()
    terminal.echo(
        clean(
            f"{outcome.path}: {count(outcome.tiers[-1].nbytes, 'byte')}. The whole network before pruning: "
            f"{recipe.metric} {metric_text(outcome.dense[recipe.metric])}, {count(outcome.dense_bytes, 'byte')}."
        )
    )
