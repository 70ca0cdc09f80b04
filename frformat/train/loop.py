"""The training loop: epochs, evaluation, checkpoints, and the file in the end."""

from __future__ import annotations

import time
from dataclasses import asdict
from pathlib import Path
from typing import Final, Protocol

from frformat.torch import each_tier
from frformat.train import checkpoint, history, setup
from frformat.train.export import Outcome, evaluating, export
from frformat.train.history import Row
from frformat.train.recipe import Recipe, StrPath
from frformat.train.run import Run
from frformat.train.workers import Workers

CHECKPOINT: Final = "checkpoint.pt"
HISTORY: Final = "history.jsonl"
MODEL: Final = "model.frz"


class Watcher(Protocol):
    """Someone who is told how a run goes on, in the first process."""

    def step(self, run: Run) -> None:
        """A step was taken, or the run begins, perhaps where it was broken off."""

    def epoch(self, row: Row) -> None:
        """An epoch was evaluated, now or before the run was broken off."""


def train(
    recipe: Recipe,
    output: StrPath,
    *,
    folder: StrPath | None = None,
    weights: StrPath | None = None,
    teacher: StrPath | None = None,
    workers: Workers | None = None,
    resume: bool = False,
    checkpoint_every: float = 60,
    watcher: Watcher | None = None,
) -> Outcome:
    """Train a recipe's model and write it to ``model.frz``.

    Whatever ends the process, the same call with ``resume`` goes on from the last checkpoint and gets to the same
    weights (bit for bit on one thread of the same CPU).

    Args:
        recipe: what to train, and the settings.
        output: the folder for all files of the run; made if it is not there.
        folder: the folder of data sets, see :mod:`frformat.train.data`.
        weights: a ``.frz`` file with the weights to begin with.
        teacher: a ``.frz`` file with the plain model's weights to learn from, for ``distill``.
        workers: the processes that train together, see :func:`frformat.train.workers.joined`; None for this alone.
        resume: go on where the run in that folder was broken off, if there is one; else begin anew.
        checkpoint_every: seconds between checkpoints; there is also one after each epoch.
        watcher: whom to tell.

    Raises:
        MissingDataError, DataError: the data are missing or damaged.
        CheckpointError: the run to be resumed is another one.
        ValueError: the settings cannot be met.
        OSError: a file cannot be read or written.
    """
    place, workers = Path(output), workers or Workers()
    data = recipe.data(folder)
    if recipe.settings.distill and teacher is None and not recipe.settings.tiers:
        raise ValueError(f"distill={recipe.settings.distill}, but there is no teacher to learn from")
    if teacher is not None:
        recipe.teacher = setup.plain_model(recipe, teacher).to(workers.device).eval().requires_grad_(False)
    run = Run(recipe, data, workers, weights)
    rows: list[Row] = []
    before = 0.0
    if resume and (place / CHECKPOINT).exists():
        state = checkpoint.load(place / CHECKPOINT, recipe)
        run.load_state_dict(state["run"])
        rows, before = [Row(**row) for row in state["rows"]], state["seconds"]
    workers.wait()  # nobody reads a checkpoint that another replaces
    place.mkdir(parents=True, exist_ok=True)
    tell = watcher if workers.first else None
    clock = _Clock(before)

    def save() -> None:
        if workers.first:
            state = {"run": run.state_dict(), "rows": [asdict(row) for row in rows], "seconds": clock.seconds}
            checkpoint.save(place / CHECKPOINT, recipe, state)
        clock.mark()

    for row in rows:
        if tell:
            tell.epoch(row)
    if tell:
        tell.step(run)
    while run.step < run.steps:
        run.advance()
        if tell:
            tell.step(run)
        if run.step % run.epoch_steps == 0:
            row = _evaluated(run, clock)
            rows.append(row)
            if run.step < run.steps:  # what is cut after the last step would never be trained
                run.truncate(row.figures[recipe.metric])
            if workers.first:
                history.write(place / HISTORY, rows)
            if tell:
                tell.epoch(row)
            save()
        elif clock.since_mark >= checkpoint_every:
            save()
    return export(run, place / MODEL)


def _evaluated(run: Run, clock: _Clock) -> Row:
    """The epoch that has just ended."""
    recipe, result = run.recipe, run.result
    with evaluating(result):
        tiers = [recipe.evaluate(result, run.data.watched, run.workers) for _ in each_tier(recipe.exported(result))]
    share = run.epoch_steps * run.workers.size
    losses = {part: float(run.workers.total(loss)) / share for part, loss in run.losses.items()}
    epoch = run.step // run.epoch_steps
    several = tiers if len(tiers) > 1 else []
    return Row(epoch, run.step, losses, tiers[-1], run.numbers, run.kept, clock.seconds, several)


class _Clock:
    """Seconds of work, over all times that a run was resumed."""

    def __init__(self, before: float) -> None:
        self._start = time.monotonic() - before
        self.mark()

    @property
    def seconds(self) -> float:
        return time.monotonic() - self._start

    @property
    def since_mark(self) -> float:
        return time.monotonic() - self._marked

    def mark(self) -> None:
        self._marked = time.monotonic()
