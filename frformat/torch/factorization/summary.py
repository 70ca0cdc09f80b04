"""Summarize which layers were factored and why, and what each costs, as data and as a table."""

from __future__ import annotations

from dataclasses import dataclass

from frformat.format import tables
from frformat.torch.lowrank.cost import Cost
from frformat.torch.lowrank.factors import Modes
from frformat.torch.lowrank.summaries import LayerOutcome, ModelSummary
from frformat.wording import count


@dataclass(frozen=True)
class LayerSummary(LayerOutcome):
    """The outcome for one layer whose weight is given as coefficients.

    ``name`` is the name of the layer, ``kind`` its class, such as ``Conv2d``, and ``shape`` the shape of its weight.

    Attributes:
        kept: number of coefficients.
        box: the smallest corner that contains them.
        modes: the bases that stay factors, or None if the weight is rebuilt.
        why: the reason for this choice.
        rebuilt: cost of all its runs in the example with the rebuilt weight; None if there are no runs.
        factored: cost of all its runs on the best factors; None if there are no runs or no factors.
    """

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

    def row(self) -> tuple[str, ...]:
        """See :class:`LayerOutcome`."""
        where = "+".join(self.modes) if self.modes else "weights"
        shape, box = "×".join(map(str, self.shape)), "×".join(map(str, self.box))
        costs = _costs(self.rebuilt, self.factored)
        return self.name, self.kind, shape, str(self.kept), box, where, *costs, self.why


@dataclass(frozen=True, repr=False)
class Summary(ModelSummary):
    """The outcome of :func:`frformat.torch.factorize` for a model.

    Attributes:
        layers: the layers, in model order.
        streams: number of places in the model where all channels are computed only for one block of pixels at a time;
            0 if nothing is fused.
        fusion: why layers are not fused with the operations between them, or an empty string.
    """

    head = ("layer", "kind", "weight", "k", "box", "runs on", "multiply-adds", "bytes moved", "peak", "weights", "why")
    layers: tuple[LayerSummary, ...]
    streams: int = 0
    fusion: str = ""

    def total(self) -> tuple[str, ...]:
        """Return the sums of coefficients and costs."""
        both = [(each.rebuilt, each.chosen) for each in self.layers if each.rebuilt and each.chosen]
        rebuilt, chosen = ([pair[i] for pair in both] for i in (0, 1))
        kept = str(sum(each.kept for each in self.layers))
        return "all, as chosen", "", "", kept, "", "", *_costs(Cost.of_layers(rebuilt), Cost.of_layers(chosen)), ""

    def note(self) -> str:
        """Return a note that explains the costs and what was fused."""
        fused = self.fusion or f"in {count(self.streams, 'place')}, all channels exist only in blocks"
        return f"Costs are rebuilt → factored. Fusion: {fused}."


def _costs(rebuilt: Cost | None, factored: Cost | None) -> tuple[str, str, str, str]:
    def pair(name: str) -> str:
        return " → ".join("–" if cost is None else tables.short(getattr(cost, name)) for cost in (rebuilt, factored))

    return pair("multiply_adds"), pair("bytes_moved"), pair("peak_bytes"), pair("weight_bytes")
