"""Truncation guarded by a validation metric."""

from __future__ import annotations

import math
from typing import Literal

from torch import nn

from frformat.torch.regularization.schedule import Optimizers, Schedule, minima
from frformat.torch.regularization.truncation import Counts


class GuardedTruncation(Schedule):
    """Keeps truncating as long as a validation metric holds, that is, stays within ``tolerance`` of the best.

    ``patience`` works as in ``ReduceLROnPlateau``. A step whose metric holds truncates the model; a step whose metric
    does not hold changes nothing, so training can recover. The truncated model has not been measured yet, so save a
    checkpoint before each step, and keep it if :attr:`held` is True afterwards: it then contains the smallest good
    model so far.

    Attributes:
        factor: share of the coefficients that remains at each step.
        minimum: number of coefficients that are always kept, by name.
        tolerance: how far the metric may fall behind the best.
        patience: number of consecutive steps at which the metric may fail to hold; one more finishes the schedule.
        mode: ``max`` if larger metrics are better, ``min`` if smaller ones are.
        best: the best metric so far, including the reference.
        held: whether the last metric held.
        waited: number of consecutive steps at which it has not held.
    """

    def __init__(
        self,
        model: nn.Module,
        optimizer: Optimizers,
        *,
        minimum: Counts = 1,
        factor: float = 0.9,
        tolerance: float = 0.005,
        patience: int = 10,
        mode: Literal["max", "min"] = "max",
        reference: float | None = None,
    ) -> None:
        """Initialize the schedule; most arguments set the attribute of the same name.

        Args:
            model: a regularized model.
            optimizer: the optimizer that trains it, or several.
            minimum: number of coefficients that always remain; see :class:`~.schedules.TailTruncation`.
            factor: between 0 and 1.
            tolerance: in the unit of the metric, at least 0.
            patience: at least 0.
            mode: ``max`` or ``min``.
            reference: initial value of ``best``, such as a plain model's metric; None starts with the first
                metric that is not NaN.

        Raises:
            ValueError: a name or number is not valid.
        """
        super().__init__(model, optimizer)
        if not 0 < factor < 1 or tolerance < 0 or patience < 0 or mode not in ("max", "min"):
            raise ValueError(
                f"factor={factor}, tolerance={tolerance}, patience={patience}, mode={mode!r}: must be "
                "0 < factor < 1, tolerance ≥ 0, patience ≥ 0, mode 'max' or 'min'"
            )
        if reference is not None and math.isnan(reference):
            raise ValueError("reference=nan: must be a number, or None to start with the first metric")
        self.minimum = minima(model, minimum)
        self.factor, self.tolerance, self.patience, self.mode = factor, tolerance, patience, mode
        self.best = reference
        self.held = True
        self.waited = 0

    @property
    def finished(self) -> bool:
        """Whether patience is exhausted, or no tensor has more than its minimum."""
        return self.waited > self.patience or all(n <= self.minimum[name] for name, n in self.kept.items())

    def step(self, metric: float) -> bool:
        """Truncate if the metric holds.

        Args:
            metric: metric of the current model on validation data. NaN means that it does not hold.

        Returns:
            Whether any parameter has become shorter.
        """
        done = self.finished
        self.last_step += 1
        sign = 1 if self.mode == "max" else -1
        if not math.isnan(metric) and (self.best is None or sign * metric > sign * self.best):
            self.best = float(metric)
        self.held = self.best is not None and sign * metric >= sign * self.best - self.tolerance
        self.waited = 0 if self.held and not done else self.waited + (not self.held)
        if done or not self.held:
            return False
        return self._truncate(
            {name: max(self.minimum[name], min(n - 1, int(n * self.factor))) for name, n in self.kept.items()}
        )
