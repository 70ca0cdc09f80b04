"""Quantize a model layer by layer, each for the inputs that it receives from the quantized layers before it."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from frformat.errors import EncodeError
from frformat.format import quantization
from frformat.torch.compression.blocks import compensation
from frformat.torch.compression.doubt import DoubtedInputs
from frformat.torch.compression.forms import Form
from frformat.torch.compression.inputs import CompressionError
from frformat.torch.compression.layer import Layer
from frformat.torch.compression.lockstep import Run, together
from frformat.torch.compression.moments import InputMoments, Inputs, Statistics, phases, split, thinning
from frformat.torch.compression.randomness import preserved
from frformat.torch.compression.recording import Call, Recorder, Site
from frformat.torch.compression.rounding import rounded
from frformat.torch.compression.steps import Plan, damping, errors, finest, nearest
from frformat.torch.compression.structure import Structure
from frformat.torch.compression.wide import Observed

Doubles = NDArray[np.float64]


@dataclass
class Integers:
    """A tensor as integer multiples of steps.

    Attributes:
        values: integers in the shape of the tensor.
        code: its step code.
        cost: the loss that its rounding errors are expected to cause.
    """

    values: NDArray[np.int32]
    code: int
    cost: float = 0.0


@dataclass
class Weighed:
    """A model before rounding, with its statistics and plans.

    Attributes:
        original: the model.
        structure: its layers.
        statistics: statistics of each layer.
        plans: the plan of each parameter to round.
        batches: functions that each run a model on one batch.
        sites: the sites whose statistics determine the rounding, in order of use. Together, they cover all rows of
            their parameters exactly once.
        guessed: those of ``sites`` that no batch has used, and whose statistics were therefore guessed.
        doubt: the share of assumed statistics, since there are few inputs; see :mod:`.doubt`.
        silent: those of ``sites`` on whose outputs the model's outputs do not depend differentiably, so that only the
            statistics of their inputs are known.
    """

    original: nn.Module
    structure: Structure
    statistics: Mapping[Site, Statistics]
    plans: dict[str, Plan]
    batches: Sequence[Callable[[nn.Module], Any]] = ()
    sites: list[Site] = field(default_factory=list)
    guessed: list[Site] = field(default_factory=list)
    silent: list[Site] = field(default_factory=list)
    doubt: float = 0.0

    def adjustable(self, site: Site) -> str | None:
        """Return the name of the bias that can compensate for a change of a layer's mean output."""
        bias = self.structure.biases.get(site)
        return bias if self._users[bias] == 1 and self.alone(site) else None

    def alone(self, site: Site) -> bool:
        """Return whether the rows of a site are used only once in a run."""
        others = [each for each in self._by_name.get(site.name, ()) if each != site]
        overlap = any(each.start < site.stop and site.start < each.stop for each in others)
        return self.structure.calls[site] == 1 and not overlap

    @cached_property
    def _users(self) -> Counter[str | None]:
        return Counter(self.structure.biases.values())

    @cached_property
    def _by_name(self) -> dict[str, list[Site]]:
        found: dict[str, list[Site]] = {}
        for site in self.structure.sites:
            found.setdefault(site.name, []).append(site)
        return found


