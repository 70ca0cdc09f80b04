"""Choose quantization steps, and the basis in which weights are rounded."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from frformat.format import quantization
from frformat.spectral import dct
from frformat.torch.compression.forms import Form
from frformat.torch.compression.rounding import feedback

Array = NDArray[Any]
Doubles = NDArray[np.float64]

DAMPING: Final = 0.01
"""Minimum damping of the second moments of inputs, relative to their mean."""

PRUNED: Final = 0.5
"""A tensor counts as pruned if a larger fraction than this is zero. Its zeros stay zero."""

PRUNED_DAMPING: Final = 0.1
"""Damping for pruned tensors. Their zeros cannot compensate for errors of other weights, so these errors cost more."""

LEAST: Final = 0.02
"""Smallest weight of an output's errors, relative to the mean weight of all outputs."""

UNIT: Final = 4
"""Offsets are multiples of this many sixteenths of an octave, because coarser offsets take fewer bits."""

WORTH: Final = 3.0
"""Number of bits per nonzero entry that the ideal step saves if it is one octave away from the mean step. The saving
grows with the square of this distance. In theory, the number is ln 2 if all entries are nonzero; if most are zero, the
steps of the zeros matter, too."""


PRECISION: Final = 22
"""Number of bits of the largest integers."""


@dataclass(frozen=True, eq=False)
class Plan:
    """The quantization of a weight tensor.

    Attributes:
        form: its layout.
        cosines: whether it is rounded and stored in the DCT along its kernel axes.
        level: base-2 logarithm of its mean step at scale 1.
        offsets: for some axes, the number to add to the step code at each index.
        fixed: the step code to use at every scale, if it comes from an older version of the model.
        least: base-2 logarithm of its smallest possible step, see :func:`finest`.
    """

    form: Form
    cosines: bool
    level: float
    offsets: Mapping[int, NDArray[np.int32]]
    fixed: int | None = None
    least: float = -math.inf

    def code(self, scale: float) -> int:
        """Return the step code at a scale."""
        return nearest(max(self.level + math.log2(scale), self.least)) if self.fixed is None else self.fixed

    def scale(self, code: int) -> float:
        """Return the scale that a step code corresponds to."""
        return float(quantization.step(code) / 2.0**self.level)

    def sizes(self, code: int) -> Doubles:
        """Return the step of each entry, in the shape of the tensor."""
        codes = np.full(self.form.shape, code, np.int64)
        for axis, found in self.offsets.items():
            codes += found.reshape([-1 if a == axis else 1 for a in range(codes.ndim)])
        return quantization.steps(codes)

    def transform(self, matrix: Array) -> Array:
        """Transform weight matrices to the basis in which they are rounded."""
        return across_kernel(matrix, self.form, inverse=False) if self.cosines else matrix

    def restore(self, matrix: Array) -> Array:
        """Transform matrices back; the inverse of :meth:`transform`."""
        return across_kernel(matrix, self.form, inverse=True) if self.cosines else matrix

    def moments(self, second: Doubles) -> Doubles:
        """Transform second moments of the inputs to the basis in which weights are rounded."""
        return in_basis(second, self.form) if self.cosines else second


def nearest(logarithm: float) -> int:
    """Return the code of the step whose base-2 logarithm is closest to ``logarithm``."""
    low = math.floor(16 * logarithm) - 2
    codes = np.arange(low, low + 5)
    return int(codes[np.abs(np.log2(quantization.steps(codes)) - logarithm).argmin()])


def finest(entries: Doubles) -> float:
    """Return the base-2 logarithm of the smallest step at which the integers of these entries fit into 32 bits.

    Some bits remain for the offsets of steps and for compensation.
    """
    largest = float(np.abs(entries).max(initial=0.0))
    return math.log2(largest) - PRECISION if largest else -math.inf


