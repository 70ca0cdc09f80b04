"""Gather everything that is needed to know about a model before its parameters are rounded."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from frformat.checkpoints.torch_tensors import aliases as tied
from frformat.torch.compression.contents import Contents, coded, coded_bytes
from frformat.torch.compression.forms import Form
from frformat.torch.compression.guesses import GuessedInputs, GuessedOutputs
from frformat.torch.compression.inputs import Batch, CompressionError
from frformat.torch.compression.moments import Statistics, statistics
from frformat.torch.compression.outputs import Outputs
from frformat.torch.compression.quantizing import Weighed, plainly
from frformat.torch.compression.recording import Site
from frformat.torch.compression.steps import Plan, across_kernel, errors, ideal, in_basis, plan
from frformat.torch.compression.structure import Structure, fold, structure
from frformat.torch.regularization.state import spectral_state
from frformat.torch.wrappers import plain_names, unwrapped

Doubles = NDArray[np.float64]
Told = Callable[[str, int, int], None]

REFERENCE: Final = 0.05
"""Bases are compared at the scale for this loss."""

LEAST: Final = 64
"""Parameters that no layer was seen to use, and that have fewer elements than this, stay unchanged."""


class Bag(nn.Module):
    """Stands in for a model of which only the tensors, by name, are given."""

    def __init__(self, tensors: Mapping[str, Any]) -> None:
        super().__init__()
        self.tensors = {k: v.detach().clone() if isinstance(v, Tensor) else v for k, v in tensors.items()}

    def get_parameter(self, target: str) -> Any:
        """Return the tensor of this name."""
        return self.tensors[target]


def state_of(model: nn.Module) -> tuple[dict[str, Any], dict[str, str]]:
    """Return the tensors of a model, and their names in a file."""
    if isinstance(model, Bag):
        return model.tensors, {name: name for name in model.tensors}
    state: dict[str, Any] = spectral_state(model)
    return state, plain_names(model, state)


def copied(model: nn.Module | Mapping[str, Any]) -> nn.Module:
    """Return a copy to work on, in evaluation mode; the original does not change.

    Raises:
        CompressionError: the model cannot be copied.
    """
    if not isinstance(model, nn.Module):
        return Bag(model)
    try:
        return copy.deepcopy(unwrapped(model)).eval().requires_grad_(False)
    except Exception as error:  # a module may hold anything
        raise CompressionError(f"{type(model).__name__} cannot be copied: {type(error).__name__}: {error}") from error


def prepare(
    model: nn.Module, batches: Sequence[Batch], outputs: Outputs, seed: int, told: Told
) -> tuple[Weighed, Contents]:
    """Weigh a model's parameters against each other; normalization is folded, in place.

    Args:
        model: a copy that may be changed.
        batches: inputs to run it on; if there are none, only its weights are considered.
        outputs: what its outputs mean.
        seed: seed of the random numbers.
        told: progress callback.
    """
    if not batches:
        return _guessed(model)
    found = structure(model, lambda: outputs.tensors(batches[0](model)))
    if not found.sites and all(isinstance(value, Tensor) for value in state_of(model)[0].values()):
        raise CompressionError(
            f"{type(model).__name__} was run, and no layer used a parameter as its weights; leave batches out"
        )
    fold(model, found)
    sites = {site: found.positions[site] * len(batches) for site in found.sites}

    def done(number: int) -> None:
        told("statistics", number, len(batches))

    known = statistics(model, batches, sites, outputs.drawn, seed=seed, told=done)
    weighed = Weighed(model, found, known, {}, batches)
    return _planned(weighed, {name: len(model.get_parameter(name)) for name in {site.name for site in found.sites}})


def _guessed(model: nn.Module) -> tuple[Weighed, Contents]:
    found, stats = Structure(), {}
    state, _ = state_of(model)
    ties = tied(state)
    for name, value in state.items():
        if name in ties:
            continue
        dense = isinstance(value, Tensor) and value.layout == torch.strided and value.is_floating_point()
        if not dense or value.dim() < 2 or value.numel() < LEAST or not bool(value.isfinite().all()):
            continue
        form = Form("convolution" if value.dim() > 2 else "linear", tuple(value.shape))
        site = Site(name, 0, len(value), form)
        inputs = GuessedInputs(form)
        weights = form.matrix(value.double().cpu().numpy())
        found.sites.append(site)
        stats[site] = Statistics(inputs, GuessedOutputs(weights, form, inputs))
    return _planned(Weighed(model, found, stats, {}), {site.name: site.stop for site in found.sites})


def _planned(weighed: Weighed, rows: Mapping[str, int]) -> tuple[Weighed, Contents]:
    """Choose steps and bases. Parameters that get none are rounded at once, as they will be in the file."""
    by_name: dict[str, list[Site]] = {}
    for site in weighed.structure.sites:
        by_name.setdefault(site.name, []).append(site)
    count = sum(weighed.original.get_parameter(name).numel() for name in by_name)
    scale = scale_of(REFERENCE, count)
    plans: dict[str, Plan] = {}
    state, names = state_of(weighed.original)
    planned: list[Site] = []
    for name, sites in by_name.items():
        starts = sorted((site.start, site.stop) for site in sites)
        if [stop for _, stop in starts] != [*(start for start, _ in starts[1:]), rows[name]] or starts[0][0]:
            whole = [site for site in sites if site.stop - site.start == rows[name]]
            sites = sorted(whole, key=lambda site: _weight(weighed.statistics[site]))[-1:]
        if sites:
            plans[name] = _plan(weighed, name, sites, scale)
            planned += sites
    weighed.plans = plans
    weighed.sites = [site for site in weighed.structure.sites if site in planned]
    biases = {bias for site in planned if (bias := weighed.adjustable(site)) is not None}
    contents = Contents(state, names, plans, biases)
    with torch.no_grad():
        contents.give(state)
    return weighed, contents


def _weight(stats: Statistics) -> float:
    """Return how much an error in a layer's weights costs on average."""
    second = stats.inputs.second(centred=False)
    diagonal = second if second.ndim == 3 else np.diagonal(second, axis1=-2, axis2=-1)
    return float(errors(stats.outputs.second()).mean() * diagonal.mean())


