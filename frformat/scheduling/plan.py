"""The result: a tier and a share for each application."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Choice:
    """The tier and share of one application.

    Attributes:
        app: its name.
        tier: index of its tier.
        share: share of the device's compute, above 0 and at most 1.
        latency: seconds between two of its frames with that share.
        cost: its cost.
    """

    app: str
    tier: int
    share: float
    latency: float
    cost: float


@dataclass(frozen=True)
class Plan:
    """A tier and a share for each application.

    Shares add up to at most 1, except for rounding; the rest of the device stays idle.

    Attributes:
        choices: one for each application, in the order in which they were given.
        total: sum of all costs.
        largest: the largest cost.
        exact: whether the plan is known to be optimal; otherwise, it comes from the greedy search.
    """

    choices: tuple[Choice, ...]
    total: float
    largest: float
    exact: bool

    def __getitem__(self, app: str) -> Choice:
        """Return the choice for an application. Raises KeyError if no application has this name."""
        for choice in self.choices:
            if choice.app == app:
                return choice
        raise KeyError(app)
