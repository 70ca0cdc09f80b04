"""What a decomposition did to each layer: data, and a table to print."""

from __future__ import annotations

from dataclasses import dataclass

from frformat.format import tables
from frformat.torch.lowrank.summaries import ModelSummary

HEAD = ("weight", "kind", "shape", "core", "parameters", "multiply-adds", "error", "why not")


@dataclass(frozen=True)
class Decomposed:
    """One layer.

    Attributes:
        name: of its weight.
        kind: of the layer, such as ``Conv2d``.
        shape: of the weight.
        core: shape of the core; None if the weight stays as it is.
        parameters: of the weight before and after.
        multiply_adds: of all its calls in the example, before and after; None without an example.
        error: Frobenius norm of what is lost, relative to that of the weight.
        why: why the weight stays as it is, or an empty string.
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
    """What :func:`frformat.torch.decompose` did.

    Attributes:
        layers: in the order of the model.
        weaken: how far ranks were taken from those of EVBMF towards full ones.
    """

    layers: tuple[Decomposed, ...]
    weaken: float

    def rows(self) -> list[tuple[str, ...]]:
        """A row for each layer, and for all."""
        return [HEAD, *map(_row, self.layers), self._total()]

    def _total(self) -> tuple[str, ...]:
        parameters = [sum(layer.parameters[i] for layer in self.layers) for i in (0, 1)]
        counted = [layer.multiply_adds for layer in self.layers if layer.multiply_adds is not None]
        work = [sum(each[i] for each in counted) for i in (0, 1)] if counted else None
        return "all", "", "", "", _change(parameters), _change(work), "", ""

    def note(self) -> str:
        """How many layers changed."""
        done = sum(layer.core is not None for layer in self.layers)
        return f"{done} of {len(self.layers)} layers are decomposed, at weaken={self.weaken:.3g}. Fine-tune them next."


def _row(layer: Decomposed) -> tuple[str, ...]:
    shape, core = ("×".join(map(str, each)) if each else "–" for each in (layer.shape, layer.core))
    error = f"{layer.error:.3f}" if layer.core else "–"
    work = _change(layer.multiply_adds)
    return layer.name, layer.kind, shape, core, _change(layer.parameters), work, error, layer.why


def _change(pair: tuple[int, int] | list[int] | None) -> str:
    return "–" if pair is None else " → ".join(map(tables.short, pair))
