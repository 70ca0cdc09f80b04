"""Layers that run on factors. They know nothing of each other; gradients flow to inputs, coefficients and biases."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import torch
from torch import Tensor, fx, nn
from torch.nn import functional as F

from frformat.torch.factorization import algebra
from frformat.torch.factorization.factors import Convolution, Factors, Side, Sides

SPECTRA: Final = "spectra"
"""Where the metadata of a graph has what :func:`spectra` tells of it."""


class Factored(nn.Module):
    """A layer whose parameter ``weight`` is a vector of coefficients, in zigzag order, by the plain weight's name.

    Attributes:
        weight: coefficients, (k,).
        bias: as in the plain layer, or None.
        factors: what the coefficients stand for.
        sides: which bases are factors.
        into: basis (channels, rank) along the channels that enter, or None if the core is multiplied by it.
        out: that along the channels that leave.
        rank: number of axes of its inputs, the batch's included, or None if that varies or there is no batch.
    """

    weight: nn.Parameter
    bias: nn.Parameter | None
    places: Tensor
    into: Tensor | None
    out: Tensor | None
    rank: int | None = None

    def __init__(self, weight: nn.Parameter, bias: nn.Parameter | None, factors: Factors, sides: Sides) -> None:
        super().__init__()
        self.weight = weight
        self.register_parameter("bias", bias)
        self.factors, self.sides = factors, sides
        self._tabulate()

    def core(self, shape: list[int]) -> Tensor:
        """The core; ``shape`` has its bases' ranks, or channels where there is no basis."""
        return algebra.core(self.weight, self.places, self.tables(), shape)

    def table_names(self) -> list[str]:
        """Names of the buffers that :meth:`tables` returns."""
        return [f"table{axis}" for axis in range(len(self.factors.box))]

    def tables(self) -> list[Tensor]:
        """For :func:`algebra.core`."""
        return [self.get_buffer(name) for name in self.table_names()]

    def width(self, side: Side) -> int:
        """The core's extent along channels."""
        return self.factors.rank(side) if side in self.sides else self.factors.length(side)

    def core_shape(self) -> list[int]:
        """Of the core, whose axes are those of the plain weight."""
        raise NotImplementedError

    def extra_repr(self) -> str:
        """What the coefficients stand for and what stays factored."""
        lengths, box = list(self.factors.axes.lengths), list(self.factors.box)
        return f"{lengths}, kept={self.factors.kept}, box={box}, factors={'+'.join(self.sides)}"

    def _tabulate(self) -> None:
        like = self.weight.detach()
        self.register_buffer("places", self.factors.places().to(like.device), persistent=False)
        self.register_buffer("into", self.factors.basis("into", like) if "into" in self.sides else None, False)
        self.register_buffer("out", self.factors.basis("out", like) if "out" in self.sides else None, False)
        for name, table in zip(self.table_names(), self.factors.tables(self.sides, like), strict=True):
            self.register_buffer(name, table, persistent=False)

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Factored:
        """Follow the module to a device or type; the bases are made anew, not rounded and widened."""
        super()._apply(fn, recurse)  # type: ignore[no-untyped-call]
        self._tabulate()
        return self


def spectra(model: nn.Module) -> dict[str, list[int]]:
    """Parameters that are coefficients, by name, and the shape in which the spectrum of each is taken."""
    found: dict[str, list[int]] = {}
    for path, module in model.named_modules(remove_duplicate=False):
        if isinstance(module, Factored):
            found[f"{path}.weight" if path else "weight"] = list(module.factors.axes.lengths)
        elif isinstance(module, fx.GraphModule):  # a portable one has no factored layers left
            noted: dict[str, list[int]] = module.meta.get(SPECTRA, {})
            found |= {f"{path}.{name}" if path else name: lengths for name, lengths in noted.items()}
    return found


