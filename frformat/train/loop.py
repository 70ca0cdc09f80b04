"""The training loop: epochs, evaluation, checkpoints, and the file at the end."""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final, Protocol

from frformat.checkpoints.fitting import misfit
from frformat.torch import each_tier
from frformat.train import budget, checkpoint, history, setup
from frformat.train.checkpoint import CheckpointError
from frformat.train.export import Outcome, evaluating, export
from frformat.train.folder import occupied
from frformat.train.group import ProcessGroup
from frformat.train.history import Row
from frformat.train.recipe import Data, Recipe, StrPath, metrics, returned
from frformat.train.rehearsal import rehearse
from frformat.train.run import Run
from frformat.wording import in_one_line, metric_text

CHECKPOINT: Final = "checkpoint.pt"
HISTORY: Final = "history.jsonl"
MODEL: Final = "model.frz"


class Callback(Protocol):
    """Callback that is notified of a run's progress, in the first process."""

    def step(self, run: Run) -> None:
        """Called after each step, and when the run starts or resumes."""

    def epoch(self, row: Row) -> None:
        """Called for each evaluated epoch, including those before the run was resumed, and epoch 0 if there is one."""

    def compress(self, what: str, done: int, total: int) -> None:
        """Called while a quantized run compresses its initial weights; see ``progress`` of ``compress``."""


def train(
    recipe: Recipe,
    output: StrPath,
    *,
    folder: StrPath | None = None,
    weights: StrPath | None = None,
    teacher: StrPath | None = None,
    group: ProcessGroup | None = None,
    resume: bool = False,
    checkpoint_every: float = 60,
    callback: Callback | None = None,
) -> Outcome:
    """Train a recipe's model and write it to ``model.frz``.

    If the process ends early for any reason, the same call with ``resume`` continues from the last checkpoint and
    reaches the same weights (bit for bit on one thread of the same CPU). Whatever follows training is rehearsed with
    the untrained model first, so that a network or a recipe that is unusable for it is refused before training starts.

    Args:
        recipe: what to train, and the settings.
        output: the folder for all files of the run; created if necessary.
        folder: the folder of data sets; see :mod:`frformat.train.data`.
        weights: an ``.frz`` file with initial weights. If the settings say ``quantized`` and the file is larger than
            their ``size``, its weights are first compressed to ``start.frz`` in the folder of the run.
        teacher: an ``.frz`` file with the plain weights of a teacher, for ``distill``.
        group: the process group (see :func:`frformat.train.group.joined`); None means this process alone.
        resume: continue the interrupted run in ``output``, if there is one; otherwise start from scratch.
        checkpoint_every: seconds between checkpoints; each epoch also ends with one.
        callback: called as the run progresses.

    Raises:
        MissingDataError, DataError: the data is missing or damaged.
        CheckpointError: the checkpoint belongs to a run with other settings or files, or is damaged.
        ValueError: the settings cannot be satisfied, or the recipe's metrics are unusable.
        EncodeError: training diverged, the initial weights cannot be compressed to the size in the settings, or a file
            cannot represent the model.
        OSError: a file cannot be read or written, or another run is in progress in the folder.
    """
    place, group = Path(output), group or ProcessGroup()
    with occupied(place, CHECKPOINT, HISTORY, MODEL) if group.first else nullcontext():
        data = returned(recipe, "data()", recipe.data(folder), Data)
        if recipe.settings.distill and teacher is None and not recipe.settings.tiers:
            raise ValueError(f"distill={recipe.settings.distill}, but no teacher was given")
        if teacher is not None:
            recipe.teacher = setup.plain_model(recipe, teacher).to(group.device).eval().requires_grad_(False)
        callback = callback if group.first else None
        sources = checkpoint.sources(recipe, data, teacher, weights)
        resume = resume and (place / CHECKPOINT).exists()
        if recipe.settings.quantized and weights is not None:
            told = callback.compress if callback else None
            weights = budget.compressed(recipe, data, weights, place, group, resume=resume, told=told)
        loop = _Loop(Run(recipe, data, group, weights), place, callback, sources)
        if resume:
            loop.resume()
        else:
            rehearse(loop.run, place)
        group.wait()  # no process may read a checkpoint while another replaces it
        loop.go(checkpoint_every)
        outcome = export(loop.run, place / MODEL)
        loop.warn(outcome, weights)
        return outcome


