"""Truncation that a validation metric guards."""

from __future__ import annotations

from typing import Literal

from torch import nn

from frformat.torch.regularization.schedule import Optimizers, Schedule, minima
from frformat.torch.regularization.truncation import Counts


class GuardedTruncation(Schedule):
    """Truncates on as long as a validation metric holds, with the habits of ``ReduceLROnPlateau``.

    A model is at its smallest good size whenever :attr:`held` is True after a step's metric was given: that is when to
    save a checkpoint. A step whose metric does not hold changes nothing, so that training can recover.

    Attributes:
        factor: what share of the coefficients stays at each step.
        minimum: how many are always kept, by name.
        tolerance: how much worse than the best the metric may be.
        patience: after how many steps in a row at which the metric did not hold the schedule is finished.
        mode: ``max`` if larger metrics are better, ``min`` if smaller ones are.
        best: the best metric so far, or the one that was given as a reference.
        held: whether the last metric held.
        waited: at how many steps in a row it did not.
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
        """Set up; ``minimum`` as for :class:`TailTruncation`, the others as the attributes.

        Args:
            model: a regularized model.
            optimizer: what trains it; several, if there are.
            minimum: what always stays.
            factor: between 0 and 1.
            tolerance: in the unit of the metric, at least 0.
            patience: at least 0.
            mode: ``max`` or ``min``.
            reference: a metric to compare with (that of a plain model), None for the best of those that are given.

        Raises:
            ValueError: a name or number is not possible.
        """
        super().__init__(model, optimizer)
        if not 0 < factor < 1 or tolerance < 0 or patience < 0 or mode not in ("max", "min"):
            raise ValueError(
                f"factor={factor} (between 0 and 1), tolerance={tolerance} and patience={patience} (at least 0) and "
                f"mode={mode!r} (max or min) are not possible"
            )
        self.minimum = minima(model, minimum)
        self.factor, self.tolerance, self.patience, self.mode = factor, tolerance, patience, mode
        self.best = reference
        self.held = True
        self.waited = 0

    @property
    def finished(self) -> bool:
        """Whether patience is exhausted or no tensor has more than its minimum."""
        return self.waited > self.patience or all(n <= self.minimum[name] for name, n in self.kept.items())

    def step(self, metric: float) -> bool:
        """Truncate if the metric holds.

        Args:
            metric: of the model as it is, on data that it is not trained on. NaN does not hold.

        Returns:
            Whether a parameter has become shorter.
        """
        done = self.finished
        self.last_step += 1
        sign = 1 if self.mode == "max" else -1
        if self.best is None or sign * metric > sign * self.best:
            self.best = float(metric)
        self.held = sign * metric >= sign * self.best - self.tolerance
        self.waited = 0 if self.held and not done else self.waited + (not self.held)
        if done or not self.held:
            return False
        return self._truncate(
            {name: max(self.minimum[name], min(n - 1, int(n * self.factor))) for name, n in self.kept.items()}
        )