def plan(form: Form, cosines: bool, logarithms: Doubles, active: int) -> Plan:
    """Choose the step code and offsets of a tensor.

    Args:
        form: its layout.
        cosines: whether to use its DCT along the kernel axes.
        logarithms: base-2 logarithms of the ideal step of each entry at scale 1, in the shape of the tensor.
        active: approximate number of nonzero entries. If it is small, offsets take more bytes than they save.
    """
    level = float(logarithms.mean())
    offsets = {}
    for axis in range(logarithms.ndim):
        others = tuple(a for a in range(logarithms.ndim) if a != axis)
        found = (logarithms.mean(others) - level) * 16 / UNIT
        gain = WORTH * float(np.var(found * UNIT / 16)) * active
        price = len(found) * (1 + math.log2(1 + 4 * float(found.std())))
        if gain > price:
            offsets[axis] = np.rint(found).astype(np.int32) * UNIT
    return Plan(form, cosines, level, offsets)


def pruned(entries: Array) -> bool:
    """Return whether weights, in the basis in which they are rounded, have been pruned."""
    return float(np.mean(entries == 0)) > PRUNED


def damping(entries: Array, shrinkage: float) -> float:
    """Return the damping of the second moments of inputs.

    Args:
        entries: the weights, in the basis in which they are rounded.
        shrinkage: the share of the moments that is due to chance; see :class:`~.shrinkage.Shrinkage`. Without
            damping, weights would compensate for errors along directions that are missing from the calibration inputs
            only by chance.
    """
    return max(PRUNED_DAMPING if pruned(entries) else DAMPING, shrinkage / (1 - shrinkage))


def ideal(second: Doubles, damping: float, gradients: Doubles, form: Form) -> Doubles:
    """Return the base-2 logarithms, as matrices, of the steps at which all rounding errors cost the same.

    Args:
        second: moments of inputs: (groups, blocks, n, n), or their diagonals (groups, blocks, n).
        damping: amount to add to their diagonals, relative to the mean.
        gradients: moments of the outputs' gradients: (groups, outputs, outputs), or diagonals (groups, outputs).
        form: the layout of the weights.
    """
    costs = 1 / np.square(spread(second, damping)).reshape(form.groups, 1, form.inputs)
    return -0.5 * np.log2(costs * errors(gradients)[:, :, None])


def spread(second: Doubles, damping: float) -> Doubles:
    """Return 1 / √c for each input: (groups, blocks, n).

    Here, c is the cost of an error of 1 after all later entries have compensated for it.
    """
    if second.ndim == 3:
        shares: Doubles = 1 / np.sqrt(second + damping * np.maximum(second.mean(-1, keepdims=True), 1e-30))
        return shares
    found: Doubles = np.diagonal(feedback(second, damping), axis1=-2, axis2=-1)
    return found


def errors(gradients: Doubles) -> Doubles:
    """Return the cost of an error of 1 at each output: (groups, outputs)."""
    diagonal = np.diagonal(gradients, axis1=-2, axis2=-1) if gradients.ndim == 3 else gradients
    return diagonal + max(LEAST * float(diagonal.mean()), 1e-30)


def across_kernel(matrix: Array, form: Form, *, inverse: bool) -> Array:
    """Transform matrices (groups, outputs, inputs) to or from the DCT along the kernel axes."""
    table = _kernel_table(form)
    split = matrix.reshape(*matrix.shape[:2], -1, len(table))
    return (split @ (table if inverse else table.T)).reshape(matrix.shape)


def in_basis(second: Doubles, form: Form) -> Doubles:
    """Transform second moments of inputs to the DCT along the kernel axes."""
    table = _kernel_table(form)
    groups, blocks, n, _ = second.shape
    split = second.reshape(groups, blocks, n // len(table), len(table), n)
    half = np.einsum("fk,gbckn->gbcfn", table, split, optimize=True).reshape(second.shape)
    split = half.reshape(groups, blocks, n, n // len(table), len(table))
    found: Doubles = (split @ table.T).reshape(second.shape)
    return found


def _kernel_table(form: Form) -> Doubles:
    """Return a matrix whose row f is the cosine of frequency f, sampled at all kernel positions."""
    table: Doubles = np.ones((1, 1))
    for n in form.kernel:
        table = np.kron(table, dct.basis(n, n).T).astype(np.float64)
    return table
