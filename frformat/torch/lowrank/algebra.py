# No postponed annotations: TorchScript does not understand them in a NamedTuple.
"""The computation of factored layers as plain functions for eager mode, TorchScript and ``torch.export``.

The weight of a layer is core × ``out`` × ``into``: its box, and one basis each for the output and the input channels,
with one column per coefficient. Between layers, values are *thin*: each pixel has a few coefficients ``z`` that
represent the channels ``basis @ z``. The last coefficient is always 1 (homogeneous coordinates). A layer's bias and a
normalization's shift are therefore columns of the basis, zero padding and averaging apply to ``z`` as they would to the
channels, and nothing needs a special case.
"""

import math
from typing import Final, NamedTuple

import torch
from torch import Tensor

CHUNK: Final = 1 << 15
CENTER: Final = 1 << 10
"""See :func:`batch_moments`. TorchScript accepts constants only as default values."""


class Geometry(NamedTuple):
    """The settings of a convolution without groups, in the form that :func:`torch.convolution` expects."""

    stride: list[int]
    padding: list[int]
    dilation: list[int]
    transposed: bool
    output_padding: list[int]


def core(coefficients: Tensor, places: Tensor, tables: list[Tensor], shape: list[int]) -> Tensor:
    """Return the coefficients in their box, multiplied by the bases of the axes that do not stay factors.

    Args:
        coefficients: (k,), in zigzag order.
        places: (k,), int64: the position of each coefficient in the flat box.
        tables: see :func:`expand`.
        shape: shape of the result.
    """
    count = 1
    for table in tables:
        count *= table.shape[1]
    box = torch.zeros(count, dtype=coefficients.dtype, device=coefficients.device).scatter_(0, places, coefficients)
    return expand(box, tables).reshape(shape)


def expand(box: Tensor, tables: list[Tensor]) -> Tensor:
    """Multiply a box by a basis along each axis, last axis first.

    Args:
        box: its elements, in any shape.
        tables: the basis of each axis, (n, r); or (0, r) to leave the axis unchanged.

    Returns:
        The elements in order; their shape is unspecified.
    """
    after = 1
    for i in range(len(tables) - 1, -1, -1):
        n, r = tables[i].shape[0], tables[i].shape[1]
        if n == 0:
            after *= r
            continue
        if after == 1:
            box = box.reshape(-1, r) @ tables[i].t()
        elif i == 0:
            box = tables[i] @ box.reshape(r, after)
        else:
            box = tables[i] @ box.reshape(-1, r, after)
        after *= n
    return box


def cosines(n: int, r: int, double: bool) -> Tensor:
    """Return the first ``r`` orthonormal DCT-II basis functions of length ``n``: (n, r), float64 or float32.

    Computed like :func:`frformat.spectral.dct.basis`, with angles reduced in integers.
    """
    x, i = torch.arange(n).unsqueeze(1), torch.arange(r)
    angles = ((2 * x + 1) * i).remainder(max(4 * n, 1)).double() * (math.pi / max(2 * n, 1))
    scale = torch.full([r], math.sqrt(2 / max(n, 1)), dtype=torch.float64)
    scale[:1] = math.sqrt(1 / max(n, 1))
    table = angles.cos() * scale
    return table if double else table.float()


def homogeneous(basis: Tensor, bias: Tensor | None) -> Tensor:
    """Append the bias (n,), or zeros, to a basis (n, r) as one more column."""
    column = basis.new_zeros([basis.shape[0]]) if bias is None else bias
    return torch.cat([basis, column.unsqueeze(1)], 1)


def convolve(x: Tensor, core: Tensor, how: Geometry) -> Tensor:
    """Convolve thin values (N, r, …) with a core, and append a coefficient of 1 to each pixel."""
    axis = 1 if how.transposed else 0
    core = torch.cat([core, torch.zeros_like(core.narrow(axis, 0, 1))], axis)
    if core.dim() == 4:  # several times as fast with so few channels
        core = core.contiguous(memory_format=torch.channels_last)
    if core.dim() == 5:
        core = core.contiguous(memory_format=torch.channels_last_3d)
    bias = _last(core, core.shape[axis])
    return torch.convolution(
        x, core, bias, how.stride, how.padding, how.dilation, how.transposed, how.output_padding, 1
    )


