"""Report what a decomposition did to each layer, as data and as a table."""

from __future__ import annotations

from dataclasses import dataclass

from frformat.format import tables
from frformat.torch.lowrank.summaries import ModelSummary
from frformat.wording import are, count

HEAD = ("weight", "kind", "shape", "core", "parameters", "multiply-adds", "error", "why not")


@dataclass(frozen=True)
class Decomposed:
    """The outcome for one layer.

    Attributes:
        name: name of its weight.
        kind: class of the layer, such as ``Conv2d``.
        shape: shape of the weight.
        core: shape of the core; None if the weight is unchanged.
        parameters: number of parameters before and after.
        multiply_adds: multiply-adds of all its calls in the example, before and after; None without an example.
        error: Frobenius norm of the lost part, relative to that of the weight.
        why: why the weight is unchanged, or an empty string.
    """

    name: str
    kind: str
    shape: tuple[int, ...]
    core: tuple[int, ...] | None
    parameters: tuple[int, int]
    multiply_adds: tuple[int, int] | None
    error: float
    why: str


@dataclass(frozen=True, repr=False)
class Decomposition(ModelSummary):
    """What :func:`frformat.torch.decompose` did to a model.

    Attributes:
        layers: the layers, in model order.
        weaken: how far ranks were moved from those of EVBMF towards full ranks.
    """

    layers: tuple[Decomposed, ...]
    weaken: float

    def rows(self) -> list[tuple[str, ...]]:
        """Return one row per layer, and a total."""
        return [HEAD, *map(_row, self.layers), self._total()]

    def _total(self) -> tuple[str, ...]:
        parameters = [sum(layer.parameters[i] for layer in self.layers) for i in (0, 1)]
        counted = [layer.multiply_adds for layer in self.layers if layer.multiply_adds is not None]
        work = [sum(each[i] for each in counted) for i in (0, 1)] if counted else None
        return "all", "", "", "", _change(parameters), _change(work), "", ""

    def note(self) -> str:
        """Return a note with the number of decomposed layers."""
        done = sum(layer.core is not None for layer in self.layers)
        what = f"{done} of {count(len(self.layers), 'layer')} {are(done)} decomposed, at weaken={self.weaken:.3g}"
        return f"{what}. Fine-tune them next."


def _row(layer: Decomposed) -> tuple[str, ...]:
    shape, core = ("×".join(map(str, each)) if each else "–" for each in (layer.shape, layer.core))
    error = f"{layer.error:.3f}" if layer.core else "–"
    work = _change(layer.multiply_adds)
    return layer.name, layer.kind, shape, core, _change(layer.parameters), work, error, layer.why


def _change(pair: tuple[int, int] | list[int] | None) -> str:
    return "–" if pair is None else " → ".join(map(tables.short, pair))
