"""Layers that run on the core and the factors of their weight, in every runtime."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn

from frformat.torch.lowrank.factors import Convolution
from frformat.torch.lowrank.layers import Coded, CodedLayer
from frformat.torch.lowrank.products import Movement, convolve, multiply
from frformat.torch.lowrank.tucker_factors import TuckerFactors


class TuckerLayer(CodedLayer):
    """A layer that runs on a core and factors. Its code is valid TorchScript.

    Attributes:
        factors: shapes of the core and the factors.
    """

    def __init__(self, weight: nn.Parameter, bias: nn.Parameter | None, factors: TuckerFactors) -> None:
        super().__init__(weight, bias)
        self.factors = factors
        starts, into, out = factors.starts(), factors.axis("into"), factors.axis("out")
        self.core_shape, self.core_size = list(factors.box), math.prod(factors.box)
        self.into_start, self.into_shape = starts[into], [factors.ranks[into], factors.shape[into]]
        self.out_start, self.out_shape = starts[out], [factors.ranks[out], factors.shape[out]]

    def coded(self) -> Coded:
        """Return the weight that the coefficients describe."""
        return Coded(self.factors.shape, self.factors.form)

    def core(self) -> Tensor:
        """Return the core, shaped like the weight."""
        return self.weight.narrow(0, 0, self.core_size).reshape(self.core_shape)

    def into(self) -> Tensor | None:
        """Return the factor (rank, in channels), or None if the core takes all channels."""
        return self._factor(self.into_start, self.into_shape)

    def out(self) -> Tensor | None:
        """Return the factor (out channels, rank), or None if the core produces all channels."""
        factor = self._factor(self.out_start, self.out_shape)
        return None if factor is None else factor.t()

    def _factor(self, start: int, shape: list[int]) -> Tensor | None:
        if shape[0] == 0:
            return None
        return self.weight.narrow(0, start, shape[0] * shape[1]).reshape(shape)

    def extra_repr(self) -> str:
        """Describe the weight and the core."""
        return f"{list(self.factors.shape)}, core={list(self.factors.box)}"


class TuckerLinear(TuckerLayer):
    """A linear layer that runs on a core and factors."""

    def forward(self, x: Tensor) -> Tensor:
        """Map (…, in features) to (…, out features)."""
        into = self.into()
        return multiply(x, None if into is None else into.t(), self.core(), self.out(), self.bias)


class TuckerConvolution(TuckerLayer):
    """A convolution or transposed convolution without groups, as 1×1 → core → 1×1.

    Attributes:
        how: how the kernel moves over the input.
    """

    def __init__(
        self, layer: Convolution, weight: nn.Parameter, bias: nn.Parameter | None, factors: TuckerFactors
    ) -> None:
        super().__init__(weight, bias, factors)
        self.how = Movement.of(layer)
        self.mode, self.pad, self.ones = self.how.mode, self.how.pad, [1] * len(layer.kernel_size)
        self.stride, self.padding, self.dilation, self.transposed, self.output_padding = self.how.geometry

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, in channels, …) to (N, out channels, …); N may be missing."""
        if torch.jit.is_scripting():  # type: ignore[attr-defined]
            return self._scripted(x)
        return convolve(x, self.into(), self.core(), self.out(), self.bias, self.how)

    def _scripted(self, x: Tensor) -> Tensor:
        """Compute the same result with operations that TorchScript supports."""
        into, out, mode, nothing = self.into(), self.out(), self.mode, [0] * len(self.ones)
        single = x.dim() == len(self.ones) + 1
        if single:
            x = x.unsqueeze(0)
        if into is not None:
            x = torch.convolution(
                x, into.reshape(list(into.shape) + self.ones), None, self.ones, nothing, self.ones, False, nothing, 1
            )
        if mode is not None:
            x = nn.functional.pad(x, self.pad, mode)
        bias = self.bias if out is None else None
        x = torch.convolution(
            x, self.core(), bias, self.stride, self.padding, self.dilation, self.transposed, self.output_padding, 1
        )
        if out is not None:
            x = torch.convolution(
                x, out.reshape(list(out.shape) + self.ones), self.bias, self.ones, nothing, self.ones, False, nothing, 1
            )
        return x.squeeze(0) if single else x


def made_layer(layer: Any, weight: nn.Parameter, bias: nn.Parameter | None, factors: TuckerFactors) -> TuckerLayer:
    """Return the layer that replaces a linear layer or a convolution without groups."""
    if isinstance(layer, nn.Linear):
        return TuckerLinear(weight, bias, factors)
    return TuckerConvolution(layer, weight, bias, factors)
