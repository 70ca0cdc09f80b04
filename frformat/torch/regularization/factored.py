"""Run layers on their coefficients: a convolution becomes 1×1 → small core → 1×1; a linear layer, two thin products.

Neither the weights nor their gradients are computed, which makes truncated training faster than plain training. In each
call, a layer compares the costs for the size of its input; if factors would cost more, it rebuilds the tensor as usual.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.parametrize import type_before_parametrizations

from frformat.torch.lowrank.cost import Product, products
from frformat.torch.lowrank.factors import Axes, Convolution, Factors, Modes
from frformat.torch.lowrank.override import Attempt, override
from frformat.torch.lowrank.products import Movement, convolve
from frformat.torch.modes import full_precision
from frformat.torch.parametrizations import is_parametrized
from frformat.torch.regularization.parametrization import Spectral
from frformat.torch.regularization.synthesis import FFT_RANK, Synthesis

MARGIN: Final = 1.5
"""Multiply-adds in factors take about this many times as long as in a dense layer (measured)."""


def install(module: nn.Module) -> None:
    """Make a module with a regularized ``weight`` run on factors where that pays off; leave other modules unchanged."""
    attempt = _FACTORED.get(type_before_parametrizations(module))
    if attempt is not None:
        override(module, attempt)


def _pays(factored: Sequence[Product], dense: Sequence[Product], synthesis: Synthesis) -> bool:
    """Return whether products in factors take less work than rebuilding the weight and running the dense layer."""
    rebuilding = math.prod(synthesis.shape) * min(synthesis.box[0], FFT_RANK)
    return MARGIN * _work(factored) < _work(dense) + rebuilding


def _work(steps: Sequence[Product]) -> int:
    return sum(step.work for step in steps)


def _along(axes: Iterable[tuple[int, int]], elements: int) -> list[Product]:
    """Return the products that map axes of a tensor, one after the other, from one extent to another."""
    steps = []
    for before, after in axes:
        steps.append(Product(elements // max(before, 1), min(before, FFT_RANK), min(after, FFT_RANK)))
        elements = elements // max(before, 1) * after
    return steps


def _convolution(layer: Convolution, x: Tensor, spectral: Spectral, coefficients: Tensor) -> Tensor | None:
    synthesis = spectral.synthesis
    if layer.groups != 1 or spectral.view is not None or synthesis.short > 2 or not synthesis.thin:
        return None
    # Channels are contracted unless there are so few that they are merged with the kernel.
    first, second = synthesis.basis(0), synthesis.basis(1) if synthesis.short > 1 else None
    into, out = (first, second) if layer.transposed else (second, first)
    axes = Axes(synthesis.shape, 1, 2 if synthesis.short > 1 else None)
    factors = Factors(spectral.shape, axes, synthesis.kept, synthesis.box, layer.transposed)
    modes: Modes = ("into", "out") if second is not None else ("into",) if layer.transposed else ("out",)
    before, stride = x.numel() // layer.in_channels, math.prod(layer.stride)
    after = before * stride if layer.transposed else before // stride
    dense = products(layer, None, (), before, after)
    if not _pays(products(layer, factors, modes, before, after), dense, synthesis):
        return None
    core = spectral.core(coefficients).reshape(synthesis.box[0], -1, *layer.kernel_size)
    return convolve(x, None if into is None else into.T, core, out, layer.bias, Movement.of(layer))


def _linear(layer: nn.Linear, x: Tensor, spectral: Spectral, coefficients: Tensor) -> Tensor | None:
    synthesis = spectral.synthesis
    if synthesis.shape[0] != layer.out_features or not (synthesis.thin or _is_exact(x, coefficients)):
        return None
    rows, (rank, *ranks), (_, *lengths) = x.numel() // layer.in_features, synthesis.ranks, synthesis.lengths
    # Either the inputs or the core are multiplied by the bases of the input axes, whichever takes less work.
    projecting = _along(zip(lengths, ranks, strict=True), rows * layer.in_features)
    projecting.append(Product(rows, math.prod(ranks), rank))
    expanding = _along(zip(ranks, lengths, strict=True), rank * math.prod(ranks))
    expanding.append(Product(rows, layer.in_features, rank))
    project = not synthesis.thin or _work(projecting) < _work(expanding)
    steps = [*(projecting if project else expanding), Product(rows, rank, layer.out_features)]
    if not _pays(steps, products(layer, None, (), rows, rows), synthesis):
        return None
    if project:
        core = spectral.core(coefficients, expanded=False).flatten(1)
        inputs = synthesis.project_rows(x.reshape(rows, layer.in_features))
        out = F.linear(inputs.reshape(*x.shape[:-1], core.shape[1]), core)
    else:
        out = F.linear(x, spectral.rest(coefficients))
    out = synthesis.expand(0, out)
    return out if layer.bias is None else out + layer.bias.to(out.dtype)


def _is_exact(x: Tensor, coefficients: Tensor) -> bool:
    """Return whether inputs have the coefficients' type and autocast is off: there is no FFT of bfloat16."""
    return x.dtype == coefficients.dtype and not torch.is_autocast_enabled(x.device.type)


def _embedding(layer: nn.Embedding, x: Tensor, spectral: Spectral, coefficients: Tensor) -> Tensor | None:
    synthesis = spectral.synthesis
    whole = synthesis.shape[0] == layer.num_embeddings and synthesis.thin
    plain = layer.padding_idx is None and not layer.scale_grad_by_freq
    if not (whole and plain and _pays([Product(x.numel(), synthesis.box[0], layer.embedding_dim)], [], synthesis)):
        return None
    rest = spectral.rest(coefficients)
    with full_precision(rest):  # like embeddings, whose type autocast does not change
        return F.embedding(x, synthesis.basis(0)) @ rest


def _attempt(factored: Callable[..., Tensor | None]) -> Attempt:
    def attempt(module: Any, x: Tensor) -> Tensor | None:
        if not is_parametrized(module, "weight"):
            return None
        held = module.parametrizations.weight
        spectral, coefficients = held[0], held.original
        single = len(held) == 1 and coefficients.dtype in (torch.float32, torch.float64)
        return factored(module, x, spectral, coefficients) if single and isinstance(spectral, Spectral) else None

    return attempt


_on_convolution = _attempt(_convolution)
_FACTORED: Final[dict[type[nn.Module], Attempt]] = {
    nn.Conv1d: _on_convolution,
    nn.Conv2d: _on_convolution,
    nn.Conv3d: _on_convolution,
    nn.ConvTranspose1d: _on_convolution,
    nn.ConvTranspose2d: _on_convolution,
    nn.ConvTranspose3d: _on_convolution,
    nn.Linear: _attempt(_linear),
    nn.Embedding: _attempt(_embedding),
}
