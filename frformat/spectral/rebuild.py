"""Rebuild tensors: multiply a core along each axis by a basis (specification, section 8).

Axes with an ``identity`` basis cost nothing: they are batch axes for the other axes, and large tensors are processed in
chunks along one of them. All other axes but one are contracted on small float64 arrays. The last contraction writes
each element of the output once, in blocks that stay in the processor's cache.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray

from frformat.dtypes import rounded
from frformat.spectral.bases import Basis, Identity, Kronecker
from frformat.spectral.bases.base import TABLE
from frformat.spectral.products import BLOCK, multiply

Array = NDArray[Any]
Part = tuple[slice, ...]

CHUNK: Final = 1 << 18
"""Number of output elements that are rebuilt together, if there is a batch axis to split."""

SMALL: Final = 64
"""Adjacent axes with at most this many elements together are contracted as one."""


class Core(Protocol):
    """The canonical values of a core, read in parts. A NumPy array can serve as a core."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Number of entries on each axis."""

    def __getitem__(self, part: Part, /) -> Array:
        """Return the values of a corner-aligned part as an array of the part's shape."""


def rebuild(core: Core, bases: Sequence[Basis], out: Array, *, scratch: bool = False) -> None:
    """Multiply a core by its bases.

    Args:
        core: its shape is the ``count`` of each basis.
        bases: one for each axis.
        out: C-contiguous array whose shape is the ``length`` of each basis; every element is overwritten. Its dtype is
            float16, bfloat16, float32 or float64, unless all bases select.
        scratch: whether the core is an array that can be overwritten, which saves the memory of a copy.

    If all bases select, the result is exact. If at most one term contributes to an element and no cosine does, the
    element is the product rounded once. Otherwise, its error is at most 1e-6 times the largest element of the float64
    reference (or times the largest sum of magnitudes, if a basis is not orthonormal), plus the rounding to the dtype.
    """
    if out.size == 0:
        return
    corner = tuple(slice(0, basis.count) if basis.selects else slice(None) for basis in bases)
    target = out[corner] if bases else out
    if target.size < out.size or 0 in core.shape:
        out.reshape(-1).view(np.uint8)[:] = 0
    if 0 in core.shape:
        return
    with np.errstate(over="ignore"):  # numbers beyond the dtype's range become infinity
        if all(basis.selects for basis in bases):
            for part in tiles(target.shape, BLOCK):
                target[part] = core[part]
        elif _is_product(bases):
            _write_products(core, bases, target)
        else:
            _contract(core, [_cut(basis) for basis in bases], target, scratch)


def working_memory(bases: Sequence[Basis]) -> int:
    """Return the peak memory of :func:`rebuild` in bytes, besides the core and the output."""
    if any(basis.count == 0 for basis in bases):
        return 0
    if all(basis.selects for basis in bases) or _is_product(bases):
        return 8 * 4 * BLOCK + sum(basis.memory for basis in bases if not basis.selects)
    lengths = [basis.count if basis.selects else basis.length for basis in bases]
    axis, step = _chunks(bases, math.prod(lengths))
    if axis is not None:
        lengths[axis] = step
    chunk = math.prod(lengths)
    size = math.prod(length if i == axis else basis.count for i, (basis, length) in enumerate(zip(bases, lengths)))  # noqa: B905
    steps = _order(_merged([_cut(basis) for basis in bases]))
    peak = 2 * size  # the operand and a copy of it
    for basis in steps[:-1]:
        grown = size * basis.length // basis.count
        peak = max(peak, 2 * size + grown)
        size = grown
    peak = max(peak, 2 * size)
    whole = math.prod(basis.length for basis in bases)
    apart = chunk if axis or math.prod(lengths) < whole else 0  # a buffer if the output is not contiguous
    return 8 * (peak + apart + 2 * BLOCK) + max(basis.memory for basis in steps)


