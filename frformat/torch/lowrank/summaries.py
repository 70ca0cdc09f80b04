"""Summaries of how a function changed a model's layers, attached to the model and printed as tables."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from torch import fx, nn

from frformat.format import tables


@dataclass(frozen=True)
class LayerOutcome(ABC):
    """The outcome for one layer.

    Attributes:
        name: name of the layer, or of its weight.
        kind: class of the layer, such as ``Conv2d``.
        shape: shape of its weight.
    """

    name: str
    kind: str
    shape: tuple[int, ...]

    @abstractmethod
    def row(self) -> tuple[str, ...]:
        """Return the layer's row of the table."""


class ModelSummary(ABC):
    """A table of layers, with a note below.

    Attributes:
        head: heading of the table.
        layers: the layers, in model order.
    """

    head: ClassVar[tuple[str, ...]]
    layers: Sequence[LayerOutcome]

    def rows(self) -> list[tuple[str, ...]]:
        """Return the table: the heading, one row per layer, and a total."""
        return [self.head, *(layer.row() for layer in self.layers), self.total()]

    @abstractmethod
    def total(self) -> tuple[str, ...]:
        """Return the last row of the table."""

    @abstractmethod
    def note(self) -> str:
        """Return the note below the table."""

    def __str__(self) -> str:
        return tables.as_text(self.rows(), self.note())

    def __repr__(self) -> str:
        return str(self)

    def _repr_html_(self) -> str:
        """Return the table as HTML for notebooks."""
        return tables.as_html(self.rows(), self.note())


def summary(model: nn.Module) -> ModelSummary:
    """Return how :func:`frformat.torch.factorize` or :func:`frformat.torch.decompose` changed a model.

    Raises:
        ValueError: the model is a result of neither.
    """
    found = getattr(model, "factorization", None)
    if not isinstance(found, ModelSummary):
        raise ValueError(f"{type(model).__name__} is a result of neither factorize() nor decompose()")
    return found


def attach(model: nn.Module, what: ModelSummary) -> None:
    """Attach a summary to a model."""
    model.factorization = what  # type: ignore[assignment]
    if isinstance(model, fx.GraphModule):  # GraphModule copies only the attributes that it recognizes
        model.meta["_user_preserved_attributes"] = {"factorization": what}
