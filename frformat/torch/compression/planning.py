"""Choose the quantization steps and the basis of each parameter."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray
from torch import nn

from frformat.torch.compression.contents import Contents, coded, coded_bytes
from frformat.torch.compression.forms import Form
from frformat.torch.compression.moments import Statistics
from frformat.torch.compression.quantizing import Weighed, rounded_alone
from frformat.torch.compression.recording import Site
from frformat.torch.compression.state import state_of
from frformat.torch.compression.steps import Plan, across_kernel, damping, errors, finest, ideal, in_basis, plan

Doubles = NDArray[np.float64]

REFERENCE: Final = 0.1
"""The bases are compared at the scale that is expected to cause this loss."""

BYTE: Final = 16 * math.log(2) / 24
"""Loss at scale 1 that weighs as much as one byte of a parameter's size."""


def covering(sites: Sequence[Site], statistics: Mapping[Site, Statistics], model: nn.Module) -> list[Site]:
    """Return the sites that together cover all rows of their parameters exactly once, in the given order.

    If the sites of a parameter overlap, only one of those with all rows is used: the one where errors cost most. A
    parameter whose rows are only partly used gets no site.
    """
    by_name: dict[str, list[Site]] = {}
    for site in sites:
        by_name.setdefault(site.name, []).append(site)
    chosen: set[Site] = set()
    for name, own in by_name.items():
        rows = len(model.get_parameter(name))
        starts = sorted((site.start, site.stop) for site in own)
        if [stop for _, stop in starts] != [*(start for start, _ in starts[1:]), rows] or starts[0][0]:
            whole = [site for site in own if site.stop - site.start == rows]
            own = sorted(whole, key=lambda site: _weight(statistics[site]))[-1:]
        chosen.update(own)
    return [site for site in sites if site in chosen]


def planned(weighed: Weighed, exact: Collection[str] = ()) -> tuple[Weighed, Contents]:
    """Choose steps and bases for the parameters of all sites, and forms for all other tensors.

    Args:
        weighed: the model's statistics, without plans.
        exact: names of the other tensors to store exactly.

    Returns:
        ``weighed``, now with plans, and the tensors of its file.
    """
    by_name: dict[str, list[Site]] = {}
    for site in weighed.sites:
        by_name.setdefault(site.name, []).append(site)
    count = sum(weighed.original.get_parameter(name).numel() for name in by_name)
    scale = scale_of(REFERENCE, count)
    state, names = state_of(weighed.original)
    weighed.plans = {name: _plan(weighed, name, sites, scale) for name, sites in by_name.items()}
    biases = {bias for site in weighed.sites if (bias := weighed.adjustable(site)) is not None}
    return weighed, Contents(state, names, weighed.plans, biases, exact)


def _weight(stats: Statistics) -> float:
    """Return the mean cost of an error in a layer's weights."""
    second = stats.inputs.second(centred=False)
    diagonal = second if second.ndim == 3 else np.diagonal(second, axis1=-2, axis2=-1)
    return float(errors(stats.outputs.second()).mean() * diagonal.mean())


def _plan(weighed: Weighed, name: str, sites: Sequence[Site], scale: float) -> Plan:
    """Return the steps and the basis of one parameter."""
    weight = weighed.original.get_parameter(name)
    whole = Form(sites[0].form.kind, tuple(weight.shape), sites[0].form.groups)
    weights = weight.double().cpu().numpy()
    candidates = []
    for cosines in (False, True) if np.prod(whole.kernel) > 1 else (False,):
        entries = across_kernel(whole.matrix(weights), whole, inverse=False) if cosines else whole.matrix(weights)
        logarithms = np.empty(weight.shape)
        for site in sites:
            stats = weighed.statistics[site]
            second = stats.inputs.second(centred=weighed.adjustable(site) is not None)
            second = in_basis(second, site.form) if cosines else second
            shrinkage = stats.inputs.shrinkage
            wanted = ideal(second, damping(entries, shrinkage), stats.outputs.second(), site.form)
            wanted -= 0.5 * math.log2(1 - shrinkage)  # shrinking, unlike damping, does not increase the mean
            logarithms[site.rows] = site.form.tensor(wanted)
        active = int((np.abs(whole.tensor(entries)) > scale * 2.0 ** (logarithms - 1)).sum())
        candidates.append(replace(plan(whole, cosines, logarithms, active), least=finest(entries)))
    if len(candidates) == 1:
        return candidates[0]
    return min(
        candidates, key=lambda each: _price(replace(weighed, plans={name: each}, sites=list(sites)), name, scale)
    )


def _price(weighed: Weighed, name: str, scale: float) -> float:
    """Return the cost of rounding a parameter by its plan: its loss, plus its size expressed as loss."""
    with rounded_alone(weighed, name, scale) as integers:
        pass
    return integers.cost + BYTE * scale**2 * coded_bytes(coded(weighed.plans[name], integers, "f32"))


def scale_of(loss: float, count: int) -> float:
    """Return the scale at which rounding ``count`` parameters is expected to cause this loss."""
    return float((24 * loss / max(count, 1)) ** 0.5)
