"""What is answered: a tier and a share for each application."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Choice:
    """What one application gets.

    Attributes:
        app: its name.
        tier: index in its tiers.
        share: part of the device's compute, above 0 and at most 1.
        latency: seconds between two of its frames at that share.
        cost: its cost.
    """

    app: str
    tier: int
    share: float
    latency: float
    cost: float


@dataclass(frozen=True)
class Plan:
    """A tier and a share for each application. The shares add up to at most 1; what is left is not needed.

    Attributes:
        choices: one for each application, in the order in which they were given.
        total: sum of all costs.
        largest: the largest cost.
        exact: whether no other plan is better; else it comes from the greedy search.
    """

    choices: tuple[Choice, ...]
    total: float
    largest: float
    exact: bool

    def __getitem__(self, app: str) -> Choice:
        """Return the choice for an application; KeyError if there is none of that name."""
        for choice in self.choices:
            if choice.app == app:
                return choice
        raise KeyError(app)
