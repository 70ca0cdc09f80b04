"""Estimate the cost and the time of running a layer with its rebuilt weight or on some of its factors."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from torch import nn

from frformat.torch.lowrank.factors import Matrices, Modes
from frformat.torch.lowrank.tucker_factors import AnyFactors

THIN: Final = 16
"""An operation on fewer channels takes about as long as one on this many."""

BYTE: Final = 4
CALL: Final = 250_000
"""Number of multiply-adds that a processor core performs in the time it takes to move one byte, and in the time that
calling an operation takes (a few microseconds)."""


@dataclass(frozen=True)
class Cost:
    """The cost of inference.

    Attributes:
        numbers: number of parameters used: coefficients, and parameters that are not regularized.
        multiply_adds: number of multiply-adds in matrix products and convolutions, including those that rebuild weights
            or compute cores.
        bytes_moved: weights and values, each counted once for each operation that reads or writes it.
        weight_bytes: size of the parameters and tables that are resident between runs.
        peak_bytes: peak size of all tensors in use: resident ones, activations, and rebuilt weights, but not the
            internal buffers of operators.
    """

    numbers: int
    multiply_adds: int
    bytes_moved: int
    weight_bytes: int
    peak_bytes: int

    @classmethod
    def of_layers(cls, costs: Iterable[Cost]) -> Cost:
        """Return the cost of several layers that run one after the other."""
        costs = list(costs)
        return cls(
            sum(cost.numbers for cost in costs),
            sum(cost.multiply_adds for cost in costs),
            sum(cost.bytes_moved for cost in costs),
            sum(cost.weight_bytes for cost in costs),
            max((cost.peak_bytes for cost in costs), default=0),
        )

    @classmethod
    def of_runs(cls, costs: Sequence[Cost]) -> Cost:
        """Return the cost of one or more runs of one layer, one after the other."""
        whole = cls.of_layers(costs)
        return cls(costs[0].numbers, whole.multiply_adds, whole.bytes_moved, costs[0].weight_bytes, whole.peak_bytes)


class Estimate(NamedTuple):
    """The estimated cost of a layer.

    Attributes:
        cost: numbers of parameters, multiply-adds and bytes.
        effort: the time it takes, in multiply-adds of a large matrix product.
    """

    cost: Cost
    effort: float


@dataclass(frozen=True)
class Run:
    """One call of a layer in the example.

    Attributes:
        before: shape of the input.
        after: shape of the output.
    """

    before: tuple[int, ...]
    after: tuple[int, ...]


@dataclass(frozen=True)
class Surroundings:
    """The effect of fusion on the values around a layer. Thin values never exist as a whole outside the cache.

    Attributes:
        thin_inputs: whether its inputs are thin.
        thin_outputs: whether its outputs are thin.
    """

    thin_inputs: bool = False
    thin_outputs: bool = False


@dataclass(frozen=True)
class Product:
    """The product of every pixel's channels with a matrix, or with one matrix for each kernel position.

    Attributes:
        pixels: number of pixels.
        entering: input channels of each group.
        leaving: output channels of each group.
        groups: groups of channels, each with its own matrix.
        taps: number of kernel positions.
        before: pixels of the input; None means ``pixels``.
        after: pixels of the output; None means ``pixels``.
    """

    pixels: int
    entering: int
    leaving: int
    groups: int = 1
    taps: int = 1
    before: int | None = None
    after: int | None = None

    @property
    def multiply_adds(self) -> int:
        """Number of multiply-adds."""
        return self.pixels * self.entering * self.leaving * self.groups * self.taps

    @property
    def work(self) -> int:
        """Number of multiply-adds of a large product that would take as long as this one."""
        return self.pixels * max(self.entering, THIN) * max(self.leaving, THIN) * self.groups * self.taps

    @property
    def read(self) -> int:
        """Number of input elements."""
        return (self.pixels if self.before is None else self.before) * self.groups * self.entering

    @property
    def written(self) -> int:
        """Number of output elements."""
        return (self.pixels if self.after is None else self.after) * self.groups * self.leaving


def products(layer: nn.Module, factors: AnyFactors | None, modes: Modes, before: int, after: int) -> list[Product]:
    """Return the products of a layer in one run: the basis of each mode that stays a factor, and the core between them.

    Args:
        layer: the plain layer, a linear one or a convolution.
        factors: the factors of its weight; can be None only without ``modes``.
        modes: the bases that stay factors; none for the layer with its rebuilt weight.
        before: pixels of the input, summed over all samples.
        after: pixels of the output, summed over all samples.
    """
    inputs, outputs, groups, taps = _extents(layer)
    entering, leaving = inputs // groups, outputs // groups
    into = factors.rank("into") if factors is not None and "into" in modes else entering
    outward = factors.rank("out") if factors is not None and "out" in modes else leaving
    inner = before if getattr(layer, "transposed", False) else after
    found = [Product(inner, into, outward, groups, taps, before, after)]
    if "into" in modes:
        found.insert(0, Product(before, entering, into, groups))
    if "out" in modes:
        found.append(Product(after, outward, leaving, groups))
    return found


def estimate(
    layer: nn.Module, factors: AnyFactors | None, modes: Modes | None, run: Run, around: Surroundings, itemsize: int
) -> Estimate:
    """Estimate the cost of one run.

    Args:
        layer: the plain layer.
        factors: the factors of its weight; can be None only if ``modes`` is None.
        modes: the bases that stay factors; None for the layer with its rebuilt weight.
        run: its input and output.
        around: whether its input and output are thin.
        itemsize: size of an element in bytes.
    """
    inputs, outputs, groups, taps = _extents(layer)
    before, after = math.prod(run.before) // max(inputs, 1), math.prod(run.after) // max(outputs, 1)
    steps = products(layer, factors, modes or (), before, after)
    if modes is None or factors is None:
        numbers = resident = weights = inputs * outputs // groups * taps
        building, calls = list[Matrices](), len(steps)
    else:
        core = next(step for step in steps if step.before is not None)
        numbers, resident = factors.kept, factors.resident(modes)
        weights = core.entering * core.leaving * taps * groups + sum(map(factors.elements, modes))
        building, calls = factors.building(modes), len(steps) + factors.operations()
    first, last = steps[0], steps[-1]
    unread = first.read if around.thin_inputs and first.taps == 1 else 0
    unwritten = last.written if around.thin_outputs and "out" in (modes or ()) else 0
    moved = weights + sum(step.read + step.written for step in steps) - unread - unwritten
    most = max(
        step.read + step.written - (unread if step is first else 0) - (unwritten if step is last else 0)
        for step in steps
    )
    cost = Cost(
        numbers,
        sum(map(math.prod, building)) + sum(step.multiply_adds for step in steps),
        moved * itemsize,
        resident * itemsize,
        (most + resident) * itemsize,
    )
    work = sum(map(_work, building)) + sum(step.work for step in steps)
    return Estimate(cost, work + BYTE * cost.bytes_moved + CALL * calls)


def _work(product: Matrices) -> int:
    """Return the number of multiply-adds of a large product that would take as long as this one.

    Without further axes, the matrices are the rows of a single product.
    """
    after = 1 if product.after == 1 else max(product.after, THIN)
    return product.batch * max(product.n, THIN) * max(product.r, THIN) * after


def _extents(layer: Any) -> tuple[int, int, int, int]:
    """Return the input channels, output channels, groups and kernel positions of a layer."""
    if isinstance(layer, nn.Linear):
        return layer.in_features, layer.out_features, 1, 1
    return layer.in_channels, layer.out_channels, layer.groups, math.prod(layer.kernel_size)
