"""What a function did to a model's layers: the model carries it along, and it prints as a table."""

from __future__ import annotations

from abc import ABC, abstractmethod

from torch import fx, nn

from frformat.format import tables


class ModelSummary(ABC):
    """A table of layers, with a note below."""

    @abstractmethod
    def rows(self) -> list[tuple[str, ...]]:
        """The table; the first row is the heading."""

    @abstractmethod
    def note(self) -> str:
        """What is said below it."""

    def __str__(self) -> str:
        return tables.as_text(self.rows(), self.note())

    def __repr__(self) -> str:
        return str(self)

    def _repr_html_(self) -> str:
        """The table in a notebook."""
        return tables.as_html(self.rows(), self.note())


def summary(model: nn.Module) -> ModelSummary:
    """What was done to a model that :func:`frformat.torch.factorize` or :func:`frformat.torch.decompose` made.

    Raises:
        ValueError: neither made it.
    """
    found = getattr(model, "factorization", None)
    if not isinstance(found, ModelSummary):
        raise ValueError(f"{type(model).__name__} was made by neither factorize() nor decompose()")
    return found


def attach(model: nn.Module, what: ModelSummary) -> None:
    """Let a model carry what was done to it."""
    model.factorization = what  # type: ignore[assignment]
    if isinstance(model, fx.GraphModule):  # which copies only what it knows
        model.meta["_user_preserved_attributes"] = {"factorization": what}
