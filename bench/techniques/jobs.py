"""One run of a technique: its task, its file size, its hyperparameters, and the training that all techniques share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from bench.techniques.tasks import Task
from frformat.train import Data, ProcessGroup, Recipe, setup
from frformat.train.recipe import batches, spread
from frformat.train.run import Run

CALLED = 64
"""Number of samples in a calibration batch."""


class Unreachable(Exception):  # noqa: N818 — a result, not a failure
    """Raised if a technique cannot produce a file of the required size. The message says why."""


@dataclass(frozen=True)
class Made:
    """The result of a technique.

    Attributes:
        data: a complete ``.frz`` file.
        model: the network with the weights from the file, as the technique runs it.
        native: size in bytes of the same model in the format of the technique's own library.
        evaluated: the network on which to measure the metric, if it is not ``model``.
        costed: whether to measure the costs of ``model``, because its computation differs from the dense network's.
        note: how the file was created, for the results.
    """

    data: bytes
    model: nn.Module
    native: int
    evaluated: nn.Module | None = None
    costed: bool = False
    note: str = ""


@dataclass(frozen=True)
class Job:
    """One run of a technique.

    Attributes:
        task: the network and what all techniques share.
        technique: name of the technique.
        size: the maximum size of the file; None if the technique does not adapt to one.
        rate: factor applied to the task's learning rates.
        strength: the technique's own hyperparameter.
        seed: seed of all random numbers.
        trial: whether this run only helps to choose hyperparameters.
        tuned: the file of the dense network after the training that all techniques share.
    """

    task: Task
    technique: str
    size: int | None
    rate: float
    strength: Any
    seed: int
    trial: bool
    tuned: Path | None = None

    @property
    def data(self) -> Data:
        """The samples to train on and those to evaluate on."""
        return self.task.data(self.trial)

    def recipe(self, **changes: Any) -> Recipe:
        """Return the recipe with the teacher and with the shared settings, as modified by ``changes``."""
        settings = replace(self.task.settings, seed=self.seed, **changes)
        made = self.task.recipe(settings)
        if settings.distill:
            made.teacher = _teacher(self.task)
        return made

    def example(self) -> Tensor:
        """Return the network's input for one sample."""
        return self.recipe().inputs(next(batches(self.data.test, 1, ProcessGroup())))

    def calibration(self) -> list[Tensor]:
        """Return inputs from the training samples, from all over the set."""
        tensors, count = self.data.train.tensors, self.task.calibration
        samples = len(tensors[0])
        chosen = spread(samples, min(count, samples))
        size = min(CALLED, max(1, count // 4))
        return list(self.recipe().inputs(tuple(tensor[chosen] for tensor in tensors)).split(size))

    def fit(
        self,
        model: nn.Module | None = None,
        *,
        weights: Path | None = None,
        each: Callable[[float], None] | None = None,
        **changes: Any,
    ) -> nn.Module:
        """Train, and return the network in evaluation mode.

        Args:
            model: the network; None creates one and prepares it as the settings require.
            weights: the initial weights of a network that is created here.
            each: called before each step with the completed share of the training.
            changes: changes to the shared settings.
        """
        changes = {"dense": True, "plain_lr": self.task.settings.lr * self.rate} | changes
        recipe = self.recipe(**changes)
        run = Run(recipe, self.data, ProcessGroup(), weights, model)
        while run.step < run.steps:
            if each is not None:
                each(run.step / run.steps)
            run.advance()
            if run.step % run.epoch_steps == 0:
                self.say(f"epoch {run.step // run.epoch_steps} of {run.recipe.settings.epochs}")
        return recipe.exported(run.result).eval()

    def say(self, what: str) -> None:
        """Print a line of progress."""
        words = [self.task.name, self.technique, *([f"{self.size:,} B"] if self.size else [])]
        print(
            " · ".join([*words, f"trial {self.strength} × {self.rate:g}" if self.trial else "final", what]), flush=True
        )


@cache
def _teacher(task: Task) -> nn.Module:
    recipe = task.recipe(task.settings)
    return setup.plain_model(recipe, task.dense()).eval().requires_grad_(False)
