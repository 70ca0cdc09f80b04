# ruff: noqa: RUF005, B905, PERF401 — TorchScript has no unpacking, no strict and no generators, and does not understand
# postponed annotations of a NamedTuple.
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
        coarse: (windows, pixels of a window, r).
        basis: (n, r).
        activation: see :func:`activate`.
        limits: see :func:`activate`.
        to_all: projections of all pixels: (r', n), or no rows.
        to_maxima: projections of the maxima: (r", n), or no rows.
        out: destination, (windows, pixels of a window, r').
        maxima: destination, (windows, r").
        step: number of windows in a block.
    """

    coarse: Tensor
    basis: Tensor
    activation: str
    limits: list[float]
    to_all: Tensor
    to_maxima: Tensor
    out: Tensor
    maxima: Tensor
    step: int


def _blocks(z: Tensor, basis: Tensor, how: Pass, block: int) -> list[Tensor]:
    pixels = z if how.last else z.movedim(1, -1)
    size = list(pixels.shape)
    extent = [1] * (len(size) - 1)  # windows along every axis but the last; single pixels without pooling
    plain: list[Tensor] = [basis.new_empty([0, basis.shape[0]])]
    few: list[Tensor] = [basis.new_empty([0, basis.shape[0]])]
    for i, projection in enumerate(how.projections):
        if how.pooled[i]:
            few.append(projection)
            extent = [1] + how.window
        else:
            plain.append(projection)
    to_all, to_maxima = torch.cat(plain), torch.cat(few)

    # Pixels are reordered by window, so that maxima are taken over a few contiguous rows.
    phases = 1
    for n in extent:
        phases *= n
    coarse, tiles = _tile(pixels, extent) if phases > 1 else (pixels.reshape(-1, 1, size[-1]), size[:-1])
    count = coarse.shape[0]
    out = coarse.new_empty([count, phases, to_all.shape[0]])
    maxima = coarse.new_empty([count, to_maxima.shape[0]])
    step = max(1, block // (basis.shape[0] * phases))
    work = _Work(coarse, basis, how.activation, how.limits, to_all, to_maxima, out, maxima, step)
    blocks = (count + step - 1) // step
    if torch.jit.is_scripting():  # type: ignore[attr-defined]
        _run(work, 0, blocks)
    else:
        _run_in_parallel(work, blocks)

    everywhere = out.reshape(size[:-1] + [to_all.shape[0]]) if phases == 1 else _untile(out, tiles, extent, size)
    pooled_size = [n // k for n, k in zip(size[:-1], extent)]
    maximal = maxima.reshape(tiles + [to_maxima.shape[0]])
    for axis, n in enumerate(pooled_size):
        maximal = maximal.narrow(axis, 0, n)
    results: list[Tensor] = []
    at, at_maxima = 0, 0
    for i, projection in enumerate(how.projections):
        rank = projection.shape[0]
        if how.pooled[i]:
            part = maximal.narrow(-1, at_maxima, rank)
            at_maxima += rank
        else:
            part = everywhere.narrow(-1, at, rank)
            at += rank
        results.append(part if how.last else part.movedim(-1, 1))
    return results


def _run(work: _Work, first: int, end: int) -> None:
    """Compute blocks ``first`` … ``end`` − 1."""
    basis, step = work.basis, work.step
    n, phases = basis.shape[0], work.coarse.shape[1]
    memory = work.coarse.new_empty([n * phases * step])
    for i in range(first, end):
        z = work.coarse[i * step : (i + 1) * step]
        windows = z.shape[0]
        y = memory[: n * phases * windows].view(n, phases * windows)
        torch.mm(basis, z.transpose(0, 1).reshape(phases * windows, -1).t(), out=y)
        y = activate(y, work.activation, work.limits)
        if work.to_all.shape[0] > 0:
            part = (work.to_all @ y).view(-1, phases, windows)
            work.out[i * step : i * step + windows] = part.permute(2, 1, 0)
        if work.to_maxima.shape[0] > 0:
            by_phase = y.view(n, phases, windows)
            most = by_phase[:, 0]
            for phase in range(1, phases):
                torch.maximum(most, by_phase[:, phase], out=most)
            work.maxima[i * step : i * step + windows] = (work.to_maxima @ most).t()


@torch.jit.unused
def _run_in_parallel(work: _Work, blocks: int) -> None:
    """Compute all blocks."""

    def some(first: int, end: int) -> None:
        _run(work, first, end)

    in_parallel(blocks, some)


def _tile(pixels: Tensor, extent: list[int]) -> tuple[Tensor, list[int]]:
    """Reorder pixels (n0, n1, …, r) into windows; return them and the number of windows along each axis.

    The shape is (windows, pixels of a window, r). Incomplete windows are padded with zeros.
    """
    tiles: list[int] = []
    pad = [0, 0]
    shape: list[int] = []
    order: list[int] = []
    for axis, k in enumerate(extent):
        n = pixels.shape[axis]
        tiles.append((n + k - 1) // k)
        pad = pad[:2] + [0, tiles[axis] * k - n] + pad[2:]
        shape += [tiles[axis], k]
        order.append(2 * axis)
    for axis in range(len(extent)):
        order.append(2 * axis + 1)
    rank = pixels.shape[-1]
    phases = 1
    for k in extent:
        phases *= k
    padded = F.pad(pixels, pad).reshape(shape + [rank]).permute(order + [2 * len(extent)])
    return padded.reshape(-1, phases, rank), tiles


def _untile(windows: Tensor, tiles: list[int], extent: list[int], size: list[int]) -> Tensor:
    """Invert :func:`_tile`, except that the number of coefficients is that of ``windows``."""
    rank, axes = windows.shape[-1], len(extent)
    order: list[int] = []
    whole: list[int] = []
    for axis in range(axes):
        order += [axis, axes + axis]
        whole.append(tiles[axis] * extent[axis])
    pixels = windows.reshape(tiles + extent + [rank]).permute(order + [2 * axes]).reshape(whole + [rank])
    for axis in range(axes):
        pixels = pixels.narrow(axis, 0, size[axis])
    return pixels.contiguous()
