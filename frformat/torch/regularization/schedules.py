"""Schedules that shorten prefixes during training, similar to those of :mod:`torch.optim.lr_scheduler`.

>>> schedule = TailTruncation(model, optimizer, by=0.02, minimum=33)
>>> for epoch in range(60):
...     train(model, optimizer)
...     schedule.step()

To train only the final coefficients from the first step, use ``regularize(model, keep=33)`` without a schedule. Under
DistributedDataParallel, pass the wrapper's ``module`` to the schedule, and wrap it again when :meth:`Schedule.step`
returns True. An averaged model does not follow, either: truncate it before the next update.

>>> average = torch.optim.swa_utils.AveragedModel(model)
>>> if schedule.step():
...     truncate(average.module, schedule.kept)
>>> average.update_parameters(model)

To resume, load the state dicts of the model (which restores the prefix lengths), of the optimizer and of the schedule.
"""

from __future__ import annotations

import math
from abc import abstractmethod

from torch import nn

from frformat.torch.regularization.budget import Score, allocate, relative_energy
from frformat.torch.regularization.schedule import Optimizers, Schedule, at_least_one, minima
from frformat.torch.regularization.truncation import Counts


class _Unconditional(Schedule):
    """A schedule whose prefix lengths depend only on the number of steps.

    Attributes:
        minimum: number of coefficients that are always kept, by name.
    """

    def __init__(self, model: nn.Module, optimizer: Optimizers, minimum: Counts) -> None:
        super().__init__(model, optimizer)
        self.minimum = minima(model, minimum)

    @property
    def finished(self) -> bool:
        """Whether no tensor has more coefficients than its minimum."""
        return all(count <= self.minimum[name] for name, count in self.kept.items())

    def step(self) -> bool:
        """Truncate. Call this after each epoch, or after any other number of updates.

        Returns:
            Whether any parameter has become shorter.
        """
        self.last_step += 1
        return self._truncate({name: self.length(name) for name in self.initial})

    @abstractmethod
    def length(self, name: str) -> int:
        """Return the number of coefficients of a tensor after ``last_step`` steps."""


class TailTruncation(_Unconditional):
    """Drops a few coefficients in each step: the dynamic tail truncation of Frequency Regularization.

    Attributes:
        by: how many coefficients to drop from each tensor: a number (int), or a share of its initial number (float).
    """

    def __init__(self, model: nn.Module, optimizer: Optimizers, *, by: int | float, minimum: Counts) -> None:
        """Initialize the schedule.

        Args:
            model: a regularized model.
            optimizer: the optimizer that trains it, or several.
            by: see the class.
            minimum: number of coefficients that always remain: a number (int), a share of the element count (float), or
                either by tensor name. Tensors that are not named keep all their coefficients.

        Raises:
            ValueError: a name or number is not valid.
        """
        super().__init__(model, optimizer, minimum)
        if not (by > 0 if isinstance(by, int) else 0 < by <= 1):
            raise ValueError(
                f"by={by} is neither a number of coefficients to drop in each step (an int from 1) nor a share "
                "(a float above 0, up to 1.0)"
            )
        self.by = by

    def length(self, name: str) -> int:
        """See :class:`_Unconditional`."""
        initial = self.initial[name]
        gone = self.last_step * (self.by if isinstance(self.by, int) else self.by * initial)
        return max(self.minimum[name], math.ceil(initial - gone))


class GeometricTruncation(_Unconditional):
    """Drops the same share of the remaining coefficients in each step, until the minimum is reached.

    Attributes:
        steps: number of steps until the minimum is reached.
    """

    def __init__(self, model: nn.Module, optimizer: Optimizers, *, steps: int, minimum: Counts) -> None:
        """Initialize the schedule.

        Args:
            model: a regularized model.
            optimizer: the optimizer that trains it, or several.
            steps: number of steps until the minimum is reached.
            minimum: see :class:`TailTruncation`.

        Raises:
            ValueError: a name or number is not valid.
        """
        super().__init__(model, optimizer, minimum)
        self.steps = at_least_one(steps)

    def length(self, name: str) -> int:
        """See :class:`_Unconditional`."""
        return _geometric(self.initial[name], self.minimum[name], self.last_step / self.steps)


class BudgetTruncation(Schedule):
    """Drops the same share of the total in each step.

    The remaining coefficients are distributed over the tensors in which they matter most; see :func:`allocate`.

    Attributes:
        total: final number of coefficients of all tensors together.
        steps: number of steps until that number is reached.
        least: minimum number for each tensor.
        score: the score that :func:`allocate` compares.
    """

    _not_in_state = ("model", "optimizers", "score")

    def __init__(
        self,
        model: nn.Module,
        optimizer: Optimizers,
        *,
        total: int,
        steps: int,
        least: int = 1,
        score: Score = relative_energy,
    ) -> None:
        """Initialize the schedule; the arguments set the attributes.

        Raises:
            ValueError: a number is not valid.
        """
        super().__init__(model, optimizer)
        self.total, self.steps, self.least, self.score = total, at_least_one(steps), least, score
        allocate(model, total, least=least)  # raises if the total is not valid

    @property
    def finished(self) -> bool:
        """Whether the total has been reached."""
        return sum(self.kept.values()) <= self.total

    def step(self) -> bool:
        """Truncate. With :func:`~.budget.sensitivity`, call this while gradients exist.

        Returns:
            Whether any parameter has become shorter.
        """
        self.last_step += 1
        total = _geometric(sum(self.initial.values()), self.total, self.last_step / self.steps)
        return self._truncate(allocate(self.model, total, score=self.score, least=self.least))


def _geometric(start: int, end: int, share: float) -> int:
    """Interpolate geometrically from ``start`` at share 0 to ``end`` at share 1; return ``end`` for larger shares."""
    return start if start <= end else max(end, round(start * (end / start) ** min(share, 1)))
