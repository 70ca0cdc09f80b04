# ruff: noqa: RUF005, B905 — TorchScript has no unpacking and no strict, and does not understand postponed annotations of
# a NamedTuple.
"""Pass thin values through an activation: expand them to all channels and project back, a block of pixels at a time.

The channels of one block fit into a processor's second-level cache, and only one block's channels exist at a time.
"""

from typing import Final, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from frformat.torch.lowrank.algebra import apply_basis, is_recorded
from frformat.torch.lowrank.threads import in_parallel

BLOCK: Final = 1 << 17
"""Number of elements in a block: 512 KiB of float32."""


class Pass(NamedTuple):
    """The operations between thin inputs and thin results.

    Attributes:
        activation: see :func:`activate`.
        limits: see :func:`activate`.
        projections: matrices (r', n) from all channels to thin values, one for each result.
        pooled: for each projection, whether it projects the maxima over every ``window``.
        window: extent of the windows along each pixel axis; they are adjacent.
        last: whether channels are the last axis; pooling is not possible then.
    """

    activation: str
    limits: list[float]
    projections: list[Tensor]
    pooled: list[bool]
    window: list[int]
    last: bool


def stream(z: Tensor, basis: Tensor, how: Pass, block: int = BLOCK) -> list[Tensor]:
    """Compute ``projection @ activation(basis @ z)`` for several projections, of the channels or of their maxima.

    If a gradient is needed, or a compiler or tracer records the call, all channels are computed together.

    Args:
        z: thin values: (…, r) if channels are the last axis, else (N, r, …).
        basis: (n, r).
        how: activation, pooling and projections.
        block: number of elements in a block.

    Returns:
        For each projection, thin values (…, r') or (N, r', …), the latter with channels last in memory.
    """
    whole = z.requires_grad or basis.requires_grad
    for projection in how.projections:
        whole = whole or projection.requires_grad
    whole = (whole and torch.is_grad_enabled()) or is_recorded()
    return _whole(z, basis, how) if whole else _blocks(z, basis, how, block)


def activate(y: Tensor, name: str, limits: list[float]) -> Tensor:
    """Apply an activation, in place if possible.

    Args:
        y: any values.
        name: the activation, named like PyTorch's function.
        limits: for ``hardtanh``, its two limits; for ``leaky_relu`` and ``elu``, a list whose first number is their
            parameter; ignored otherwise.
    """
    if name == "relu":
        return y.relu_()
    if name == "hardtanh":
        return y.clamp_(limits[0], limits[1])
    if name == "leaky_relu":
        return F.leaky_relu_(y, limits[0])
    if name == "elu":
        return F.elu_(y, limits[0])
    if name == "sigmoid":
        return y.sigmoid_()
    if name == "tanh":
        return y.tanh_()
    if name == "silu":
        return F.silu(y, inplace=True)
    if name == "hardswish":
        return F.hardswish(y, inplace=True)
    if name == "gelu":
        return F.gelu(y)
    if name == "gelu_tanh":
        return F.gelu(y, approximate="tanh")
    assert name == "identity", name
    return y


def _whole(z: Tensor, basis: Tensor, how: Pass) -> list[Tensor]:
    """Compute the results of :func:`stream` differentiably, with all channels of all pixels in memory."""
    y = activate(apply_basis(z, basis, how.last), how.activation, how.limits)
    out: list[Tensor] = []
    for i, projection in enumerate(how.projections):
        x = pool(y, how.window) if how.pooled[i] else y
        out.append(apply_basis(x, projection, how.last))
    return out


def pool(x: Tensor, window: list[int]) -> Tensor:
    """Return the maxima over adjacent windows."""
    if len(window) == 1:
        return F.max_pool1d(x, window)
    return F.max_pool2d(x, window) if len(window) == 2 else F.max_pool3d(x, window)


class _Work(NamedTuple):
    """The input of the blocks, and the destination of their results.

    Attributes:
        pixels: (…, r).
        basis: (n, r).
        activation: see :func:`activate`.
        limits: see :func:`activate`.
        to_all: projections of all pixels: (r', n), or no rows.
        to_maxima: projections of the maxima: (r", n), or no rows.
        out: destination, (…, r').
        maxima: destination, (… windows, r").
        windows: extent of the windows along each axis of the pixels.
        box: extent of a block along each axis of the pixels, in whole windows.
    """

    pixels: Tensor
    basis: Tensor
    activation: str
    limits: list[float]
    to_all: Tensor
    to_maxima: Tensor
    out: Tensor
    maxima: Tensor
    windows: list[int]
    box: list[int]