@torch.no_grad()
def quantize(
    weighed: Weighed,
    model: nn.Module,
    scale: float,
    *,
    told: Callable[[int], None] = lambda done: None,
    ended: Callable[[int, Any], None] = lambda number, output: None,
) -> dict[str, Integers]:
    """Round the weights and biases of a model in place.

    Args:
        weighed: the statistics and plans.
        model: a copy of the original.
        scale: factor for all steps.
        told: function to call with the number of completed layers.
        ended: function to call with the number and the output of each run. Run 2i is that of the original on batch i,
            and run 2i + 1 is that of the rounded model.

    Returns:
        The integers of each parameter, by name.
    """
    order = {site: number for number, site in enumerate(weighed.sites)}
    done: set[Site] = set()
    found: dict[str, Integers] = {}
    for name, plan in weighed.plans.items():
        found[name] = Integers(np.zeros(plan.form.shape, np.int32), plan.code(scale))

    def finish(site: Site, inputs: InputMoments, observed: Observed | None = None) -> None:
        _round(weighed, model, site, inputs, found, scale, observed)
        done.add(site)
        told(len(done))

    for site in order:
        # The rounding of parameters that are used more than once is based on the inputs of the original.
        if not weighed.batches or not weighed.alone(site):
            finish(site, weighed.statistics[site].inputs)

    def work(number: int) -> Callable[[Run], None]:
        def run(own: Run) -> None:
            def before(call: Call) -> None:
                if call.site in order and call.site not in done:
                    with preserved(which):  # the other runs draw random numbers meanwhile
                        own.wait(call)

            which = model if number % 2 else weighed.original
            with torch.no_grad(), Recorder(which, before=before):
                output = weighed.batches[number // 2](which)
            ended(number, output)

        return run

    def meet(there: dict[int, Call]) -> None:
        site = next(iter(there.values())).site
        if site not in done:
            inputs, observed = _gathered(site, there, weighed)
            if weighed.doubt:
                finish(site, DoubtedInputs(inputs, site.form, weighed.doubt))
            else:
                finish(site, inputs, observed)

    works = [work(number) for number in range(2 * len(weighed.batches))]
    together(works, lambda call: order[call.site], meet)
    for site in order:
        if site not in done:  # no batch has reached this layer
            finish(site, weighed.statistics[site].inputs)
    return found


@contextmanager
def rounded_alone(weighed: Weighed, name: str, scale: float) -> Iterator[Integers]:
    """Round one parameter of the original, based on the original's inputs, until the context ends.

    Args:
        weighed: the model's statistics and plans.
        name: name of the parameter.
        scale: factor for its steps.

    Yields:
        The rounded parameter.
    """
    model, plan = weighed.original, weighed.plans[name]
    sites = [site for site in weighed.sites if site.name == name]
    changed = [name, *(bias for site in sites if (bias := weighed.adjustable(site)) is not None)]
    before = [model.get_parameter(each).detach().clone() for each in changed]
    found = {name: Integers(np.zeros(plan.form.shape, np.int32), plan.code(scale))}
    with torch.no_grad():
        try:
            for site in sites:
                _round(weighed, model, site, weighed.statistics[site].inputs, found, scale)
            yield found[name]
        finally:
            for each, values in zip(changed, before, strict=True):
                model.get_parameter(each).copy_(values)


@torch.no_grad()
def roughly(weighed: Weighed, scale: float) -> dict[str, Integers]:
    """Approximate :func:`quantize` without running the model. The resulting file has about the same size."""
    found = {}
    for name, plan in weighed.plans.items():
        weight = weighed.original.get_parameter(name).double().cpu().numpy()
        found[name] = plainly(plan, weight, scale)
    for site in weighed.sites:
        bias = weighed.adjustable(site)
        if bias is not None:
            code = _bias_code(weighed, site, scale)
            values = weighed.original.get_parameter(bias).double().cpu().numpy() / quantization.step(code)
            found[bias] = Integers(_whole(values), code)
    return found


def plainly(plan: Plan, weight: Doubles, scale: float) -> Integers:
    """Round each element of a parameter to the nearest multiple of its step, without feedback."""
    form, code = plan.form, plan.code(scale)
    return Integers(_whole(form.tensor(plan.transform(form.matrix(weight))) / plan.sizes(code)), code)


def codes(weighed: Weighed, scale: float) -> tuple[int, ...]:
    """Return the step codes of all weights and biases at a scale; they determine the result of :func:`quantize`."""
    sites = [site for site in weighed.sites if weighed.adjustable(site) is not None]
    of_biases = (_bias_code(weighed, site, scale) for site in sites)
    return (*(plan.code(scale) for plan in weighed.plans.values()), *of_biases)


def _whole(quotients: Doubles) -> NDArray[np.int32]:
    """Return the nearest integers.

    Raises:
        CompressionError: an integer needs more than 32 bits.
    """
    try:
        return quantization.whole(quotients)
    except EncodeError as error:
        raise CompressionError(str(error)) from error


def _bias_code(weighed: Weighed, site: Site, scale: float) -> int:
    """Return the step code of the bias of a layer."""
    costs = errors(weighed.statistics[site].outputs.of_bias())
    name = weighed.adjustable(site)
    assert name is not None
    least = finest(weighed.original.get_parameter(name).double().cpu().numpy())
    return nearest(max(-0.5 * float(np.log2(costs.mean())) + math.log2(scale), least))


def _gathered(site: Site, there: Mapping[int, Call], weighed: Weighed) -> tuple[Inputs, Observed | None]:
    """Return the moments of a layer's inputs in both models and, if it has many inputs, the inputs themselves."""
    form = site.form
    wide = _wide(form)
    pairs = [(there[odd], there.get(odd - 1)) for odd in there if odd % 2]
    selected = any(x is not None and x.input.shape != y.input.shape for y, x in pairs)
    inputs = Inputs(form, cross=not wide, selected=selected)
    draws = torch.Generator().manual_seed(0)
    thin = thinning(form, weighed.structure.positions[site] * len(weighed.batches))
    calls, drawn = [], []
    for number in range(1, 2 * len(weighed.batches), 2):
        phase = phases(thin, draws)
        if number in there:
            y, x = there[number], there.get(number - 1)
            inputs.add(y, x, thin, phase)
            calls.append((y, x if x is not None and x.input.shape == y.input.shape and not selected else None))
            drawn.append(phase)
    if not wide or not calls:
        return inputs, None
    centred = weighed.adjustable(site) is not None
    means = [each if centred else np.zeros_like(each) for each in inputs.means]
    return inputs, Observed(form, inputs.blocks, calls, thin, drawn, means)


def _wide(form: Form) -> bool:
    """Return whether the blocks of a layer's inputs are rounded in sequence."""
    return split(form) > 1 and form.groups == 1


def _round(
    weighed: Weighed,
    model: nn.Module,
    site: Site,
    inputs: InputMoments,
    found: dict[str, Integers],
    scale: float,
    observed: Observed | None = None,
) -> None:
    """Round the weights of one layer, and its bias."""
    plan, form = weighed.plans[site.name], site.form
    weight = model.get_parameter(site.name)
    integers = found[site.name]
    before = form.matrix(weight[site.rows].double().cpu().numpy().copy())  # float64 weights would share memory
    bias = weighed.adjustable(site)
    second = inputs.second(centred=bias is not None)
    original = plan.transform(before)
    layer = Layer(
        plan,
        form,
        original,
        form.matrix(plan.sizes(integers.code)[site.rows]),
        plan.moments(second),
        damping(original, inputs.shrinkage),
        weighed.statistics[site].outputs.second(),
        plan.scale(integers.code),
    )
    if observed is None:
        usual = weighed.statistics[site].inputs.second(centred=bias is not None)
        target = before + compensation(before, second, inputs.shift(centred=bias is not None), usual)
        q, loss = layer.rounded(plan.transform(target))
    else:
        q, loss = layer.rounded_in_sequence(before, observed, second)
    after = plan.restore(q * layer.sizes)
    integers.values[site.rows] = _whole(form.tensor(q))
    weight[site.rows] = torch.from_numpy(form.tensor(after).astype(np.float32)).to(weight)
    integers.cost += loss
    if bias is None:
        return
    own = model.get_parameter(bias)
    x, y = inputs.means
    drift = np.einsum("gok,gk->go", before, x) - np.einsum("gok,gk->go", after, y)
    wanted = own.double().cpu().numpy() + (1 - weighed.doubt) * drift.reshape(-1)
    code = _bias_code(weighed, site, scale)
    size = quantization.step(code)
    grid = wanted.reshape(form.groups, -1, 1)
    q = rounded(grid, np.full(grid.shape, size), None, layer.down)
    found[bias] = Integers(_whole(q.reshape(-1)), code)
    own.copy_(torch.from_numpy(q.reshape(-1) * size))