class FactoredLinear(Factored):
    """:class:`torch.nn.Linear` on factors."""

    def core_shape(self) -> list[int]:
        """(out, into)."""
        return [self.width("out"), self.width("into")]

    def forward(self, x: Tensor) -> Tensor:
        """(…, in features) → (…, out features)."""
        if self.into is not None:
            x = x @ self.into
        x = F.linear(x, self.core(self.core_shape()), self.bias if self.out is None else None)
        return x if self.out is None else F.linear(x, self.out, self.bias)


class FactoredConvolution(Factored):
    """A convolution or transposed convolution along any number of axes, on factors.

    Attributes:
        groups: of channels.
        kernel: extents.
        mode: of padding, as :func:`torch.nn.functional.pad` calls it, or None if the convolution pads.
        pad: for that function.
        options: stride, padding, dilation, whether transposed, and output padding, as for :func:`torch.convolution`.
    """

    def __init__(
        self, layer: Convolution, weight: nn.Parameter, bias: nn.Parameter | None, factors: Factors, sides: Sides
    ) -> None:
        super().__init__(weight, bias, factors, sides)
        self.groups = layer.groups
        self.kernel = list(layer.kernel_size)
        self.mode: str | None = None
        self.pad: list[int] = []
        padding: Any = layer.padding
        if layer.padding_mode != "zeros" or isinstance(padding, str):
            self.mode = "constant" if layer.padding_mode == "zeros" else layer.padding_mode
            self.pad = list(layer._reversed_padding_repeated_twice)
            padding = [0] * len(self.kernel)
        self.options: tuple[Any, ...] = (
            list(layer.stride), list(padding), list(layer.dilation), layer.transposed, list(layer.output_padding)
        )  # fmt: skip

    def core_shape(self) -> list[int]:
        """(out, into, …kernel), or (into, out, …kernel) if transposed."""
        first, second = self.width("out"), self.width("into")
        return [second, first, *self.kernel] if self.factors.transposed else [first, second, *self.kernel]

    def forward(self, x: Tensor) -> Tensor:
        """(N, in channels, …) → (N, out channels, …), both also without N."""
        alone = x.dim() == len(self.kernel) + 1
        if alone:
            x = x.unsqueeze(0)
        if self.into is not None:
            x = self._pointwise(x, self._by_group(self.into.t(), self.factors.transposed, 1), None)
        x = self.padded(x)
        bias = self.bias if self.out is None else None
        stride, padding, dilation, transposed, output_padding = self.options
        x = torch.convolution(
            x, self._grouped_core(), bias, stride, padding, dilation, transposed, output_padding, self.groups
        )
        if self.out is not None:
            x = self._pointwise(x, self._by_group(self.out, not self.factors.transposed, 0), self.bias)
        return x.squeeze(0) if alone else x

    def padded(self, x: Tensor) -> Tensor:
        """With the padding that the convolution itself does not do."""
        return x if self.mode is None else F.pad(x, self.pad, self.mode)

    def _grouped_core(self) -> Tensor:
        """All groups, one after the other; they share the core if the channels of each have a basis of their own."""
        core = self.core(self.core_shape())
        shared = ("into" if self.factors.transposed else "out") in self.sides
        return core.repeat([self.groups] + [1] * (core.dim() - 1)) if shared and self.groups > 1 else core

    def _by_group(self, basis: Tensor, apart: bool, rows: int) -> Tensor:
        """The matrix of a grouped pointwise convolution: (groups · rows of each, columns).

        Args:
            basis: (channels, rank) or its transpose.
            apart: whether each group has channels of its own in ``basis``, or all have the same.
            rows: the axis of ``basis`` along channels.
        """
        if self.groups == 1:
            return basis
        if not apart:
            return basis.repeat(self.groups, 1)
        return basis if rows == 0 else torch.cat(basis.chunk(self.groups, 1))

    def _pointwise(self, x: Tensor, matrix: Tensor, bias: Tensor | None) -> Tensor:
        ones, none = [1] * len(self.kernel), [0] * len(self.kernel)
        kernel = matrix.reshape([*matrix.shape, *ones])
        return torch.convolution(x, kernel, bias, ones, none, ones, False, none, self.groups)
