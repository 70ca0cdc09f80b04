"""Compute a tensor's canonical values and elements (specification, sections 6 to 8)."""

from __future__ import annotations

import decimal
import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from tests.vectors import philox, transform
from tests.vectors.frz import File, Group, Tensor, corner, flat
from tests.vectors.numbers import FLOATS, multiple, number, rounded, store
from tests.vectors.transform import Column, Index


@dataclass
class Core:
    """The core of a tensor at a tier.

    Attributes:
        shape: the corner, or the box of the prefix.
        indices: indices of its entries, in the order of ``stored``.
        stored: the entries as stored.
        values: the canonical values, if they are numbers; None for elements.
    """

    shape: Sequence[int]
    indices: list[Index]
    stored: list[int]
    values: list[float] | None


def core(group: Group, tensor: Tensor, tier: int) -> Core:
    """Return the core of ``tensor``, which is one of ``group``, at ``tier``."""
    if tensor.kept is not None:
        k = tensor.kept[tier]
        indices = transform.zigzag(tensor.meant, k)
        shape = [max((index[a] for index in indices), default=-1) + 1 for a in range(len(tensor.meant))]
        stored = list(tensor.values[:k])
    else:
        shape = list(corner(tensor, tier))
        last = tensor.corners[-1] if tensor.corners is not None and not group.per_tier else shape
        start = sum(math.prod(corner(tensor, t)) for t in range(tier)) if group.per_tier else 0
        indices = list(itertools.product(*map(range, shape))) if math.prod(shape) else []
        stored = [tensor.values[start + flat(index, last)] for index in indices]
    return Core(shape, indices, stored, _canonical(group, tensor, tier, shape, indices, stored))


def _canonical(
    group: Group, tensor: Tensor, tier: int, shape: Sequence[int], indices: list[Index], stored: list[int]
) -> list[float] | None:
    if group.stepped:
        codes = [tensor.step + _offset(group, tensor, tier, shape, index) for index in indices]
        return [multiple(q, code) for q, code in zip(stored, codes, strict=True)]
    if group.format or set(group.kinds(tensor)) - {"identity"} or not tensor.name:
        return [number(group.value_type, pattern) for pattern in stored]
    return None


def _offset(group: Group, tensor: Tensor, tier: int, shape: Sequence[int], index: Index) -> int:
    before = range(tier) if group.per_tier else ()
    start = {axis: sum(corner(tensor, t)[axis] for t in before) for axis in tensor.offsets if axis < len(shape)}
    return sum(offsets[start[axis] + index[axis]] for axis, offsets in tensor.offsets.items() if axis < len(index))


def canonical_bytes(group: Group, found: Core) -> bytes:
    """Return the canonical values in the form of ``vectors.json``: elements unchanged, or numbers in binary32."""
    if found.values is None:
        return store(group.dtype, found.stored)
    return store("f32", [rounded("f32", value) if value == value else 0 for value in found.values])


def exact_elements(file: File, group: Group, tensor: Tensor, tier: int) -> bytes | None:
    """Return the bytes of a tensor, if section 8 determines them, otherwise None."""
    found, kinds = core(group, tensor, tier), group.kinds(tensor)
    out = [0] * math.prod(tensor.meant)
    if all(kind == "identity" for kind in kinds):
        for place, index in enumerate(found.indices):
            out[flat(index, tensor.meant)] = _element(group, found, place)
        return store(group.dtype, out)
    others = [axis for axis, kind in enumerate(kinds) if kind != "identity"]
    single = all(found.shape[axis] <= 1 and (kinds[axis] != "dct" or tensor.meant[axis] <= 1) for axis in others)
    if not single:
        return None
    columns = bases(file, group, tensor, tier)
    factors = {axis: [float(u) for u in columns[axis](0)] for axis in others if found.shape[axis]}
    for index, value in zip(found.indices, found.values or [], strict=True):
        ranges = [range(n) if a in others else range(index[a], index[a] + 1) for a, n in enumerate(tensor.meant)]
        for x in itertools.product(*ranges):
            product = value
            for axis in others:
                product *= factors[axis][x[axis]]
            out[flat(x, tensor.meant)] = rounded(group.dtype, product)
    return store(group.dtype, out)


def _element(group: Group, found: Core, place: int) -> int:
    if found.values is None:
        return found.stored[place]
    return rounded(group.dtype, found.values[place])


def bases(file: File, group: Group, tensor: Tensor, tier: int) -> list[Column]:
    """Return the basis of each axis."""
    factors, seeds = iter(tensor.factors), iter(tensor.seeds)
    return [
        _column(file, kind, n, factors, seeds, tier) for kind, n in zip(group.kinds(tensor), tensor.meant, strict=True)
    ]


def _column(file: File, kind: str, n: int, factors: object, seeds: object, tier: int) -> Column:
    if kind == "identity":
        return transform.identity(n)
    if kind == "dct":
        return transform.cosines(n)
    if kind == "stored":
        group, factor = file.factors[next(factors)]  # type: ignore[call-overload]
        values = core(group, factor, tier).values or []
        return lambda i: [Decimal(value) for value in values[i * n : (i + 1) * n]]
    seed = next(seeds)  # type: ignore[call-overload]
    return lambda i: [Decimal(philox.u(seed, i * n + x)) for x in range(n)]


def reference(file: File, group: Group, tensor: Tensor, tier: int) -> tuple[list[Decimal], Decimal]:
    """Return the numbers W of section 8 in row-major order, and the value that δ is relative to."""
    found = core(group, tensor, tier)
    assert found.values is not None
    entries = dict(zip(found.indices, found.values, strict=True))
    columns = bases(file, group, tensor, tier)
    weights = transform.weights(entries, tensor.meant, columns)
    if not {"stored", "seeded"} & set(group.kinds(tensor)):
        return weights, max(map(abs, weights), default=Decimal(0))
    sizes = {index: abs(value) for index, value in entries.items()}
    terms = transform.weights(sizes, tensor.meant, [_magnitudes(column) for column in columns])
    with decimal.localcontext(transform.CONTEXT):
        return weights, max(terms, default=Decimal(0))


def _magnitudes(column: Column) -> Column:
    absolute: Callable[[int], list[Decimal]] = lambda i: [abs(value) for value in column(i)]  # noqa: E731
    return absolute


__all__ = ["FLOATS", "canonical_bytes", "core", "exact_elements", "reference"]
