"""What a layer costs, rebuilt or on some of its factors."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from torch import nn

from frformat.torch.factorization.factors import Factors, Side, Sides

THIN: Final = 16
"""An operation on fewer channels takes about as long as on so many."""

BYTE: Final = 4
CALL: Final = 250_000
"""Multiply-adds that a core does while it moves a byte, and while an operation is called (a few microseconds)."""


@dataclass(frozen=True)
class Cost:
    """What one run of a layer takes.

    Attributes:
        multiply_adds: counted exactly, those that make the core included.
        bytes_moved: weights and values, each read or written once by each operation.
        peak_bytes: the most that is alive at once: the weights, and an operation's inputs and outputs.
        weight_bytes: what is resident between runs.
        effort: how long it takes, in multiply-adds of a large matrix product.
    """

    multiply_adds: int
    bytes_moved: int
    peak_bytes: int
    weight_bytes: int
    effort: float

    def __add__(self, other: Cost) -> Cost:
        return Cost(
            self.multiply_adds + other.multiply_adds,
            self.bytes_moved + other.bytes_moved,
            max(self.peak_bytes, other.peak_bytes),
            self.weight_bytes,
            self.effort + other.effort,
        )


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
    """What fusion makes of the values around a layer: thin ones never exist whole outside of a processor's cache.

    Attributes:
        thin_inputs: whether its inputs are.
        thin_outputs: whether its outputs are.
    """

    thin_inputs: bool = False
    thin_outputs: bool = False


def cost(
    layer: nn.Module, factors: Factors | None, sides: Sides | None, run: Run, around: Surroundings, itemsize: int
) -> Cost:
    """The cost of one run.

    Args:
        layer: the plain layer.
        factors: of its weight; None only with ``sides`` None.
        sides: which bases are factors; None for the layer with its rebuilt weight.
        run: its input and output.
        around: whether these are thin.
        itemsize: bytes of an element.
    """
    steps, building, resident = _steps(layer, factors, sides, run)
    work, elements, peak = float(building), 0, 0
    for i, step in enumerate(steps):
        work += step.pixels * math.prod(max(n, THIN) for n in step.channels) * step.groups * step.taps
        read, written = step.read, step.written
        if i == 0 and around.thin_inputs and (step.taps == 1):
            read = 0
        if i + 1 == len(steps) and around.thin_outputs and "out" in (sides or ()):
            written = 0
        elements += read + step.weights + written
        peak = max(peak, read + written)
    multiply_adds = building + sum(step.pixels * math.prod(step.channels) * step.groups * step.taps for step in steps)
    calls = len(steps) + (0 if sides is None or factors is None else 2 + len(factors.box))
    return Cost(
        multiply_adds,
        elements * itemsize,
        (peak + resident) * itemsize,
        resident * itemsize,
        work + BYTE * elements * itemsize + CALL * calls,
    )


def choices(factors: Factors) -> list[Sides]:
    """Every set of bases that can be factors, but for none."""
    there: list[Side] = [side for side in ("into", "out") if factors.has(side)]
    return [(side,) for side in there] + ([tuple(there)] if len(there) == 2 else [])


@dataclass(frozen=True)
class _Step:
    """One product: of so many pixels, with (in, out) channels of each group, at so many places of a kernel."""

    pixels: int
    channels: tuple[int, int]
    groups: int
    read: int
    written: int
    weights: int
    taps: int = 1


def _steps(layer: Any, factors: Factors | None, sides: Sides | None, run: Run) -> tuple[list[_Step], int, int]:
    """The products, the multiply-adds of making the core, and the elements that are resident."""
    linear = isinstance(layer, nn.Linear)
    groups, taps = (1, 1) if linear else (layer.groups, math.prod(_ints(layer.kernel_size)))
    inputs, outputs = (layer.in_features, layer.out_features) if linear else (layer.in_channels, layer.out_channels)
    before, after = math.prod(run.before) // max(inputs, 1), math.prod(run.after) // max(outputs, 1)
    inner = before if getattr(layer, "transposed", False) else after
    into = outward = None
    if sides is not None and factors is not None:
        into = factors.rank("into") if "into" in sides else None
        outward = factors.rank("out") if "out" in sides else None
    entering = inputs // groups if into is None else into
    leaving = outputs // groups if outward is None else outward
    steps = []
    if into is not None and factors is not None:
        channels = (inputs // groups, into)
        steps.append(
            _Step(before, channels, groups, before * inputs, before * groups * into, factors.length("into") * into)
        )
    core = entering * leaving * taps * groups
    steps.append(
        _Step(inner, (entering, leaving), groups, before * groups * entering, after * groups * leaving, core, taps)
    )
    if outward is not None and factors is not None:
        channels = (outward, outputs // groups)
        steps.append(
            _Step(after, channels, groups, after * groups * outward, after * outputs, factors.length("out") * outward)
        )
    if sides is None or factors is None:
        return steps, 0, inputs * outputs // groups * taps
    tables = sum(
        n * r for axis, (n, r) in enumerate(zip(factors.axes.lengths, factors.box, strict=True))
        if not any(axis in factors.axes_of(side) for side in sides)
    )  # fmt: skip
    bases = sum(factors.length(side) * factors.rank(side) for side in sides)
    return steps, factors.building(sides), 3 * factors.kept + tables + bases


def _ints(extent: Sequence[int] | int) -> Sequence[int]:
    return extent if isinstance(extent, Sequence) else (extent,)
