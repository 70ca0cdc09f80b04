"""Report what a decomposition did to each layer, as data and as a table."""

from __future__ import annotations

from dataclasses import dataclass

from frformat.format import tables
from frformat.torch.lowrank.summaries import LayerOutcome, ModelSummary
from frformat.wording import are, count


@dataclass(frozen=True)
class Decomposed(LayerOutcome):
    """The outcome of :func:`frformat.torch.decompose` for one layer.

    ``name`` and ``shape`` describe its weight, and ``kind`` is its class, such as ``Conv2d``.

    Attributes:
        core: shape of the core; None if the weight is unchanged.
        parameters: number of parameters before and after.
        multiply_adds: multiply-adds of all its calls in the example, before and after; None without an example.
        error: Frobenius norm of the lost part, relative to that of the weight.
        why: why the weight is unchanged, or an empty string.
    """

    core: tuple[int, ...] | None
    parameters: tuple[int, int]
    multiply_adds: tuple[int, int] | None
    error: float
    why: str

    def row(self) -> tuple[str, ...]:
        """See :class:`LayerOutcome`."""
        shape, core = ("×".join(map(str, each)) if each else "–" for each in (self.shape, self.core))
        error = f"{self.error:.3f}" if self.core else "–"
        work = _change(self.multiply_adds)
        return self.name, self.kind, shape, core, _change(self.parameters), work, error, self.why


@dataclass(frozen=True, repr=False)
class Decomposition(ModelSummary):
    """The outcome of :func:`frformat.torch.decompose` for a model.

    Attributes:
        layers: the layers, in model order.
        weaken: how far ranks were moved from those of EVBMF toward full ranks.
    """

    head = ("weight", "kind", "shape", "core", "parameters", "multiply-adds", "error", "why not")
    layers: tuple[Decomposed, ...]
    weaken: float

    def total(self) -> tuple[str, ...]:
        """Return the sums of parameters and multiply-adds."""
        parameters = [sum(layer.parameters[i] for layer in self.layers) for i in (0, 1)]
        counted = [layer.multiply_adds for layer in self.layers if layer.multiply_adds is not None]
        work = [sum(each[i] for each in counted) for i in (0, 1)] if counted else None
        return "all", "", "", "", _change(parameters), _change(work), "", ""

    def note(self) -> str:
        """Return a note with the number of decomposed layers."""
        done = sum(layer.core is not None for layer in self.layers)
        what = f"{done} of {count(len(self.layers), 'layer')} {are(done)} decomposed, at weaken={self.weaken:.3g}"
        return f"{what}. Fine-tune them next."


def _change(pair: tuple[int, int] | list[int] | None) -> str:
    return "–" if pair is None else " → ".join(map(tables.short, pair))
