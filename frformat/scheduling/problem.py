"""The input: applications with their tiers and goals, a budget, and an objective."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import Enum
from numbers import Integral, Real
from typing import Any, Final

LARGEST: Final = 1e15
"""Numbers lie between 1/LARGEST and LARGEST, accuracies between −LARGEST and LARGEST, so that nothing overflows."""

MEMORY: Final = 1 << 50
APPS: Final = 4096
"""Largest number of applications; the sum of this many numbers of up to MEMORY bytes fits into 64 bits."""

TIERS: Final = 256


class Objective(str, Enum):
    """The objective to minimize. Both objectives come from the NestDNN paper."""

    MIN_TOTAL_COST = "min-total-cost"
    """The sum of all costs: the best total, possibly at the expense of one application."""
    MIN_MAX_COST = "min-max-cost"
    """The largest cost first, then the sum of all costs."""


@dataclass(frozen=True)
class Tier:
    """The accuracy and the cost of a model at one tier.

    Attributes:
        accuracy: any score for which higher is better, in the unit of the application's goal (0.98, or 98 for percent).
        compute: compute of one inference in the unit of ``Budget.speed``, such as multiply-adds; or the measured
            seconds on the whole device, with the default speed of 1.
        memory: bytes that the model takes while loaded.

    Raises:
        ValueError: a number is out of its range.
    """

    accuracy: float
    compute: float
    memory: int

    def __post_init__(self) -> None:
        check_score("accuracy", self.accuracy)
        check_positive("compute", self.compute)
        check_memory(self.memory)


@dataclass(frozen=True)
class App:
    """An application: a model's tiers, and the goals of its user.

    Its cost at a tier and a share u of the device is ``accuracy − tier.accuracy + alpha · max(0, l/u − latency)``,
    where l is the time in seconds that the tier takes on the whole device. Accuracy above the goal lowers the cost
    further; speed beyond the goal does not.

    Attributes:
        name: unique among the applications.
        tiers: in any order, usually from the smallest to the largest.
        accuracy: the desired minimum accuracy.
        latency: the longest acceptable time between two frames, in seconds: 1/30 for 30 frames per second.
        alpha: the accuracy that one second of lateness is worth.

    Raises:
        ValueError: the name is empty or not valid Unicode, there are no tiers or too many, or a number is out of its
            range.
    """

    name: str
    tiers: tuple[Tier, ...]
    accuracy: float
    latency: float
    alpha: float = 1.0

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not self.name:
            raise ValueError(f"an application needs a name, not {self.name!r}")
        if not self.name.isascii() and any("\ud800" <= letter <= "\udfff" for letter in self.name):
            raise ValueError(f"the name {self.name!r} has a lone surrogate, which UTF-8 cannot encode")
        object.__setattr__(self, "tiers", tuple(self.tiers))
        if not 1 <= len(self.tiers) <= TIERS:
            raise ValueError(f"application {self.name!r} has {len(self.tiers)} tiers; it needs 1 to {TIERS}")
        check_score(f"accuracy of application {self.name!r}", self.accuracy)
        check_positive(f"latency of application {self.name!r}", self.latency)
        check_positive(f"alpha of application {self.name!r}", self.alpha)


@dataclass(frozen=True)
class Budget:
    """The resources that the applications share.

    Attributes:
        memory: bytes for all loaded models together.
        speed: compute per second of the whole device, in the unit of ``Tier.compute``.

    Raises:
        ValueError: a number is out of its range.
    """

    memory: int
    speed: float = 1.0

    def __post_init__(self) -> None:
        check_memory(self.memory)
        check_positive("speed", self.speed)


class InfeasibleBudget(ValueError):  # noqa: N818 — named after the problem that it reports
    """Raised if the applications do not all fit into memory, even at their smallest tiers.

    Attributes:
        unfit: names of the applications to close, as few as possible, so that the others fit.
        needed: bytes that all applications take at their smallest tiers.
        available: the budget in bytes.
    """

    def __init__(self, unfit: tuple[str, ...], needed: int, available: int) -> None:
        names = ", ".join(repr(name) for name in unfit)
        super().__init__(
            f"the applications need {needed} bytes at their smallest tiers, but the budget is {available}: "
            f"close {names}, or give them smaller tiers"
        )
        self.unfit, self.needed, self.available = unfit, needed, available

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.unfit, self.needed, self.available)


def check_score(what: str, value: float) -> None:
    """Check a finite number of either sign."""
    if not _is_number(value) or not -LARGEST <= value <= LARGEST:
        raise ValueError(f"{what} must be a number from {-LARGEST:g} to {LARGEST:g}, not {value!r}")


def check_positive(what: str, value: float) -> None:
    """Check a positive number that is neither tiny nor huge."""
    if not _is_number(value) or not 1 / LARGEST <= value <= LARGEST:
        raise ValueError(f"{what} must be a number from {1 / LARGEST:g} to {LARGEST:g}, not {value!r}")


def check_memory(value: int) -> None:
    """Check a number of bytes."""
    if not isinstance(value, Integral) or isinstance(value, bool) or not 0 <= value <= MEMORY:
        raise ValueError(f"memory must be a whole number of bytes from 0 to {MEMORY}, not {value!r}")


def _is_number(value: float) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool) and not math.isnan(value)
