"""Multiply the inputs of a factored layer by a basis, by the core, and by a second basis."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from torch import Tensor
from torch.nn import functional as F

from frformat.torch.lowrank.algebra import Geometry
from frformat.torch.lowrank.factors import Convolution

CONVOLVE: Final[dict[int, Callable[..., Tensor]]] = {1: F.conv1d, 2: F.conv2d, 3: F.conv3d}
TRANSPOSED: Final[dict[int, Callable[..., Tensor]]] = {
    1: F.conv_transpose1d,
    2: F.conv_transpose2d,
    3: F.conv_transpose3d,
}
"""Convolutions by number of axes. Unlike :func:`torch.convolution`, these run in half precision under autocast."""


class Movement(NamedTuple):
    """The settings that determine how the kernel of a convolution of any kind moves over the input.

    Attributes:
        kernel: extents of the kernel.
        groups: number of groups.
        geometry: settings of the convolution itself.
        mode: the mode in which :func:`torch.nn.functional.pad` pads the input, or None if the convolution itself pads.
        pad: padding for that function.
    """

    kernel: Sequence[int]
    groups: int
    geometry: Geometry
    mode: str | None
    pad: list[int]

    @classmethod
    def of(cls, layer: Convolution) -> Movement:
        """Return how a layer's kernel moves over the input."""
        if layer.padding_mode == "zeros" and not isinstance(layer.padding, str):
            mode, pad, padding = None, [], list(layer.padding)
        else:
            mode = "constant" if layer.padding_mode == "zeros" else layer.padding_mode
            pad, padding = layer._reversed_padding_repeated_twice, [0] * len(layer.kernel_size)
        stride, dilation, output_padding = list(layer.stride), list(layer.dilation), list(layer.output_padding)
        geometry = Geometry(stride, padding, dilation, layer.transposed, output_padding)
        return cls(layer.kernel_size, layer.groups, geometry, mode, pad)

    def padded(self, x: Tensor) -> Tensor:
        """Apply the padding that the convolution does not apply itself."""
        return x if self.mode is None else F.pad(x, self.pad, self.mode)

    def convolve(self, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        """Return the convolution of an input that :meth:`padded` has padded."""
        stride, padding, dilation, transposed, output_padding = self.geometry
        if transposed:
            function = TRANSPOSED[len(self.kernel)]
            return function(x, weight, bias, stride, padding, output_padding, self.groups, dilation)
        return CONVOLVE[len(self.kernel)](x, weight, bias, stride, padding, dilation, self.groups)


def convolve(
    x: Tensor, into: Tensor | None, core: Tensor, out: Tensor | None, bias: Tensor | None, how: Movement
) -> Tensor:
    """Compute a convolution as 1×1 → core → 1×1.

    Args:
        x: (N, in channels, …); N may be missing.
        into: (groups · rank, in channels of a group), or None if the core takes all channels.
        core: shaped like the plain layer's weight, with ranks instead of channels where there is a basis.
        out: (out channels, rank), or None if the core produces all channels.
        bias: bias of the layer.
        how: how the plain layer's kernel moves over the input.

    Returns:
        (N, out channels, …), without N if ``x`` has none.
    """
    if into is not None:
        x = _pointwise(x, into, None, how)
    x = how.convolve(how.padded(x), core, bias if out is None else None)
    return x if out is None else _pointwise(x, out, bias, how)


def multiply(x: Tensor, into: Tensor | None, core: Tensor, out: Tensor | None, bias: Tensor | None) -> Tensor:
    """Compute a linear layer as two or three thin products.

    Args:
        x: (…, in features).
        into: (in features, rank), or None if the core takes all features.
        core: (out features or rank, in features or rank).
        out: (out features, rank), or None if the core produces all features.
        bias: bias of the layer.
    """
    if into is not None:
        x = x @ into
    x = F.linear(x, core, bias if out is None else None)
    return x if out is None else F.linear(x, out, bias)


def _pointwise(x: Tensor, matrix: Tensor, bias: Tensor | None, how: Movement) -> Tensor:
    kernel = matrix.reshape(*matrix.shape, *(1,) * len(how.kernel))
    return CONVOLVE[len(how.kernel)](x, kernel, bias, groups=how.groups)
