"""What was factored, what not and why, and what each layer costs: data, and a table to print."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from torch import fx, nn

from frformat.format import notebook
from frformat.torch.lowrank.cost import Cost
from frformat.torch.lowrank.factors import Modes

HEAD: Final = (
    "layer",
    "kind",
    "weight",
    "k",
    "box",
    "runs on",
    "multiply-adds",
    "bytes moved",
    "peak",
    "weights",
    "why",
)


@dataclass(frozen=True)
class LayerSummary:
    """One layer whose weight is given as coefficients.

    Attributes:
        name: of the layer.
        kind: of the layer, such as ``Conv2d``.
        shape: of its weight.
        kept: how many coefficients.
        box: the smallest corner that contains them.
        modes: which bases stay factors, or None if the weight is rebuilt.
        why: the reason.
        rebuilt: what all its runs in the example take with the rebuilt weight; None if there are none.
        factored: what they take on the best factors; None if there are none.
    """

    name: str
    kind: str
    shape: tuple[int, ...]
    kept: int
    box: tuple[int, ...]
    modes: Modes | None
    why: str
    rebuilt: Cost | None
    factored: Cost | None

    @property
    def chosen(self) -> Cost | None:
        """What they take now."""
        return self.rebuilt if self.modes is None else self.factored


@dataclass(frozen=True, repr=False)
class Summary:
    """What :func:`frformat.torch.factorize` did.

    Attributes:
        layers: in the order of the model.
        streams: how many times values of all channels exist only in blocks; 0 if nothing is fused.
        fusion: why layers are not fused with what is between them, or an empty string.
    """

    layers: tuple[LayerSummary, ...]
    streams: int = 0
    fusion: str = ""

    def __str__(self) -> str:
        rows = self._rows()
        widths = [max(len(row[column]) for row in rows) for column in range(len(HEAD))]
        lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
        lines.insert(1, "─" * max(map(len, lines)))
        return "\n".join([*lines, self._note()])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        """The table in a notebook."""
        return notebook.table(self._rows(), self._note())

    def _rows(self) -> list[tuple[str, ...]]:
        return [HEAD, *(_row(layer) for layer in self.layers), _total(self.layers)]

    def _note(self) -> str:
        fused = f"{self.streams} times all channels exist only in blocks" if not self.fusion else self.fusion
        return f"Costs are rebuilt → factored. Fusion: {fused}."


def summary(model: nn.Module) -> Summary:
    """What was done to a model that :func:`frformat.torch.factorize` made.

    Raises:
        ValueError: it did not make it.
    """
    found = getattr(model, "factorization", None)
    if not isinstance(found, Summary):
        raise ValueError(f"{type(model).__name__} was not made by factorize()")
    return found


def attach(model: nn.Module, what: Summary) -> None:
    """Let a model know what was done to it."""
    model.factorization = what  # type: ignore[assignment]
    if isinstance(model, fx.GraphModule):  # which copies only what it knows
        model.meta["_user_preserved_attributes"] = {"factorization": what}


def _row(layer: LayerSummary) -> tuple[str, ...]:
    where = "+".join(layer.modes) if layer.modes else "weights"
    shape, box = "×".join(map(str, layer.shape)), "×".join(map(str, layer.box))
    return (
        layer.name,
        layer.kind,
        shape,
        str(layer.kept),
        box,
        where,
        *_costs(layer.rebuilt, layer.factored),
        layer.why,
    )


def _total(layers: tuple[LayerSummary, ...]) -> tuple[str, ...]:
    both = [(layer.rebuilt, layer.chosen) for layer in layers if layer.rebuilt is not None and layer.chosen is not None]
    rebuilt, chosen = ([pair[i] for pair in both] for i in (0, 1))
    return (
        "all, as chosen",
        "",
        "",
        str(sum(layer.kept for layer in layers)),
        "",
        "",
        *_costs(Cost.of_layers(rebuilt), Cost.of_layers(chosen)),
        "",
    )


def _costs(rebuilt: Cost | None, factored: Cost | None) -> tuple[str, str, str, str]:
    def pair(name: str) -> str:
        return " → ".join("–" if cost is None else _short(getattr(cost, name)) for cost in (rebuilt, factored))

    return pair("multiply_adds"), pair("bytes_moved"), pair("peak_bytes"), pair("weight_bytes")


def _short(number: int) -> str:
    """Three digits and a unit."""
    value, units = float(number), ["", "k", "M", "G", "T"]
    while value >= 999.5 and len(units) > 1:
        value, units = value / 1000, units[1:]
    return f"{value:.3g}{units[0]}"