class _Loop:
    """A run, its history, and all its files except the result.

    Attributes:
        run: the run.
        place: the folder of its files.
        callback: called as the run progresses.
        sources: see :func:`frformat.train.checkpoint.sources`.
        rows: one for each epoch.
        clock: measures the working time.
    """

    def __init__(self, run: Run, place: Path, callback: Callback | None, sources: dict[str, Any]) -> None:
        self.run, self.place, self.callback, self.sources = run, place, callback, sources
        self.rows: list[Row] = []
        self.clock = _Clock(0.0)

    def resume(self) -> None:
        """Continue from the last checkpoint."""
        path, run = self.place / CHECKPOINT, self.run
        state = checkpoint.load(path, run.recipe, self.sources)
        parts = [*state["run"]["losses"]]
        if parts != [*run.losses]:
            raise CheckpointError(f"{path} belongs to another run: it has losses for {parts}, not {[*run.losses]}")
        try:
            run.load_state_dict(state["run"])
        except (RuntimeError, ValueError) as error:  # of another network
            stored, own = _shapes(state["run"]["model"]), _shapes(run.model.state_dict())
            reason = misfit(stored, own) or in_one_line(str(error))
            raise CheckpointError(f"{path} does not fit the recipe's network: {reason}") from error
        self.rows = [Row(**row) for row in state["rows"]]
        self.clock = _Clock(state["seconds"])
        self._record()

    def go(self, checkpoint_every: float) -> None:
        """Take all remaining steps."""
        run, callback = self.run, self.callback
        if callback:
            for row in self.rows:
                callback.epoch(row)
            callback.step(run)
        if run.recipe.settings.quantized and not self.rows:
            self._add(_evaluated(run, self.clock, {}))
        while run.step < run.steps:
            run.advance()
            if callback:
                callback.step(run)
            if run.step % run.epoch_steps == 0:
                self._end_epoch()
            elif self.clock.since_mark >= checkpoint_every:
                self._save()

    def _end_epoch(self) -> None:
        """Evaluate, truncate, and notify the callback."""
        run = self.run
        run.check_finite()
        share = run.epoch_steps * run.group.size
        row = _evaluated(
            run, self.clock, {part: float(run.group.total(loss)) / share for part, loss in run.losses.items()}
        )
        if run.step < run.steps:  # no training would follow a truncation after the last step
            run.truncate(row.metrics[run.recipe.metric])
        self._add(row)
        self._save()

    def _add(self, row: Row) -> None:
        """Record an epoch, and notify the callback."""
        self.rows.append(row)
        self._record()
        if self.callback:
            self.callback.epoch(row)

    def _record(self) -> None:
        """Write the history."""
        if self.run.group.first:
            history.write(self.place / HISTORY, self.rows)

    def warn(self, outcome: Outcome, weights: StrPath | None) -> None:
        """Warn if the quality of the file is unknown, or worse than that of the compressed file at the start."""
        recipe, run = self.run.recipe, self.run
        if not run.group.first:
            return
        found = [metrics for tier in (outcome, *outcome.tiers) for metrics in (tier.metrics, tier.decoded)]
        unknown = [name for name in outcome.metrics if any(math.isnan(metrics[name]) for metrics in found)]
        if unknown:
            warnings.warn(
                f"evaluate() of recipe {recipe.name} returns NaN as {', '.join(unknown)}, so the quality of "
                f"{outcome.path} is unknown: check the outputs of the model, the test samples and evaluate()",
                stacklevel=3,
            )
        if not math.isfinite(outcome.difference):
            warnings.warn(
                f"the outputs of {outcome.path} for test samples contain infinite or NaN values, or those of the "
                "trained model do",
                stacklevel=3,
            )
        if not recipe.settings.quantized:
            return
        before, after = (row.metrics[recipe.metric] for row in (self.rows[0], self.rows[-1]))
        if after < before if recipe.maximize else after > before:
            warnings.warn(
                f"training has made the model worse ({recipe.metric} was {metric_text(before)}, and is "
                f"{metric_text(after)}); choose a lower quantized_lr, or use {weights}, which has the better weights",
                stacklevel=3,
            )

    def _save(self) -> None:
        """Write a checkpoint, unless training has diverged: the last good one then remains."""
        self.run.check_finite()
        if self.run.group.first:
            rows = [asdict(row) for row in self.rows]
            state = {"run": self.run.state_dict(), "rows": rows, "seconds": self.clock.seconds}
            checkpoint.save(self.place / CHECKPOINT, self.run.recipe, self.sources, state)
        self.clock.mark()


def _evaluated(run: Run, clock: _Clock, losses: dict[str, float]) -> Row:
    """Return the record of the epoch that has just ended, given its mean losses."""
    recipe, result = run.recipe, run.result
    with evaluating(result):
        tiers = [metrics(recipe, result, run.data.evaluated, run.group) for _ in each_tier(recipe.exported(result))]
    epoch = run.step // run.epoch_steps
    several = tiers if len(tiers) > 1 else []
    return Row(epoch, run.step, losses, tiers[-1], run.numbers, run.kept, clock.seconds, several, run.nbytes)


def _shapes(state: Mapping[str, Any]) -> dict[str, Sequence[int]]:
    """Return the shapes of a state dict's tensors, by the names of the parameters."""
    return {
        name.replace("parametrizations.", "").removesuffix(".original"): getattr(value, "shape", ())
        for name, value in state.items()
        if not name.endswith("_extra_state")
    }


class _Clock:
    """Measures working time in seconds, including all resumed parts of a run."""

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