def _plan(weighed: Weighed, name: str, sites: Sequence[Site], scale: float) -> Plan:
    """Return the plan for one parameter."""
    weight = weighed.original.get_parameter(name)
    whole = Form(sites[0].form.kind, tuple(weight.shape), sites[0].form.groups)
    weights = weight.double().cpu().numpy()
    wanted: dict[bool, Doubles] = {}
    for cosines in (False, True) if np.prod(whole.kernel) > 1 else (False,):
        wanted[cosines] = np.empty(weight.shape)
        for site in sites:
            stats = weighed.statistics[site]
            second = stats.inputs.second(centred=weighed.adjustable(site) is not None)
            if cosines:
                second = in_basis(second, site.form)
            wanted[cosines][site.rows] = site.form.tensor(ideal(second, stats.outputs.second(), site.form))
    candidates = []
    for cosines, logarithms in wanted.items():
        entries = across_kernel(whole.matrix(weights), whole, inverse=False) if cosines else whole.matrix(weights)
        active = int((np.abs(whole.tensor(entries)) > scale * 2.0 ** (logarithms - 1)).sum())
        candidates.append(plan(whole, cosines, logarithms, active))
    if len(candidates) == 1:
        return candidates[0]
    return min(candidates, key=lambda each: coded_bytes(coded(each, plainly(each, weights, scale), "f32")))


def scale_of(loss: float, count: int) -> float:
    """Return the scale at which rounding ``count`` parameters is expected to cost ``loss``."""
    return float((24 * loss / max(count, 1)) ** 0.5)
