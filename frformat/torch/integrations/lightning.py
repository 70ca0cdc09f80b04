"""A Lightning callback for truncation schedules.

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
    raise DependencyError("the Lightning callback", error) from error

Make = Callable[[nn.Module, Sequence[Optimizer]], Schedule]
"""Creates a schedule for a model and the optimizers that train it."""


class Truncation(Callback):  # type: ignore[misc]
    """Steps a truncation schedule after each training epoch, and keeps its state in Lightning's checkpoints.

    Args:
        make: creates the schedule from the Lightning module and its optimizers when training begins.
        monitor: for :class:`GuardedTruncation`, the name of the logged validation metric.

    Attributes:
        schedule: the schedule, once training has begun.
    """

    def __init__(self, make: Make, *, monitor: str | None = None) -> None:
        super().__init__()
        self.schedule: Schedule | None = None
        self._make, self._monitor = make, monitor
        self._pending: Mapping[str, Any] | None = None

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Create the schedule."""
        if trainer.world_size > 1:
            raise ValueError(
                "parameters cannot shrink while several processes train: use one process, or do without a schedule"
            )
        self.schedule = self._make(pl_module, trainer.optimizers)
        if isinstance(self.schedule, GuardedTruncation) != (self._monitor is not None):
            raise ValueError("GuardedTruncation needs monitor=…, the name of a metric; other schedules take none")
        if self._pending is not None:
            self.schedule.load_state_dict(self._pending)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Step the schedule. Validation has already run, so its metrics are those of this epoch."""
        assert self.schedule is not None
        if self._monitor is None:
            self.schedule.step()  # type: ignore[attr-defined]
            return
        if self._monitor not in trainer.callback_metrics:
            there = ", ".join(trainer.callback_metrics) or "none"
            raise ValueError(f"no metric {self._monitor!r} was logged; the logged metrics are {there}")
        self.schedule.step(float(trainer.callback_metrics[self._monitor]))  # type: ignore[attr-defined]

    def state_dict(self) -> dict[str, Any]:
        """Return the schedule's state."""
        return {} if self.schedule is None else self.schedule.state_dict()

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restore the schedule's state when training begins."""
        self._pending = state_dict or None
