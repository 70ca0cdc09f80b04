# Without postponed annotations: TorchScript does not understand those of a NamedTuple.
"""What factored layers compute, as plain functions: they run in eager mode, in TorchScript and under ``torch.export``.

The weight of a layer is core × ``out`` × ``into``: its box, and a basis with one column for each coefficient along the
channels that leave and those that enter. Between layers, values are *thin*: a few coefficients ``z`` for each pixel
that stand for the channels ``basis @ z``. The last coefficient is always 1 (homogeneous coordinates), so a layer's bias
and a normalization's shift are columns of the basis, zero padding and averages of the channels are those of ``z``, and
nothing needs a special case.
"""

import math
from typing import Final, NamedTuple

import torch
from torch import Tensor

CHUNK: Final = 1 << 15
CENTER: Final = 1 << 10
"""See :func:`batch_moments`. TorchScript knows no constants but those that are defaults."""


class Geometry(NamedTuple):
    """How a convolution without groups moves over its input, as :func:`torch.convolution` wants it."""

    stride: list[int]
    padding: list[int]
    dilation: list[int]
    transposed: bool
    output_padding: list[int]


def core(coefficients: Tensor, places: Tensor, tables: list[Tensor], shape: list[int]) -> Tensor:
    """The coefficients in their box, multiplied by the basis along the axes that are not left to be factors.

    Args:
        coefficients: (k,), in zigzag order.
        places: (k,), int64: where in the flat box each goes.
        tables: as for :func:`expand`.
        shape: of the result.
    """
    count = 1
    for table in tables:
        count *= table.shape[1]
    box = torch.zeros(count, dtype=coefficients.dtype, device=coefficients.device).scatter_(0, places, coefficients)
    return expand(box, tables).reshape(shape)


def expand(box: Tensor, tables: list[Tensor]) -> Tensor:
    """Multiply a box by a basis along its axes, the last one first.

    Args:
        box: its elements, of any shape.
        tables: of each axis the basis, (n, r); or (0, r) to leave the axis as it is.

    Returns:
        The elements in order; their shape is one of several that fit.
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
    """The first ``r`` orthonormal DCT-II basis functions of length ``n``: (n, r), float64 or float32.

    Computed like :func:`frformat.spectral.dct.basis`, whose angles are reduced in integers.
    """
    x, i = torch.arange(n).unsqueeze(1), torch.arange(r)
    angles = ((2 * x + 1) * i).remainder(max(4 * n, 1)).double() * (math.pi / max(2 * n, 1))
    scale = torch.full([r], math.sqrt(2 / max(n, 1)), dtype=torch.float64)
    scale[:1] = math.sqrt(1 / max(n, 1))
    table = angles.cos() * scale
    return table if double else table.float()


def homogeneous(basis: Tensor, bias: Tensor | None) -> Tensor:
    """A basis (n, r) with the bias (n,), or zeros, as one more column."""
    column = basis.new_zeros([basis.shape[0]]) if bias is None else bias
    return torch.cat([basis, column.unsqueeze(1)], 1)


def convolve(x: Tensor, core: Tensor, how: Geometry) -> Tensor:
    """Convolve thin values (N, r, …) with a core; give each pixel one more coefficient, which is 1."""
    axis = 1 if how.transposed else 0
    core = torch.cat([core, torch.zeros_like(core.narrow(axis, 0, 1))], axis)
    if core.dim() == 4:  # several times as fast for so few channels
        core = core.contiguous(memory_format=torch.channels_last)
    if core.dim() == 5:
        core = core.contiguous(memory_format=torch.channels_last_3d)
    bias = _last(core, core.shape[axis])
    return torch.convolution(
        x, core, bias, how.stride, how.padding, how.dilation, how.transposed, how.output_padding, 1
    )


def multiply(x: Tensor, core: Tensor) -> Tensor:
    """Multiply thin values (…, r) by the core of a linear layer; give each one more coefficient, which is 1."""
    core = torch.cat([core, torch.zeros_like(core[:1])])
    return torch.nn.functional.linear(x, core, _last(core, core.shape[0]))


def _last(like: Tensor, n: int) -> Tensor:
    """The last unit vector."""
    return torch.cat([like.new_zeros([n - 1]), like.new_ones([1])])


def with_one(z: Tensor, last: bool) -> Tensor:
    """Thin values with one more coefficient, which is 1; for those whose last is so no more, such as padded ones."""
    axis = z.dim() - 1 if last else 1
    return torch.cat([z, torch.ones_like(z.narrow(axis, 0, 1))], axis)


def apply_basis(x: Tensor, basis: Tensor, last: bool) -> Tensor:
    """Multiply channels by a matrix (n, r): from thin values to all channels, or, with its transpose, back.

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
    """Mean and (biased) variance of every channel of ``basis @ z`` from the mean and covariance of ``z``: float64 (n,).

    Args:
        z: thin values, homogeneous.
        basis: (n, r).
        last: whether channels are the last axis.
        chunk: pixels that are converted to float64 at a time.
        center: pixels whose mean is taken off beforehand, so that squares do not dwarf the covariance.
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
    """Whether operations are recorded for inputs of other sizes, so that loops over pixels would keep their length."""
    if torch.jit.is_scripting():  # type: ignore[attr-defined]
        return False
    return torch.compiler.is_compiling() or torch._C._is_tracing()


def _products(flat: Tensor, middle: Tensor) -> tuple[Tensor, Tensor]:
    """Sums of the products of coefficients in float64, (r, r), with a mean taken off; and that mean.

    Nothing is taken off the last coefficient, which stays 1: its products are sums, and that with itself the count.
    """
    middle = torch.cat([middle[:-1], torch.zeros_like(middle[:1])])
    part = flat.double() - middle
    return part.t() @ part, middle


def normalize(
    basis: Tensor, mean: Tensor, variance: Tensor, weight: Tensor | None, bias: Tensor | None, eps: float
) -> Tensor:
    """The basis of the channels after batch normalization with these statistics, and with its affine part if any."""
    scale = torch.rsqrt(variance.double() + eps)
    if weight is not None:
        scale = scale * weight.double()
    shift = -mean.double() * scale
    if bias is not None:
        shift = shift + bias.double()
    wide = basis.double() * scale.unsqueeze(1)
    return torch.cat([wide[:, :-1], wide[:, -1:] + shift.unsqueeze(1)], 1).to(basis.dtype)
