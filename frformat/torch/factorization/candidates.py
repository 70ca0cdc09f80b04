"""Layers with weights given as coefficients, and the choice of their replacements."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

import torch
from torch import nn
from torch.nn.utils.parametrize import type_before_parametrizations

from frformat.torch.factorization.hooks import is_watched
from frformat.torch.factorization.sources import Weight
from frformat.torch.factorization.summary import LayerSummary
from frformat.torch.lowrank.cost import Cost, Run, Surroundings, estimate
from frformat.torch.lowrank.factors import KINDS, Axes, Factors, Modes
from frformat.torch.lowrank.layers import CodedLayer, Factored, FactoredConvolution, FactoredLinear
from frformat.torch.lowrank.tucker_factors import AnyFactors, TuckerFactors
from frformat.torch.lowrank.tucker_layers import made_layer

Preference = Literal["speed", "memory"]

DTYPES: Final = (torch.float32, torch.float64)


@dataclass(frozen=True, eq=False)
class Candidate:
    """A layer with a weight given as coefficients.

    Attributes:
        name: path of the layer.
        layer: the plain or regularized layer.
        weight: its weight.
        runs: its calls in the example, all of which the factored form supports.
        factors: the factors of its weight, or None if there are none.
        problem: why there are none, or an empty string.
    """

    name: str
    layer: nn.Module
    weight: Weight
    runs: list[Run]
    factors: AnyFactors | None
    problem: str

    @property
    def options(self) -> list[Modes]:
        """The sets of bases that can stay factors; the last set contains all of them."""
        return [] if self.factors is None else self.factors.choices()

    def make(self, modes: Modes) -> CodedLayer:
        """Return the factored layer."""
        assert self.factors is not None
        given: Any = self.layer.bias
        bias = None if given is None else nn.Parameter(given.detach(), given.requires_grad)
        weight = self.weight.coefficients
        if isinstance(self.factors, TuckerFactors):
            made: CodedLayer = made_layer(self.layer, weight, bias, self.factors)
        else:
            made = self._spectral(weight, bias, self.factors, modes)
        for name, value in vars(self.layer).items():  # such as in_features, which other code may use
            if not name.startswith("_") and not hasattr(made, name):
                setattr(made, name, value)
        return made.eval()

    def _spectral(self, weight: nn.Parameter, bias: nn.Parameter | None, factors: Factors, modes: Modes) -> Factored:
        """Return the layer that runs on the coefficients of a spectrum."""
        ranks = {len(run.before) for run in self.runs}
        if isinstance(self.layer, nn.Linear):
            made: Factored = FactoredLinear(weight, bias, factors, modes)
        else:
            made = FactoredConvolution(self.layer, weight, bias, factors, modes)  # type: ignore[arg-type]
            ranks &= {len(self.weight.shape)}  # with fewer axes, there is no batch
        made.rank = ranks.pop() if len(ranks) == 1 else None
        return made

    def choose(self, around: Surroundings, prefer: Preference) -> LayerSummary:
        """Choose the option with the lowest cost."""

        def total(modes: Modes | None) -> tuple[Cost, tuple[float, float]]:
            """Return the cost of all runs, and the sort key by which options are compared."""
            size = self.weight.coefficients.element_size()
            runs = [estimate(self.layer, self.factors, modes, run, around, size) for run in self.runs]
            cost, effort = Cost.of_runs([run.cost for run in runs]), sum(run.effort for run in runs)
            return cost, (effort, cost.peak_bytes) if prefer == "speed" else (cost.weight_bytes, effort)

        kind, kept = type_before_parametrizations(self.layer).__name__, len(self.weight.coefficients)
        box = self.weight.box
        fixed = (self.name, kind, self.weight.shape, kept, box)
        if not self.runs:
            return LayerSummary(*fixed, None, self.problem, None, None)
        rebuilt, limit = total(None)
        if not self.options:
            return LayerSummary(*fixed, None, self.problem, rebuilt, None)
        costs = {modes: total(modes) for modes in self.options}
        best = min(costs, key=lambda modes: costs[modes][1])
        factored, key = costs[best]
        pays, ratio, what = key < limit, key[0] / limit[0], {"speed": "time", "memory": "memory"}[prefer]
        why = f"expected: {ratio:.2g} × the {what}" if pays else f"factors would take {ratio:.2g} × the {what}"
        return LayerSummary(*fixed, best if pays else None, why, rebuilt, factored)


def find_candidates(
    model: nn.Module, given: Mapping[nn.Module, Weight], runs: Mapping[nn.Module, list[Run] | str]
) -> Iterator[Candidate]:
    """Yield all layers with coefficients, in model order."""
    for name, layer in model.named_modules():
        if layer not in given:
            continue
        weight, calls = given[layer], runs[layer]
        kind = type_before_parametrizations(layer)
        problem = _problem(layer, weight, calls)
        factors = None if problem else _factors(layer, weight)
        if factors is None:
            problem = problem or f"its view {list(weight.form)} joins the first axis with others"
        elif not factors.choices():
            problem = "no channel axis has fewer coefficients than channels"
        whole = calls if isinstance(calls, list) and kind in KINDS else []
        yield Candidate(name, layer, weight, whole, factors, problem)


def _problem(layer: nn.Module, weight: Weight, calls: list[Run] | str) -> str:
    """Return why a layer has no factored form, or an empty string."""
    kind: Any = type_before_parametrizations(layer)
    if kind not in KINDS:
        return f"{kind.__name__} has no factored form"
    if is_watched(layer):
        return "it has hooks, or its own forward method"
    if isinstance(calls, str):
        return calls
    if weight.coefficients.dtype not in DTYPES:
        return f"factors need float32 or float64, not {weight.coefficients.dtype}"
    if not len(weight.coefficients):
        return "there are no coefficients"
    if not weight.spectral:
        if getattr(layer, "groups", 1) != 1:
            return "its channels are in groups"
        if any(weight.form[len(weight.shape) + 2 :]):
            return "an axis of its kernel has a factor"
    return ""


def _factors(layer: nn.Module, weight: Weight) -> AnyFactors | None:
    """Return the factors of a weight, or None if its view does not allow them."""
    transposed = bool(getattr(layer, "transposed", False))
    if not weight.spectral:
        return TuckerFactors.of(weight.form, transposed)
    axes = Axes.of(weight.shape, weight.form)
    return None if axes is None else Factors.of(weight.shape, axes, len(weight.coefficients), transposed)
