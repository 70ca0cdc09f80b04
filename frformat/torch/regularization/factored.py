"""Layers that run on the box: a convolution becomes 1×1 → small core → 1×1, a linear layer two thin products.

Neither the weights nor their gradient are made then, which is what makes truncated training faster than plain training.
A layer decides at each call, by the size of its input; where factors would cost more, the tensor is rebuilt as usual.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache
from typing import Any, Final

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.parametrize import is_parametrized, type_before_parametrizations

from frformat.torch.regularization.parametrization import Spectral
from frformat.torch.regularization.synthesis import FFT_RANK

THIN: Final = 16
"""A product with a basis of fewer functions takes about as long as with so many."""

MARGIN: Final = 1.5
"""Multiply-adds in factors take about so many times as long as in a dense layer (measured)."""

Convolution = nn.Conv1d | nn.Conv2d | nn.Conv3d | nn.ConvTranspose1d | nn.ConvTranspose2d | nn.ConvTranspose3d


def install(module: nn.Module) -> None:
    """Let a module with a regularized ``weight`` run on factors where that pays; other kinds of modules are left alone.

    Like :mod:`torch.nn.utils.parametrize` does for its properties, this changes the class that was made for this module
    alone, so that nothing is left when the parametrization is removed.
    """
    plain: Any = type_before_parametrizations(module)
    if plain in _FACTORED:
        type(module).forward = _forward(plain)


@cache
def _forward(plain: Any) -> Callable[..., Tensor]:
    """The method for a kind of module."""
    factored = _FACTORED[plain]

    def forward(module: Any, *args: Any, **kwargs: Any) -> Tensor:
        if len(args) == 1 and not kwargs and is_parametrized(module, "weight"):
            held = module.parametrizations.weight
            spectral, coefficients = held[0], held.original
            single = len(held) == 1 and coefficients.dtype in (torch.float32, torch.float64)
            if single and isinstance(spectral, Spectral):
                out = factored(module, args[0], spectral, coefficients)
                if out is not None:
                    return out
        rebuilt: Tensor = plain.forward(module, *args, **kwargs)
        return rebuilt

    return forward


def _pays(factored: int, dense: int, spectral: Spectral) -> bool:
    """Whether so many multiply-adds in factors are less work than so many in the dense layer, rebuilding included."""
    rebuilding = math.prod(spectral.shape) * min(spectral.synthesis.box[0], FFT_RANK)
    return MARGIN * factored < dense + rebuilding


def _rank(rank: int) -> int:
    return max(rank, THIN)


def _convolution(layer: Convolution, x: Tensor, spectral: Spectral, coefficients: Tensor) -> Tensor | None:
    synthesis = spectral.synthesis
    if layer.groups != 1 or spectral.view is not None or synthesis.short > 2 or not synthesis.thin:
        return None
    # Channels are contracted unless they are so few that they are taken together with the kernel.
    ranks = [_rank(synthesis.box[0]), _rank(synthesis.box[1]) if synthesis.short > 1 else synthesis.shape[1]]
    bases = [synthesis.basis(0), synthesis.basis(1) if synthesis.short > 1 else None]
    if not layer.transposed:
        ranks.reverse()
        bases.reverse()
    entering, leaving = bases
    kernel, stride = math.prod(layer.kernel_size), math.prod(layer.stride)
    before = x.numel() // layer.in_channels
    after = before * stride if layer.transposed else before // stride
    inner = min(before, after)
    cost = inner * ranks[0] * ranks[1] * kernel
    cost += before * layer.in_channels * ranks[0] if entering is not None else 0
    cost += after * layer.out_channels * ranks[1] if leaving is not None else 0
    if not _pays(cost, inner * layer.in_channels * layer.out_channels * kernel, spectral):
        return None
    convolve = _CONVOLVE[len(layer.kernel_size)]
    ones = (1,) * len(layer.kernel_size)
    core = spectral.core(coefficients).reshape(synthesis.box[0], -1, *layer.kernel_size)
    bias = layer.bias if leaving is None else None
    if entering is not None:
        x = convolve(x, entering.T.reshape(*entering.T.shape, *ones))
    if isinstance(layer, nn.Conv1d | nn.Conv2d | nn.Conv3d):
        x = layer._conv_forward(x, core, bias)
    else:
        transposed = _TRANSPOSED[len(layer.kernel_size)]
        x = transposed(x, core, bias, layer.stride, layer.padding, layer.output_padding, 1, layer.dilation)
    return x if leaving is None else convolve(x, leaving.reshape(*leaving.shape, *ones), layer.bias)


def _linear(layer: nn.Linear, x: Tensor, spectral: Spectral, coefficients: Tensor) -> Tensor | None:
    synthesis = spectral.synthesis
    if synthesis.shape[0] != layer.out_features or not (synthesis.thin or _is_exact(x, coefficients)):
        return None
    ranks, rows = synthesis.box[: synthesis.short], x.numel() // layer.in_features
    # Of the inputs and the core, the one with fewer rows is taken to the other's side of the input axes' bases.
    project = rows < ranks[0] or not synthesis.thin
    cost = (rows if project else _rank(ranks[0])) * layer.in_features * sum(ranks[1:])
    cost += rows * _rank(ranks[0]) * (layer.in_features + layer.out_features)
    if not _pays(cost, rows * math.prod(spectral.shape), spectral):
        return None
    if project:
        core = spectral.core(coefficients, expanded=False).flatten(1)
        inputs = x.reshape(rows, *synthesis.shape[1 : synthesis.short], math.prod(synthesis.shape[synthesis.short :]))
        inputs = synthesis.project_short(inputs)
        for axis in range(1, synthesis.short):
            inputs = synthesis.project(axis, inputs.movedim(axis, -1)).movedim(-1, axis)
        out = F.linear(inputs.reshape(*x.shape[:-1], core.shape[1]), core)
    else:
        out = F.linear(x, spectral.rest(coefficients))
    out = synthesis.expand(0, out)
    return out if layer.bias is None else out + layer.bias.to(out.dtype)


def _is_exact(x: Tensor, coefficients: Tensor) -> bool:
    """Whether inputs are of the coefficients' type and stay so: there is no FFT of bfloat16."""
    return x.dtype == coefficients.dtype and not torch.is_autocast_enabled(x.device.type)


def _embedding(layer: nn.Embedding, x: Tensor, spectral: Spectral, coefficients: Tensor) -> Tensor | None:
    synthesis = spectral.synthesis
    cost = x.numel() * _rank(synthesis.box[0]) * layer.embedding_dim
    whole = synthesis.shape[0] == layer.num_embeddings and synthesis.thin
    plain = layer.padding_idx is None and not layer.scale_grad_by_freq
    if not (whole and plain and _pays(cost, 0, spectral)):
        return None
    return F.embedding(x, synthesis.basis(0)) @ spectral.rest(coefficients)


_CONVOLVE: Final[dict[int, Callable[..., Tensor]]] = {1: F.conv1d, 2: F.conv2d, 3: F.conv3d}
_TRANSPOSED: Final[dict[int, Callable[..., Tensor]]] = {
    1: F.conv_transpose1d,
    2: F.conv_transpose2d,
    3: F.conv_transpose3d,
}
_FACTORED: Final[dict[type[nn.Module], Callable[..., Tensor | None]]] = {
    nn.Conv1d: _convolution,
    nn.Conv2d: _convolution,
    nn.Conv3d: _convolution,
    nn.ConvTranspose1d: _convolution,
    nn.ConvTranspose2d: _convolution,
    nn.ConvTranspose3d: _convolution,
    nn.Linear: _linear,
    nn.Embedding: _embedding,
}
