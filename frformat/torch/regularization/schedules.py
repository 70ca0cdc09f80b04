"""Schedules that shorten the prefixes while training goes on, with the habits of :mod:`torch.optim.lr_scheduler`.

>>> schedule = TailTruncation(model, optimizer, by=0.02, minimum=33)
>>> for epoch in range(60):
...     train(model, optimizer)
...     schedule.step()

To train in the small space from the first step needs none: ``regularize(model, keep=33)``. Under
DistributedDataParallel give the schedule the wrapped ``.module``, and wrap that anew when :meth:`Schedule.step` returns
True.

To resume, load the model's state dict (which brings the lengths of the prefixes), the optimizer's and the schedule's.
"""

from __future__ import annotations

import math
from abc import abstractmethod

from torch import nn

from frformat.torch.regularization.budget import Score, allocate, relative_energy
from frformat.torch.regularization.schedule import Optimizers, Schedule, at_least_one, minima
from frformat.torch.regularization.truncation import Counts


class _Unconditional(Schedule):
    """A schedule whose lengths follow from the number of steps.

    Attributes:
        minimum: how many coefficients are always kept, by name.
    """

    def __init__(self, model: nn.Module, optimizer: Optimizers, minimum: Counts) -> None:
        super().__init__(model, optimizer)
        self.minimum = minima(model, minimum)

    @property
    def finished(self) -> bool:
        """Whether no tensor has more than its minimum."""
        return all(count <= self.minimum[name] for name, count in self.kept.items())

    def step(self) -> bool:
        """Truncate; to be called after each epoch (or any other number of updates).

        Returns:
            Whether a parameter has become shorter.
        """
        self.last_step += 1
        return self._truncate({name: self.length(name) for name in self.initial})

    @abstractmethod
    def length(self, name: str) -> int:
        """Return how many coefficients a tensor has after ``last_step`` steps."""


class TailTruncation(_Unconditional):
    """The dynamic tail truncation of Frequency Regularization: at each step a few coefficients less.

    Attributes:
        by: how many less: an int is a number, a float a share of the tensor's initial number.
    """

    def __init__(self, model: nn.Module, optimizer: Optimizers, *, by: int | float, minimum: Counts) -> None:
        """Set up.

        Args:
            model: a regularized model.
            optimizer: what trains it; several, if there are.
            by: see the class.
            minimum: how many coefficients always stay: a number (int), a share of the element count (float), or either
                by tensor name. Tensors that are not named keep what they have.

        Raises:
            ValueError: a name or number is not possible.
        """
        super().__init__(model, optimizer, minimum)
        if not by > 0:
            raise ValueError(f"by={by} coefficients less at each step: must be more than 0")
        self.by = by

    def length(self, name: str) -> int:
        """See :class:`Schedule`."""
        initial = self.initial[name]
        gone = self.last_step * (self.by if isinstance(self.by, int) else self.by * initial)
        return max(self.minimum[name], math.ceil(initial - gone))


class GeometricTruncation(_Unconditional):
    """At each step the same share less, so that the minimum is reached after a given number of steps.

    Attributes:
        steps: after how many.
    """

    def __init__(self, model: nn.Module, optimizer: Optimizers, *, steps: int, minimum: Counts) -> None:
        """Set up.

        Args:
            model: a regularized model.
            optimizer: what trains it; several, if there are.
            steps: see the class.
            minimum: as for :class:`TailTruncation`.

        Raises:
            ValueError: a name or number is not possible.
        """
        super().__init__(model, optimizer, minimum)
        self.steps = at_least_one(steps)

    def length(self, name: str) -> int:
        """See :class:`Schedule`."""
        return _geometric(self.initial[name], self.minimum[name], self.last_step / self.steps)


class BudgetTruncation(Schedule):
    """At each step the same share less of the whole, allocated anew to the tensors where it matters.

    Attributes:
        total: how many coefficients all tensors have together in the end.
        steps: after how many steps.
        least: how many each tensor keeps at least.
        score: what :func:`allocate` compares.
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
        """Set up; arguments as the attributes.

        Raises:
            ValueError: a number is not possible.
        """
        super().__init__(model, optimizer)
        self.total, self.steps, self.least, self.score = total, at_least_one(steps), least, score
        allocate(model, total, least=least)  # raises if it is not possible

    @property
    def finished(self) -> bool:
        """Whether the total is reached."""
        return sum(self.kept.values()) <= self.total

    def step(self) -> bool:
        """Truncate; with :func:`sensitivity` to be called while there are gradients.

        Returns:
            Whether a parameter has become shorter.
        """
        self.last_step += 1
        total = _geometric(sum(self.initial.values()), self.total, self.last_step / self.steps)
        return self._truncate(allocate(self.model, total, score=self.score, least=self.least))


def _geometric(start: int, end: int, share: float) -> int:
    """From ``start`` at 0 to ``end`` at 1 and beyond, in equal ratios."""
    return start if start <= end else max(end, round(start * (end / start) ** min(share, 1)))
