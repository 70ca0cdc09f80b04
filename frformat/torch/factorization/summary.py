"""Summarize which layers were factored and why, and what each costs, as data and as a table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from frformat.format import tables
from frformat.torch.lowrank.cost import Cost
from frformat.torch.lowrank.factors import Modes
from frformat.torch.lowrank.summaries import ModelSummary

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
    """The outcome for one layer whose weight is given as coefficients.

    Attributes:
        name: name of the layer.
        kind: class of the layer, such as ``Conv2d``.
        shape: shape of its weight.
        kept: number of coefficients.
        box: the smallest corner that contains them.
        modes: the bases that stay factors, or None if the weight is rebuilt.
        why: the reason.
        rebuilt: cost of all its runs in the example with the rebuilt weight; None if there are none.
        factored: cost of all its runs on the best factors; None if there are none.
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
        """The cost of the chosen variant."""
        return self.rebuilt if self.modes is None else self.factored


@dataclass(frozen=True, repr=False)
class Summary(ModelSummary):
    """What :func:`frformat.torch.factorize` did to a model.

    Attributes:
        layers: the layers, in model order.
        streams: number of places where the full set of channels exists only in blocks; 0 if nothing is fused.
        fusion: why layers are not fused with the operations between them, or an empty string.
    """

    layers: tuple[LayerSummary, ...]
    streams: int = 0
    fusion: str = ""

    def rows(self) -> list[tuple[str, ...]]:
        """Return one row per layer, and a total."""
        return [HEAD, *(_row(layer) for layer in self.layers), _total(self.layers)]

    def note(self) -> str:
        """Return a note that explains the costs and what was fused."""
        fused = f"in {self.streams} places all channels exist only in blocks" if not self.fusion else self.fusion
        return f"Costs are rebuilt → factored. Fusion: {fused}."


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
        return " → ".join("–" if cost is None else tables.short(getattr(cost, name)) for cost in (rebuilt, factored))

    return pair("multiply_adds"), pair("bytes_moved"), pair("peak_bytes"), pair("weight_bytes")
