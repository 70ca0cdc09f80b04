"""Weights whose smaller tiers are leading corners of the largest one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor, nn
from torch.nn.utils.parametrize import ParametrizationList

from frformat.checkpoints.regularized import Facts
from frformat.torch.capacity import Tiered
from frformat.torch.parametrizations import parametrized

Shape = tuple[int, ...]


class Corner(Tiered, nn.Module):
    """A PyTorch parametrization that cuts a weight to the corner of the current tier.

    The result is a view, so a layer computes at the width of its tier, and switching tiers copies nothing.

    Attributes:
        corners: shape of the weight in each tier, smallest first.
    """

    def __init__(self, corners: Sequence[Shape]) -> None:
        super().__init__()
        self.corners = tuple(tuple(corner) for corner in corners)
        self.tier = len(self.corners) - 1

    @property
    def tiers(self) -> int:
        """Number of tiers."""
        return len(self.corners)

    def forward(self, whole: Tensor) -> Tensor:
        """Return the corner of the current tier."""
        return whole[corner_of(self.corners[self.tier])]

    def get_extra_state(self) -> Tensor:
        """Return the description for state dicts."""
        return Facts("corner", self.corners[-1], tiers=self.tiers).pack()

    def set_extra_state(self, state: object) -> None:
        """Do nothing: PyTorch already rejects weights of other shapes."""

    def extra_repr(self) -> str:
        """Return the shapes of all tiers."""
        return ", ".join(str(list(corner)) for corner in self.corners)


def corner_of(corner: Shape) -> tuple[slice, ...]:
    """Return the slices that select a corner."""
    return tuple(slice(length) for length in corner)


def cornered(model: nn.Module) -> dict[str, ParametrizationList]:
    """Return the parametrizations of weights with corners, by the weights' names in the plain model."""
    return {name: held for _, name, held in parametrized(model, Corner)}


def corner_cuts(model: nn.Module) -> dict[str, list[Shape]]:
    """Return the corners of the smaller tiers, by the weights' names, in the form ``save_file`` accepts."""
    found: dict[str, Any] = dict(cornered(model))
    return {name: list(held[0].corners[:-1]) for name, held in found.items()}
