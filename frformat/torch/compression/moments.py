"""Gather second moments of layer inputs and of the gradients of layer outputs."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from frformat.torch.compression.forms import CHUNK, Form, columns, rows
from frformat.torch.compression.inputs import CompressionError
from frformat.torch.compression.recording import Call, Recorder, Site
from frformat.torch.compression.shrinkage import Shrinkage

Doubles = NDArray[np.float64]

WIDE: Final = 4096
"""If a layer has more inputs than this, they are split into independent blocks. If it has more outputs, only the
diagonal of their moments is kept."""

BLOCK: Final = 1024
"""Approximate number of entries per block."""

ENOUGH: Final = 64
"""Number of columns per input that suffices to estimate moments."""

CHEAP: Final = 1 << 16
"""If there are at most this many columns, all are used."""

MOST: Final = 1 << 17
"""Maximum number of columns to use."""

PARTS: Final = 4
"""Number of parts to split a batch into; more if the parts would be too large. The differences between the parts show
how reliable the moments are."""


STRANGE: Final = 0.5
"""Squared difference of two columns, relative to the sum of their squares, above which they are different inputs.
It is about 1 for unrelated columns."""

UNSEEN: Final = 1.0
"""Number of uses to add to each entry of an embedding (Laplace's rule of succession). Entries that the batches do not
use could otherwise become zero."""


class Inputs:
    """Moments of the inputs of a layer in two models: the original and the partly rounded one.

    Let x and y be corresponding columns of inputs in the original and in the other model. An instance then
    contains the second moments E[y yᵀ], the cross moments E[x yᵀ], and both means.

    Args:
        form: the layout of the layer's weights.
        cross: whether there are two models. If not, y equals x.
        selected: whether the models select their inputs, and may select different ones.
    """

    def __init__(self, form: Form, *, cross: bool, selected: bool = False) -> None:
        self.form, self.count, self.selected = form, 0.0, selected
        self.blocks = split(form)
        size = form.inputs // self.blocks
        shape = (form.groups, self.blocks, size) if form.sparse else (form.groups, self.blocks, size, size)
        # Second moments are sums about an approximate mean, so that float32 products lose no digits.
        self._center: Tensor | None = None
        self._second = torch.zeros(shape, dtype=torch.float64)
        self._cross = torch.zeros(shape, dtype=torch.float64) if cross and not form.sparse else None
        self._means = torch.zeros(2, form.groups, form.inputs, dtype=torch.float64)
        self._shrinkage = Shrinkage()

    def add(self, y: Call, x: Call | None, thin: Sequence[int], phase: Sequence[int]) -> None:
        """Add the inputs of one call, as received by each of the models.

        Args:
            y: the call in the rounded model.
            x: the same call in the original, or None if there is only one model.
            thin: see :func:`columns`.
            phase: see :func:`columns`.
        """
        vars(self).pop("shrinkage", None)
        if self.form.sparse:
            counts = torch.bincount(y.input.reshape(-1).cpu(), minlength=self.form.inputs).double()
            self._second += counts.reshape(self._second.shape)
            self._means += counts
            self.count += float(counts.sum())
            return
        if x is not None and x.input.shape != y.input.shape:
            x = None
        for part in _parts(y, self.form):
            own = self._columns(y, part, thin, phase)
            other = own if x is None else self._columns(x, part, thin, phase)
            other = _corresponding(other, own) if self.selected else other
            self.count += own.shape[-1]
            self._means[0] += other.sum(-1).double().reshape(self.form.groups, -1).cpu()
            self._means[1] += own.sum(-1).double().reshape(self.form.groups, -1).cpu()
            if self._center is None:
                self._center = own.mean(-1, keepdim=True)
            centred = own - self._center
            turned = centred.transpose(-1, -2)
            product = centred @ turned
            self._shrinkage.add(product, own.shape[-1])
            self._second += product.cpu()
            if self._cross is not None:
                self._cross += ((other - self._center) @ turned).cpu()

    def _columns(self, call: Call, part: slice, thin: Sequence[int], phase: Sequence[int]) -> Tensor:
        found = columns(call.input[part], self.form, call.geometry, thin, phase)
        return found.reshape(self.form.groups, self.blocks, -1, found.shape[-1])

    @property
    def means(self) -> tuple[Doubles, Doubles]:
        """The means of x and of y: (groups, inputs)."""
        x, y = (self._means / max(self.count, 1)).numpy()
        return x, y

    @cached_property
    def shrinkage(self) -> float:
        """The share of the moments that is due to chance, from 0 to 1; see :class:`Shrinkage`."""
        if self.form.sparse or not self.count:
            return 0.0
        return self._shrinkage.intensity((self._second / self.count).numpy())

    def second(self, *, centred: bool) -> Doubles:
        """Return E[y yᵀ] or the covariance of y: (groups, blocks, n, n), or the diagonals (groups, blocks, n)."""
        if self.form.sparse:
            uses = self._second + UNSEEN
            return (uses / uses.sum()).numpy()
        found = (self._second / max(self.count, 1)).numpy()
        return found + self._correction(1, centred)

    @property
    def unseen(self) -> int:
        """Number of entries of an embedding that were not used."""
        return int((self._second == 0).sum()) if self.form.sparse else 0

    def shift(self, *, centred: bool) -> Doubles | None:
        """Return E[x yᵀ] − E[y yᵀ], or the same difference of covariances; None if there is only one model."""
        if self._cross is None:
            return None
        found = (self._cross / max(self.count, 1)).numpy()
        return found + self._correction(0, centred) - self.second(centred=centred)

    def _correction(self, which: int, centred: bool) -> Doubles:
        """Return what to add to moments about ``_center`` to get moments about the means or about zero."""
        if self._center is None:
            return np.zeros(self._second.shape)
        center = self._center[..., 0].double().cpu().numpy()
        x, y = (each.reshape(center.shape) for each in (self.means[which], self.means[1]))
        about_center = (x - center)[..., :, None] * (y - center)[..., None, :]
        about_zero = x[..., :, None] * y[..., None, :]
        found: Doubles = -about_center if centred else about_zero - about_center
        return found


class Outputs:
    """Second moments of the gradients of a layer's outputs, summed over positions and averaged over samples.

    Args:
        form: the layout of the layer's weights.

    Attributes:
        factor: factor to multiply the moments by if errors in the weights cost more than the gradients indicate.
    """

    def __init__(self, form: Form) -> None:
        self.form, self.samples, self.factor = form, 0, 1.0
        n = form.outputs
        self.wide = n > WIDE
        self._sums = torch.zeros((form.groups, n) if self.wide else (form.groups, n, n), dtype=torch.float64)
        self._added = torch.zeros(form.groups, n, dtype=torch.float64)

    def add(self, gradient: Tensor) -> None:
        """Add the gradients of one backward pass."""
        found = rows(gradient, self.form)
        sums = found.square().sum(-1) if self.wide else found @ found.transpose(-1, -2)
        self._sums += sums.double().cpu()
        samples = len(gradient) if gradient.dim() > (len(self.form.kernel) + 1 if self.form.kernel else 1) else 1
        self._added += found.reshape(*found.shape[:-1], samples, -1).sum(-1).square().sum(-1).double().cpu()

    def second(self) -> Doubles:
        """Return the moments (groups, outputs, outputs), or only their diagonals (groups, outputs)."""
        return (self._sums * (self.factor / max(self.samples, 1))).numpy()

    def of_bias(self) -> Doubles:
        """Return the mean squares of gradients summed over the positions of a sample: (groups, outputs)."""
        return (self._added / max(self.samples, 1)).numpy()


def split(form: Form) -> int:
    """Return the number of equal blocks of inputs; a block consists of whole channels if possible."""
    n, positions = form.inputs, math.prod(form.kernel)
    if n <= WIDE or form.sparse:
        return 1
    channels = n // positions
    fitting = [b for b in range(1, channels + 1) if channels % b == 0 and n // b <= BLOCK]
    return fitting[0] if fitting else channels


def _corresponding(x: Tensor, y: Tensor) -> Tensor:
    """Return x, with those columns replaced by those of y that differ too much to be two versions of the same input.

    If a model distributes its inputs among experts, a single different choice shifts all later columns.
    """
    difference = (x - y).square().sum((1, 2), keepdim=True)
    return torch.where(difference > STRANGE * (x.square() + y.square()).sum((1, 2), keepdim=True), y, x)


def _parts(call: Call, form: Form) -> Iterable[slice]:
    """Split a batch into about :data:`PARTS` slices, or more if their columns would exceed :data:`CHUNK` entries."""
    n = len(call.input)
    if call.input.dim() <= (len(form.kernel) + 1 if form.kernel else 1):  # one sample
        return [slice(None)]
    each = max(1, call.input.numel() // max(n, 1)) * math.prod(form.kernel)
    step = max(1, min(CHUNK // each, -(-n // PARTS)))
    return [slice(begin, begin + step) for begin in range(0, n, step)]


def thinning(form: Form, positions: int) -> tuple[int, ...]:
    """Return the spacing of positions along each axis that leaves enough columns; see :func:`columns`."""
    most = min(MOST, max(CHEAP, ENOUGH * form.inputs // split(form)))
    thin = [1] * max(1, len(form.kernel))
    while positions > math.prod(thin) * 1.4 * most:
        thin[thin.index(min(thin))] += 1
    return tuple(thin)


def phases(thin: Sequence[int], draws: torch.Generator) -> list[int]:
    """Draw a random first position along each axis."""
    return [int(torch.randint(0, each, (), generator=draws)) for each in thin]


def _backward(value: Tensor) -> None:
    """Compute gradients, like :meth:`Tensor.backward`, but leave modes on, so that they see what is run again."""
    engine: Any = torch.autograd.Variable._execution_engine
    try:
        engine.run_backward(
            (value,), (torch.ones_like(value),), False, False, (), allow_unreachable=True, accumulate_grad=True
        )
    except Exception as error:  # the user's code can raise anything
        reason = " ".join(str(error).split())
        raise CompressionError(f"the model cannot be differentiated: {type(error).__name__}: {reason}") from error


class InputMoments(Protocol):
    """Statistics of a layer's inputs that determine steps and rounding."""

    @property
    def blocks(self) -> int:
        """Number of independent blocks."""

    @property
    def means(self) -> tuple[Doubles, Doubles]:
        """The means of the inputs in both models: (groups, inputs)."""

    @property
    def shrinkage(self) -> float:
        """The share of the moments that is due to chance, from 0 to 1."""

    @property
    def unseen(self) -> int:
        """Number of entries of an embedding that were not used."""

    def second(self, *, centred: bool) -> Doubles:
        """Return the second moments, or the covariances: (groups, blocks, n, n), or diagonals (groups, blocks, n)."""

    def shift(self, *, centred: bool) -> Doubles | None:
        """Return the cross moments minus the second moments; None if there is only one model."""


class OutputMoments(Protocol):
    """Statistics of a layer's outputs that determine steps and rounding."""

    def second(self) -> Doubles:
        """Return the second moments of the gradients: (groups, outputs, outputs), or the diagonal (groups, outputs)."""

    def of_bias(self) -> Doubles:
        """Return the mean squares of the gradients of a bias: (groups, outputs)."""


@dataclass
class Statistics:
    """Statistics of one layer of the original model.

    Attributes:
        inputs: moments of its inputs.
        outputs: moments of the gradients of its outputs.
    """

    inputs: InputMoments
    outputs: OutputMoments


def statistics(
    model: nn.Module,
    batches: Sequence[Callable[[nn.Module], Any]],
    sites: dict[Site, int],
    loss: Callable[[Any, torch.Generator], tuple[Tensor, int]],
    *,
    seed: int,
    told: Callable[[int], None],
) -> dict[Site, Statistics]:
    """Run a model forward and backward over all batches, and gather statistics.

    Args:
        model: the model, in evaluation mode.
        batches: functions that each run the model on one batch.
        sites: the layers, each with the number of positions at which it is applied in all batches together.
        loss: function of an output and a random number generator that returns the value to differentiate and the
            number of samples.
        seed: seed of the random numbers.
        told: function to call with the number of completed batches.
    """
    draws = torch.Generator().manual_seed(seed)
    inputs = {site: Inputs(site.form, cross=False) for site in sites}
    outputs = {site: Outputs(site.form) for site in sites}

    def after(call: Call, out: Tensor) -> Tensor:
        if call.site in inputs and out.is_floating_point():
            thin = thinning(call.site.form, sites[call.site])
            with torch.no_grad():
                inputs[call.site].add(call, None, thin, phases(thin, draws))
        return watched(call, out)

    def watched(call: Call, out: Tensor) -> Tensor:
        if call.site not in outputs or not out.is_floating_point():
            return out
        if not out.requires_grad:
            out = out.detach().requires_grad_()
        out.register_hook(outputs[call.site].add)  # type: ignore[no-untyped-call]
        return out.clone()  # a copy, since the model can change the tensor in place

    for number, batch in enumerate(batches):
        with torch.enable_grad(), Recorder(model, after=after, gradients=True):
            value, samples = loss(batch(model), draws)
        if value.requires_grad:
            with Recorder(model, after=watched, gradients=True):  # activation checkpointing runs layers again
                _backward(value)
        for each in outputs.values():
            each.samples += samples
        for buffer in model.buffers():
            if not buffer.is_leaf:  # the model has updated it, and the next run must not depend on this run's graph
                buffer.detach_()
        told(number + 1)
    return {site: Statistics(inputs[site], outputs[site]) for site in sites}
