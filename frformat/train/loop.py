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
    loop = _Loop(Run(recipe, data, workers, weights), place, watcher if workers.first else None)
    if resume and (place / CHECKPOINT).exists():
        loop.resume()
    workers.wait()  # nobody reads a checkpoint that another replaces
    place.mkdir(parents=True, exist_ok=True)
    loop.go(checkpoint_every)
    return export(loop.run, place / MODEL)


class _Loop:
    """A run, what has been noted of it, and its files but for the last.

    Attributes:
        run: the run.
        place: the folder of its files.
        watcher: is told of it.
        rows: one for each epoch.
        clock: of the time that it takes.
    """

    def __init__(self, run: Run, place: Path, watcher: Watcher | None) -> None:
        self.run, self.place, self.watcher = run, place, watcher
        self.rows: list[Row] = []
        self.clock = _Clock(0.0)

    def resume(self) -> None:
        """Go on where the last checkpoint was made."""
        state = checkpoint.load(self.place / CHECKPOINT, self.run.recipe)
        self.run.load_state_dict(state["run"])
        self.rows = [Row(**row) for row in state["rows"]]
        self.clock = _Clock(state["seconds"])

    def go(self, checkpoint_every: float) -> None:
        """Take all steps that are left."""
        run, watcher = self.run, self.watcher
        if watcher:
            for row in self.rows:
                watcher.epoch(row)
            watcher.step(run)
        while run.step < run.steps:
            run.advance()
            if watcher:
                watcher.step(run)
            if run.step % run.epoch_steps == 0:
                self._end_epoch()
            elif self.clock.since_mark >= checkpoint_every:
                self._save()

    def _end_epoch(self) -> None:
        """Evaluate, truncate, and tell."""
        run, row = self.run, _evaluated(self.run, self.clock)
        self.rows.append(row)
        if run.step < run.steps:  # what is cut after the last step would never be trained
            run.truncate(row.figures[run.recipe.metric])
        if run.workers.first:
            history.write(self.place / HISTORY, self.rows)
        if self.watcher:
            self.watcher.epoch(row)
        self._save()

    def _save(self) -> None:
        """Make a checkpoint."""
        if self.run.workers.first:
            rows = [asdict(row) for row in self.rows]
            state = {"run": self.run.state_dict(), "rows": rows, "seconds": self.clock.seconds}
            checkpoint.save(self.place / CHECKPOINT, self.run.recipe, state)
        self.clock.mark()


def _evaluated(run: Run, clock: _Clock) -> Row:
    """Return the epoch that has just ended."""
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
