"""Gather statistics of a model, and plan how to round its parameters."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from functools import partial
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from frformat.checkpoints.torch_tensors import aliases as tied
from frformat.torch.compression.buffers import unchanged
from frformat.torch.compression.contents import Contents
from frformat.torch.compression.doubt import DoubtedInputs, DoubtedOutputs, doubt
from frformat.torch.compression.guesses import GuessedInputs, GuessedOutputs, guessed_form
from frformat.torch.compression.inputs import BatchRun, CompressionError, Told
from frformat.torch.compression.moments import Outputs as Gradients
from frformat.torch.compression.moments import Statistics, statistics
from frformat.torch.compression.outputs import Outputs
from frformat.torch.compression.planning import covering, planned, scale_of
from frformat.torch.compression.quantizing import Weighed
from frformat.torch.compression.recording import FLOATS, Site
from frformat.torch.compression.remainder import settle, unknown
from frformat.torch.compression.sensitivity import correct
from frformat.torch.compression.state import Bag, overlapping, state_of
from frformat.torch.compression.structure import Structure, fold, structure_of_all

Doubles = NDArray[np.float64]

USUAL: Final = 0.01
"""The predictions for the layers are checked at the scale that is expected to cause this loss."""

LEAST: Final = 64
"""Parameters with fewer elements than this get no guessed statistics, and therefore no plan."""


def prepare(
    model: nn.Module, batches: Sequence[BatchRun], outputs: Outputs, seed: int, told: Told
) -> tuple[Weighed, Contents]:
    """Return a model's statistics and plans, and the tensors of its file. Normalization is folded in place.

    Args:
        model: a copy of the user's model; it is modified.
        batches: inputs to run the model on. If there are none, only its weights are considered.
        outputs: the interpretation of its outputs.
        seed: seed of the random numbers.
        told: progress callback.
    """
    if not batches:
        return _guessed(model, overlapping(model))
    found = structure_of_all(model, [partial(outputs.run, model, batch) for batch in batches])
    shared = found.overlapping
    if (
        not found.sites
        and not _guesses(model, shared)
        and all(isinstance(value, Tensor) for value in state_of(model)[0].values())
    ):
        raise CompressionError(
            f"{type(model).__name__} was run, but no layer used a parameter as its weights: leave out batches"
        )
    fold(model, found, lambda: (outputs.run(model, batch) for batch in batches))
    sites = {site: found.positions[site] * len(batches) for site in found.sites}

    def done(number: int) -> None:
        told("statistics", number, len(batches))

    decisions: list[int] = []

    def drawn(out: Any, draws: torch.Generator) -> tuple[Tensor, int]:
        decisions.append(outputs.decisions(out))
        return outputs.drawn(out, draws)

    with unchanged(model):
        calls = [partial(outputs.checked, batch=batch) for batch in batches]
        known = statistics(model, calls, sites, drawn, seed=seed, told=done)
    silent = [site for site in found.sites if not known[site].outputs.second().any()]
    for site in silent:  # what happens to the outputs of such a layer is discrete, such as the choice of an expert
        inputs = known[site].inputs
        weights = model.get_parameter(site.name)[site.rows].double().cpu().numpy()
        known[site] = Statistics(inputs, GuessedOutputs(site.form.matrix(weights), site.form, inputs))
    share = doubt(sum(decisions))
    known = {site: _doubted(model, site, each, share) for site, each in known.items()} if share else known
    used = covering(found.sites, known, model)
    guesses = _guesses(model, {*shared, *(site.name for site in used)})
    silent = [site for site in silent if site in used]
    weighed = Weighed(model, found, known | guesses, {}, batches, [*guesses, *used], list(guesses), silent, share)
    weighed, contents = planned(weighed, [*shared, *unknown(model)])
    settle(weighed, contents, outputs)
    correct(weighed, outputs, scale_of(USUAL, contents.quantized), told)
    return weighed, contents


def _doubted(model: nn.Module, site: Site, known: Statistics, share: float) -> Statistics:
    """Return statistics that are mixed with assumed ones."""
    inputs = DoubtedInputs(known.inputs, site.form, share)
    weights = site.form.matrix(model.get_parameter(site.name)[site.rows].double().cpu().numpy())
    assumed = GuessedOutputs(weights, site.form, inputs)
    measured = known.outputs
    return Statistics(inputs, DoubtedOutputs(measured, assumed, share) if isinstance(measured, Gradients) else measured)


def _guessed(model: nn.Module, shared: Sequence[str]) -> tuple[Weighed, Contents]:
    """Return the same as :func:`prepare`, for a model that cannot be run, some of whose tensors share memory."""
    guesses = _guesses(model, shared)
    found = Structure(sites=list(guesses), overlapping=list(shared))
    return planned(Weighed(model, found, guesses, {}, sites=list(guesses)), [*shared, *unknown(model)])


def _guesses(model: nn.Module, except_for: Collection[str]) -> dict[Site, Statistics]:
    """Return guessed statistics of a model's parameters, except for those named. Buffers are never included."""
    state, _ = state_of(model)
    weights = state if isinstance(model, Bag) else {name for name, _ in model.named_parameters()}
    ties = tied(state)
    found = {}
    for name, value in state.items():
        if name in ties or name in except_for or name not in weights:
            continue
        dense = isinstance(value, Tensor) and value.layout == torch.strided and value.dtype in FLOATS
        if not dense or value.dim() < 2 or value.numel() < LEAST or not bool(value.isfinite().all()):
            continue
        form = guessed_form(tuple(value.shape))
        inputs = GuessedInputs(form)
        matrix = form.matrix(value.double().cpu().numpy())
        found[Site(name, 0, len(value), form)] = Statistics(inputs, GuessedOutputs(matrix, form, inputs))
    return found
