"""Express layers as matrix products: weights as matrices, inputs as columns, and outputs as rows."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

Array = NDArray[Any]
Kind = Literal["linear", "product", "convolution", "transposed", "embedding", "matrices"]

CHUNK: Final = 1 << 24
"""Maximum number of entries of the input matrix to compute together."""


@dataclass(frozen=True)
class Form:
    """The layout of a weight tensor.

    As matrices, the weights of a layer have the shape (groups, outputs, inputs). Entry j of a row is multiplied by
    entry j of each column that :func:`columns` extracts from the layer's input.

    Attributes:
        kind: ``linear`` (outputs, inputs); ``product`` (inputs, outputs); ``convolution`` (outputs, inputs of a group,
            kernel); ``transposed`` (inputs, outputs of a group, kernel); ``embedding`` (entries, outputs), for which
            columns are unit vectors; or ``matrices`` (any number of axes for the outputs, inputs).
        shape: shape of the tensor.
        groups: number of groups of a convolution; 1 for other layers.
    """

    kind: Kind
    shape: tuple[int, ...]
    groups: int = 1

    @property
    def kernel(self) -> tuple[int, ...]:
        """Lengths of the kernel axes, which are all axes of a convolution's weights from the third on."""
        return () if self.kind == "matrices" else self.shape[2:]

    @property
    def sparse(self) -> bool:
        """Whether columns are unit vectors, whose second moments form a diagonal matrix."""
        return self.kind == "embedding"

    @property
    def output_axis(self) -> int | None:
        """The axis of the tensor that counts the outputs; None if it takes several to count them."""
        if self.kind in ("linear", "convolution"):
            return 0
        return None if self.kind == "matrices" or self.groups > 1 else 1

    @property
    def outputs(self) -> int:
        """Number of rows of one group's matrix."""
        if self.kind == "matrices":
            return math.prod(self.shape[:-1])
        first, second, *_ = self.shape
        return {"convolution": first // self.groups, "linear": first}.get(self.kind, second)

    @property
    def inputs(self) -> int:
        """Number of columns of one group's matrix."""
        return math.prod(self.shape) // (self.groups * self.outputs)

    def matrix(self, tensor: Array) -> Array:
        """Return a tensor of ``shape`` as matrices (groups, outputs, inputs)."""
        if self.kind in ("product", "embedding"):
            return tensor.T[None]
        if self.kind == "matrices":
            return tensor.reshape(1, self.outputs, self.inputs)
        split = tensor.reshape(self.groups, -1, *self.shape[1:])
        if self.kind == "transposed":
            split = split.swapaxes(1, 2)
        return split.reshape(self.groups, split.shape[1], -1)

    def tensor(self, matrix: Array) -> Array:
        """Convert matrices to a tensor of ``shape``; the inverse of :meth:`matrix`."""
        if self.kind in ("product", "embedding"):
            back: Array = matrix[0].T
            return back
        if self.kind != "transposed":
            return matrix.reshape(self.shape)
        split = matrix.reshape(self.groups, self.shape[1], -1, *self.kernel)
        return split.swapaxes(1, 2).reshape(self.shape)


@dataclass(frozen=True)
class Geometry:
    """The parameters that determine where a convolution applies its kernel.

    Attributes:
        stride: one number per kernel axis.
        padding: one number per kernel axis.
        dilation: one number per kernel axis.
    """

    stride: tuple[int, ...] = ()
    padding: tuple[int, ...] = ()
    dilation: tuple[int, ...] = ()


def columns(x: Tensor, form: Form, geometry: Geometry, thin: Sequence[int] = (), phase: Sequence[int] = ()) -> Tensor:
    """Return the inputs of a layer as matrices.

    Args:
        x: the input of the layer.
        form: the layout of its weights.
        geometry: geometry of a convolution.
        thin: for each axis, a number n: the kernel is applied only at every n-th position, or, if there is no kernel,
            only every n-th input is used. By default, all are used.
        phase: index of the first position to use along each axis.

    Returns:
        Shape (groups, inputs, n), float32.
    """
    if not form.kernel:
        flat = x.reshape(-1, x.shape[-1])
        return flat[sum(phase) :: math.prod(thin)].float().T[None]
    x = x if x.dim() == len(form.kernel) + 2 else x[None]
    stride = geometry.stride
    if form.kind == "transposed":
        x, geometry = _as_convolution(x, form, geometry)
        stride = (1,) * len(stride)
    x = F.pad(x.float(), [p for p in reversed(geometry.padding) for _ in range(2)])
    for axis, (k, step, gap) in enumerate(zip(form.kernel, stride, geometry.dilation, strict=True)):
        every, begin = (thin[axis], phase[axis]) if thin else (1, 0)
        x = x.unfold(axis + 2, (k - 1) * gap + 1, step)
        x = x[(..., slice(None, None, gap))]
        x = x[(slice(None),) * (axis + 2) + (slice(begin if begin < x.shape[axis + 2] else 0, None, every),)]
    if form.kind == "transposed":
        x = x.flip(tuple(range(-len(form.kernel), 0)))
    d = len(form.kernel)
    n, channels = x.shape[:2]
    x = x.reshape(n, form.groups, channels // form.groups, *x.shape[2:])
    order = (1, 2, *range(3 + d, 3 + 2 * d), 0, *range(3, 3 + d))
    return x.permute(order).reshape(form.groups, form.inputs, -1)


def rows(y: Tensor, form: Form) -> Tensor:
    """Return the outputs of a layer, or their gradients, as matrices (groups, outputs, n), float32."""
    if not form.kernel:
        return y.reshape(-1, y.shape[-1]).float().T[None]
    y = y if y.dim() == len(form.kernel) + 2 else y[None]
    return y.float().transpose(0, 1).reshape(form.groups, form.outputs, -1)


def _as_convolution(x: Tensor, form: Form, geometry: Geometry) -> tuple[Tensor, Geometry]:
    """Convert a transposed convolution to one with stride 1 and a flipped kernel by inserting zeros between inputs."""
    stretched = x.new_zeros(
        (*x.shape[:2], *((n - 1) * s + 1 for n, s in zip(x.shape[2:], geometry.stride, strict=True)))
    )
    every: list[Any] = [slice(None, None, s) for s in geometry.stride]
    stretched[(..., *every)] = x
    reach = [d * (k - 1) for k, d in zip(form.kernel, geometry.dilation, strict=True)]
    padding = tuple(r - p for r, p in zip(reach, geometry.padding, strict=True))
    if min(padding) < 0:  # remove the inputs that affect only outputs beyond the output padding
        cut: list[Any] = [slice(max(0, -p), stretched.shape[a + 2] - max(0, -p)) for a, p in enumerate(padding)]
        stretched, padding = stretched[(..., *cut)], tuple(max(0, p) for p in padding)
    return stretched, Geometry(geometry.stride, padding, geometry.dilation)