def multiply(x: Tensor, core: Tensor) -> Tensor:
    """Multiply thin values (…, r) by the core of a linear layer, and append a coefficient of 1 to each."""
    core = torch.cat([core, torch.zeros_like(core[:1])])
    return torch.nn.functional.linear(x, core, _last(core, core.shape[0]))


def _last(like: Tensor, n: int) -> Tensor:
    """Return the last unit vector."""
    return torch.cat([like.new_zeros([n - 1]), like.new_ones([1])])


def with_one(z: Tensor, last: bool) -> Tensor:
    """Append a coefficient of 1 to thin values whose last coefficient is no longer 1, for example after padding."""
    axis = z.dim() - 1 if last else 1
    return torch.cat([z, torch.ones_like(z.narrow(axis, 0, 1))], axis)


def apply_basis(x: Tensor, basis: Tensor, last: bool) -> Tensor:
    """Multiply channels by a matrix (n, r): thin values to all channels or, with the transpose, back.

    Args:
        x: (…, r) if ``last``, else (N, r, …).
        basis: the matrix.
        last: whether channels are the last axis.
    """
    if last:
        return torch.nn.functional.linear(x, basis)
    ones = [1] * (x.dim() - 2)
    none = [0] * (x.dim() - 2)
    return torch.convolution(x, basis.reshape(list(basis.shape) + ones), None, ones, none, ones, False, none, 1)


def batch_moments(
    z: Tensor, basis: Tensor, last: bool, chunk: int = CHUNK, center: int = CENTER
) -> tuple[Tensor, Tensor]:
    """Return the mean and the (biased) variance of each channel of ``basis @ z``, from moments of ``z``: float64 (n,).

    Args:
        z: homogeneous thin values.
        basis: (n, r).
        last: whether channels are the last axis.
        chunk: number of pixels converted to float64 at a time.
        center: number of pixels whose mean is subtracted first, so that squares do not dwarf the covariance.
    """
    flat = (z if last else z.movedim(1, -1)).reshape(-1, z.shape[-1 if last else 1])
    if is_recorded():
        products, middle = _products(flat, flat.mean(0).double())
    else:
        middle = flat[:center].mean(0).double()
        products, middle = _products(flat[:chunk], middle)
        for start in range(chunk, flat.shape[0], chunk):
            products = products + _products(flat[start : start + chunk], middle)[0]
    products = products / products[-1, -1]
    off = products[:, -1:]
    covariance = products - off @ off.t()
    wide = basis.double()
    mean = (wide @ (middle + off.squeeze(1)).unsqueeze(1)).squeeze(1)
    return mean, ((wide @ covariance) * wide).sum(1).clamp(min=0)


def is_recorded() -> bool:
    """Return whether a compiler or tracer is recording operations, which would fix the length of loops over pixels."""
    if torch.jit.is_scripting():  # type: ignore[attr-defined]
        return False
    return torch.compiler.is_compiling() or torch._C._is_tracing()


def _products(flat: Tensor, middle: Tensor) -> tuple[Tensor, Tensor]:
    """Return the sums of products of coefficients less a mean, (r, r) in float64, and the mean that was subtracted.

    Nothing is subtracted from the last coefficient, which stays 1: its products with the others add up to their sums,
    and its squares to the count.
    """
    middle = torch.cat([middle[:-1], torch.zeros_like(middle[:1])])
    part = flat.double() - middle
    return part.t() @ part, middle


def normalize(
    basis: Tensor, mean: Tensor, variance: Tensor, weight: Tensor | None, bias: Tensor | None, eps: float
) -> Tensor:
    """Return the basis of the channels after batch normalization, given its statistics and its affine part, if any."""
    scale = torch.rsqrt(variance.double() + eps)
    if weight is not None:
        scale = scale * weight.double()
    shift = -mean.double() * scale
    if bias is not None:
        shift = shift + bias.double()
    wide = basis.double() * scale.unsqueeze(1)
    return torch.cat([wide[:, :-1], wide[:, -1:] + shift.unsqueeze(1)], 1).to(basis.dtype)