def tiles(shape: Sequence[int], size: int) -> Iterator[Part]:
    """Yield parts of about ``size`` elements that cover an array in row-major order."""
    axis, inner = len(shape), 1
    while axis and inner * shape[axis - 1] <= size:
        axis -= 1
        inner *= shape[axis]
    whole = tuple(slice(0, n) for n in shape[axis:])
    if not axis:
        yield whole
        return
    n, step = shape[axis - 1], max(1, size // inner)
    for index in np.ndindex(*shape[: axis - 1]):
        single = tuple(slice(i, i + 1) for i in index)
        for start in range(0, n, step):
            yield (*single, slice(start, min(start + step, n)), *whole)


def _is_product(bases: Sequence[Basis]) -> bool:
    """Return whether each element is a single product that is the same on every machine, bit for bit."""
    return all(basis.selects or (basis.count == 1 and basis.exact) for basis in bases)


def _write_products(core: Core, bases: Sequence[Basis], out: Array) -> None:
    rank = len(bases)
    for part in tiles(out.shape, BLOCK):
        pairs = list(zip(bases, part, strict=True))
        held = tuple(at if basis.selects else slice(0, 1) for basis, at in pairs)
        product = core[held].astype(np.float64)
        for axis, (basis, at) in enumerate(pairs):
            if not basis.selects:
                column = basis.rows(at.start, at.stop)
                product = product * column.reshape((-1,) + (1,) * (rank - 1 - axis))
        out[part] = rounded(product, out.dtype)


def _cut(basis: Basis) -> Basis:
    """Return the basis without the axis elements that are zero."""
    return Identity(basis.count, basis.count) if basis.selects else basis


def _chunks(bases: Sequence[Basis], size: int) -> tuple[int | None, int]:
    """Return the batch axis to split into chunks of ``size`` elements, if any, and the extent of a chunk on it."""
    axis = max(range(len(bases)), key=lambda a: bases[a].selects * bases[a].count, default=0)
    if bases[0].selects and bases[0].count * CHUNK >= size:
        axis = 0  # so that chunks of the output are contiguous
    if not bases[axis].selects or size <= CHUNK:
        return None, 0
    return axis, max(1, bases[axis].count * CHUNK // size)


def _contract(core: Core, bases: list[Basis], out: Array, scratch: bool) -> None:
    """Contract chunk by chunk. Bases that select must be square; see :func:`_cut`."""
    axis, step = _chunks(bases, out.size)
    whole = tuple(slice(0, basis.count) for basis in bases)
    if axis is None:
        _contract_chunk(core[whole], bases, out, scratch)
        return
    for start in range(0, bases[axis].count, step):
        at = slice(start, min(start + step, bases[axis].count))
        bases[axis] = Identity(at.stop - start, at.stop - start)
        chunk = (*whole[:axis], at, *whole[axis + 1 :])
        _contract_chunk(core[chunk], bases, out[(slice(None),) * axis + (at,)], scratch)
        bases[axis] = Identity(whole[axis].stop, whole[axis].stop)


def _contract_chunk(core: Array, bases: Sequence[Basis], out: Array, scratch: bool) -> None:
    axes = _merged(bases)
    if not out.flags.c_contiguous:
        block = np.empty(out.shape, out.dtype)
        _contract_chunk(core, bases, block, scratch)
        out[...] = block
        return
    shape = [basis.count for basis in axes]
    found = np.ascontiguousarray(core, np.float64)
    scratch = scratch or found is not core
    *steps, last = _order(axes)
    cancels = any(basis.cancels for basis in axes)
    for basis in steps:
        at = axes.index(basis)
        source = found.reshape(math.prod(shape[:at]), basis.count, math.prod(shape[at + 1 :]))
        shape[at] = basis.length
        if not (scratch and basis.by_lines and basis.length == basis.count):
            found = np.empty(shape)
            scratch = True
        multiply(basis, source, found.reshape(source.shape[0], basis.length, source.shape[2]), cancels)
    at = axes.index(last)
    source = found.reshape(math.prod(shape[:at]), last.count, math.prod(shape[at + 1 :]))
    multiply(last, source, out.reshape(source.shape[0], last.length, source.shape[2]), cancels)


def _merged(bases: Sequence[Basis]) -> list[Basis]:
    """Merge adjacent batch axes into one, and adjacent small axes into one."""
    axes: list[Basis] = []
    for basis in bases:
        if basis.changes_nothing:
            continue
        before = axes[-1] if axes else None
        if before is not None and before.selects and basis.selects:
            axes[-1] = Identity(before.length * basis.length, before.count * basis.count)
        elif before is not None and before.length * basis.length <= SMALL:
            axes[-1] = Kronecker(before, basis)
        else:
            axes.append(basis)
    return axes


def _order(axes: Sequence[Basis]) -> list[Basis]:
    """Return the order of contraction: the axis with the smallest share of columns goes last.

    This keeps the intermediate arrays small. If they are small anyway, the first axis goes last, so that whole rows of
    the output are written.
    """
    steps = sorted((basis for basis in axes if not basis.selects), key=lambda basis: basis.length / basis.count)
    first = axes[0]
    if not first.selects and 64 * first.count <= first.length:
        steps = [*(basis for basis in steps if basis is not first), first]
    return steps


__all__ = ["TABLE", "Core", "rebuild", "tiles", "working_memory"]
