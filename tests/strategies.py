"""Hypothesis strategies for tensors, spectra, coded tensors and files of them."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from frformat import Axis, CodedTensor, PerTier, Spectrum
from frformat.dtypes import DTYPES, FORMATS, REAL_DTYPES

shapes = st.lists(st.integers(0, 5), max_size=6).map(tuple)

names = st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc")), min_size=1, max_size=20)

number_formats = st.sampled_from(["auto", "f32", "bf16", "q4", "q8", "q12", "step=0.125", "step=1e-3"])

finite = st.floats(-1e4, 1e4, width=32)

roundable = finite.map(lambda number: number if abs(number) > 1e-30 else 0.0)
"""Numbers that are not too small for any number format."""

seeds = st.integers(0, 2**64 - 1)


@st.composite
def arrays(draw: st.DrawFn) -> np.ndarray:
    """Return arrays of any dtype that the format supports, with arbitrary bytes (only 0 and 1 for bool)."""
    dtype = DTYPES[draw(st.sampled_from(list(DTYPES)))]
    return draw(elements(dtype, draw(shapes)))


@st.composite
def elements(draw: st.DrawFn, dtype: np.dtype, shape: tuple[int, ...]) -> np.ndarray:
    """Return an array of arbitrary bytes."""
    if dtype == np.bool_:
        return draw(hnp.arrays(np.bool_, shape))
    size = math.prod(shape) * dtype.itemsize
    data = draw(st.binary(min_size=size, max_size=size))
    return np.frombuffer(data, dtype).reshape(shape)


@st.composite
def spectra(draw: st.DrawFn, numbers: st.SearchStrategy[float] = finite) -> Spectrum:
    """Return spectra of any shape and view, with any number of coefficients from none to all."""
    shape = draw(shapes)
    count = math.prod(shape)
    k = draw(st.integers(0, count))
    view = draw(st.sampled_from([None, (count,), (1, count, 1)]))
    values = draw(hnp.arrays(np.float32, k, elements=numbers))
    return Spectrum(values, shape, view, draw(st.sampled_from(REAL_DTYPES)))


@st.composite
def factors(draw: st.DrawFn, length: int, rows: int) -> CodedTensor:
    """Return a matrix for a ``stored`` axis: exact, or multiples of steps with or without offsets."""
    more = draw(st.integers(0, 2))
    array = draw(hnp.arrays(np.float32, (rows + more, length), elements=roundable))
    format = draw(st.sampled_from(["exact", "f32", "q8", "q6"]))
    axis = draw(st.sampled_from([None, 0, 1])) if format.startswith("q") else None
    return CodedTensor.of_array(array, format, axis=axis)


@st.composite
def axes(draw: st.DrawFn, length: int, rows: int, ordered: bool) -> Axis:
    """Return a basis for an axis of ``length`` whose core has ``rows`` entries."""
    kind = draw(st.sampled_from(["identity", "dct"] if ordered else ["identity", "dct", "stored", "seeded"]))
    if kind == "stored":
        return Axis(kind, draw(factors(length, rows)))
    return Axis(kind, draw(seeds) if kind == "seeded" else None)


@st.composite
def numbers(draw: st.DrawFn, shape: tuple[int, ...]) -> tuple[np.ndarray, int | None]:
    """Return values of a core: exact in a number format, or integers with a step code."""
    if draw(st.booleans()):
        values = draw(
            hnp.arrays(np.int32, shape, elements=st.integers(-100, 100) | st.integers(-(2**31) + 1, 2**31 - 1))
        )
        return values, draw(st.integers(-300, 300))
    dtype = DTYPES[draw(st.sampled_from(FORMATS))]
    return draw(hnp.arrays(np.float32, shape, elements=st.floats(-100, 100, width=16))).astype(dtype), None


@st.composite
def coded(draw: st.DrawFn, *, whole: bool = False) -> CodedTensor:
    """Return a tensor with any bases: a corner, a zigzag prefix, or a complete core."""
    shape = draw(st.lists(st.integers(0, 4), max_size=4).map(tuple))
    count = math.prod(shape)
    view = draw(st.sampled_from([None, (count,), (1, count, 1)]))
    meant = shape if view is None else view
    ordered = not whole and draw(st.booleans())
    if ordered:
        held: tuple[int, ...] = (draw(st.integers(0, count)),)
        corner = tuple(min(n, held[0]) for n in meant)
    else:
        held = corner = meant if whole else tuple(draw(st.integers(0, n)) for n in meant)
    bases = tuple(draw(axes(n, r, ordered)) for n, r in zip(meant, corner, strict=True))
    values, step = draw(numbers(held))
    with_offsets = step is not None and not ordered
    chosen = [axis for axis in range(len(meant)) if with_offsets and draw(st.booleans())]
    offsets = {axis: draw(hnp.arrays(np.int32, corner[axis], elements=st.integers(-40, 40))) for axis in chosen}
    dtype = draw(st.sampled_from(REAL_DTYPES))
    return CodedTensor(values, shape, dtype, bases, view, ordered, step, offsets)


@st.composite
def per_tier(draw: st.DrawFn, tiers: int) -> PerTier:
    """Return a tensor that differs from tier to tier: elements of any dtype, or a core with or without steps.

    Smaller tiers can have smaller corners.
    """
    if draw(st.booleans()):
        last = draw(arrays())
        others = [draw(elements(last.dtype, last.shape)) for _ in range(tiers - 1)]
        return PerTier([each[part] for each, part in zip([*others, last], draw(parts(last.shape, tiers)), strict=True)])
    last = draw(coded(whole=draw(st.booleans())).filter(lambda tensor: not tensor.ordered))
    return PerTier(
        [
            replace(
                last,
                values=np.roll(last.values, tier)[part],
                offsets={axis: found[part[axis]] for axis, found in last.offsets.items()},
            )
            for tier, part in enumerate(draw(parts(last.corner, tiers)))
        ]
    )


@st.composite
def parts(draw: st.DrawFn, shape: tuple[int, ...], tiers: int) -> list[tuple[slice, ...]]:
    """Return an ascending leading part of a shape for each tier; the last one is whole, and often all are."""
    if draw(st.booleans()):
        return [tuple(map(slice, shape))] * tiers
    ends = [[*sorted(draw(st.integers(0, n)) for _ in range(tiers - 1)), n] for n in shape]
    return [tuple(slice(end[tier]) for end in ends) for tier in range(tiers)]


def tensors(max_size: int = 6) -> st.SearchStrategy[dict[str, np.ndarray | Spectrum | CodedTensor]]:
    """Return several tensors of all kinds under distinct names."""
    return st.dictionaries(names, arrays() | spectra() | coded(), max_size=max_size)


def can_be_cut(tensor: object) -> bool:
    """Return whether tiers that are numbers or shares have an effect on a tensor."""
    coded = isinstance(tensor, CodedTensor) and (tensor.ordered or tensor.corner != tensor.meant)
    return coded or isinstance(tensor, Spectrum)