def _blocks(z: Tensor, basis: Tensor, how: Pass, block: int) -> list[Tensor]:
    pixels = z if how.last else z.movedim(1, -1)
    size = list(pixels.shape[:-1])
    plain: list[Tensor] = [basis.new_empty([0, basis.shape[0]])]
    few: list[Tensor] = [basis.new_empty([0, basis.shape[0]])]
    for i, projection in enumerate(how.projections):
        if how.pooled[i]:
            few.append(projection)
        else:
            plain.append(projection)
    to_all, to_maxima = torch.cat(plain), torch.cat(few)
    pooling = len(few) > 1
    grid = pixels if pooling else pixels.reshape(-1, pixels.shape[-1])
    extent, windows = list(grid.shape[:-1]), [1] + how.window if pooling else [1]
    out = pixels.new_empty(extent + [to_all.shape[0]])
    maxima = pixels.new_empty([n // k for n, k in zip(extent, windows)] + [to_maxima.shape[0]])
    box, blocks = _divide(extent, windows, block // basis.shape[0])
    activation, limits = how.activation, how.limits
    if torch.jit.is_scripting() and activation == "relu":  # type: ignore[attr-defined]
        activation, limits = "hardtanh", [0.0, float("inf")]  # PyTorch Mobile does not vectorize relu_ on x86-64
    work = _Work(grid, basis, activation, limits, to_all, to_maxima, out, maxima, windows, box)
    if torch.jit.is_scripting():  # type: ignore[attr-defined]
        _run(work, 0, blocks)
    else:
        _run_in_parallel(work, blocks)

    everywhere = out.reshape(size + [to_all.shape[0]])
    results: list[Tensor] = []
    at, at_maxima = 0, 0
    for i, projection in enumerate(how.projections):
        rank = projection.shape[0]
        if how.pooled[i]:
            part = maxima.narrow(-1, at_maxima, rank)
            at_maxima += rank
        else:
            part = everywhere.narrow(-1, at, rank)
            at += rank
        results.append(part if how.last else part.movedim(-1, 1))
    return results


def _divide(extent: list[int], windows: list[int], most: int) -> tuple[list[int], int]:
    """Divide pixels into blocks that consist of whole windows, and that are contiguous if windows allow it.

    Args:
        extent: number of pixels along each axis.
        windows: see :class:`_Work`.
        most: number of pixels that a block may have, unless a single window has more.

    Returns:
        The extent of a block along each axis, and the number of blocks.
    """
    box = list(windows)
    pixels, blocks = 1, 1
    for n in windows:
        pixels *= n
    for back in range(1, len(extent) + 1):
        n, k = extent[-back], windows[-back]
        count = max(1, min(most // pixels, (n + k - 1) // k))
        box[-back] = count * k
        pixels *= count
        blocks *= (n + count * k - 1) // (count * k)
    return box, blocks


def _run(work: _Work, first: int, end: int) -> None:
    """Compute blocks ``first`` … ``end`` − 1."""
    for i in range(first, end):
        _run_block(work, i)


def _run_block(work: _Work, i: int) -> None:
    z, out, maxima = work.pixels, work.out, work.maxima
    for axis, extent in enumerate(work.box):
        n, k = work.pixels.shape[axis], work.windows[axis]
        blocks = (n + extent - 1) // extent
        if blocks > 1:
            start = i % blocks * extent
            length = min(extent, n - start)
            i = i // blocks
            z, out = z.narrow(axis, start, length), out.narrow(axis, start, length)
            maxima = maxima.narrow(axis, start // k, length // k)
    # Products with pixels as rows: for so few columns, XNNPACK, which PyTorch Mobile uses for ``linear`` alone, and MKL
    # are about three times as fast as with pixels as columns.
    y = activate(F.linear(z.reshape(-1, z.shape[-1]), work.basis), work.activation, work.limits)
    if out.numel() > 0:
        out.copy_(F.linear(y, work.to_all).view(out.shape))
    if maxima.numel() > 0:
        most = _maxima(y.view(list(z.shape[:-1]) + [y.shape[1]]), work.windows)
        maxima.copy_(F.linear(most, work.to_maxima))


def _maxima(y: Tensor, windows: list[int]) -> Tensor:
    """Return the maxima of (…, n) over adjacent windows, leaving out incomplete ones."""
    if torch.jit.is_scripting():  # type: ignore[attr-defined]
        # XNNPACK, which PyTorch Mobile uses for ``max_pool2d``, is vectorized; ``maximum`` is not on x86-64.
        shape = list(y.shape)
        rows = y.reshape([-1] + shape[-3:]).movedim(-1, 1)
        y = F.max_pool2d(rows, windows[-2:]).movedim(1, -1)
        y = y.reshape(shape[:-3] + list(y.shape[-3:]))
        windows = windows[:-2] + [1, 1]
    for axis, k in enumerate(windows):
        if k > 1:
            shape = list(y.shape)
            count = shape[axis] // k
            parts = y.narrow(axis, 0, count * k).view(shape[:axis] + [count, k] + shape[axis + 1 :])
            y = torch.maximum(parts.select(axis + 1, 0), parts.select(axis + 1, 1))
            for i in range(2, k):
                torch.maximum(y, parts.select(axis + 1, i), out=y)
    return y


@torch.jit.unused
def _run_in_parallel(work: _Work, blocks: int) -> None:
    """Compute all blocks."""

    def some(first: int, end: int) -> None:
        _run(work, first, end)

    in_parallel(blocks, some)
