"""Truncation schedules as a callback of Lightning.

>>> callback = Truncation(lambda model, optimizers: TailTruncation(model, optimizers, by=0.02, minimum=33))
>>> Trainer(callbacks=[callback]).fit(module)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from torch import nn
from torch.optim import Optimizer

from frformat.errors import DependencyError
from frformat.torch.regularization import GuardedTruncation, Schedule

try:
    from lightning.pytorch import Callback, LightningModule, Trainer
except ImportError as error:
    raise DependencyError("the callback of Lightning", error) from error

Make = Callable[[nn.Module, Sequence[Optimizer]], Schedule]
"""Makes a schedule for a model and the optimizers that train it."""


class Truncation(Callback):  # type: ignore[misc]
    """Steps a truncation schedule after each training epoch, and keeps its state in Lightning's checkpoints.

    Args:
        make: makes the schedule, of the Lightning module and its optimizers, when training begins.
        monitor: for :class:`GuardedTruncation`, the name of the metric that is logged for the validation set.

    Attributes:
        schedule: the schedule, once training has begun.
    """

    def __init__(self, make: Make, *, monitor: str | None = None) -> None:
        super().__init__()
        self.schedule: Schedule | None = None
        self._make, self._monitor = make, monitor
        self._pending: Mapping[str, Any] | None = None

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Make the schedule."""
        if trainer.world_size > 1:
            raise ValueError("parameters cannot become shorter while several processes train: use one, or start small")
        self.schedule = self._make(pl_module, trainer.optimizers)
        if isinstance(self.schedule, GuardedTruncation) != (self._monitor is not None):
            raise ValueError("GuardedTruncation needs the name of a metric, monitor=…, and the others take none")
        if self._pending is not None:
            self.schedule.load_state_dict(self._pending)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Step it; metrics of the validation set, which has been gone through by now, are those of this epoch."""
        assert self.schedule is not None
        if self._monitor is None:
            self.schedule.step()  # type: ignore[attr-defined]
            return
        if self._monitor not in trainer.callback_metrics:
            there = ", ".join(trainer.callback_metrics) or "none"
            raise ValueError(f"no metric {self._monitor!r} was logged; there are {there}")
        self.schedule.step(float(trainer.callback_metrics[self._monitor]))  # type: ignore[attr-defined]

    def state_dict(self) -> dict[str, Any]:
        """The schedule's."""
        return {} if self.schedule is None else self.schedule.state_dict()

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take it over when training begins."""
        self._pending = state_dict or None
