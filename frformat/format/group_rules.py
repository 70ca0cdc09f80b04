"""Rules for a group of the directory as a whole (specification, sections 3, 7.3, 9 and 11)."""

from __future__ import annotations

from typing import Any

import numpy as np

from frformat.dtypes import DTYPES, REAL_DTYPES
from frformat.errors import FrzError
from frformat.format import limits
from frformat.format.bases import KINDS, PLAIN
from frformat.format.coders import CODERS
from frformat.format.directory import Group
from frformat.format.group_parser import Known
from frformat.format.messagepack import malformed


def check(group: Group, what: str, known: Known) -> None:
    """Check that the fields of a group are consistent.

    Raises:
        FrzError: ``DIRECTORY``, ``LIMIT`` or ``SHAPE``.
    """
    _check_fields(group, what)
    if not group.names:
        _check_factors(group, what)
    _check_columns(group)
    if group.factors is not None:
        _check_use(group, known)
    _check_values(group, what)


def _check_fields(group: Group, what: str) -> None:
    """Check which fields are present, and which dtypes they allow."""
    kinds = [KINDS[kind] for kind in group.bases or (PLAIN,)]
    for argument, given in (("factor", group.factors), ("seed", group.seeds)):
        if any(kind.argument == argument for kind in kinds) != (given is not None):
            raise malformed(f"{argument}s and bases of {what} do not match")
    if group.kept is not None and (group.corners is not None or group.per_tier):
        raise malformed(f"{what} has kept, which excludes corners and per_tier")
    if group.kept is not None and not all(kind.ordered for kind in kinds):
        raise malformed(f"{what} has a zigzag prefix, which its bases do not support")
    if group.format is not None and group.steps is not None:
        raise malformed(f"{what} has both format and steps")
    if group.offsets and (group.steps is None or group.kept is not None):
        raise malformed(f"{what} has offsets, which require steps and exclude kept")
    if group.delta and not (group.names and DTYPES[group.value_type].itemsize <= limits.DIFFERING_BYTES):
        raise malformed(f"{what} has differences, but factors or values of {group.value_type} cannot have any")
    plain = all(kind.plain for kind in kinds)
    exact = group.format is None and group.steps is None
    if not (plain and exact) and group.dtype not in REAL_DTYPES:
        raise malformed(f"{what} is computed, but has dtype {group.dtype}")
    if not plain and exact and group.dtype == "f64":
        raise malformed(f"{what} has cores of dtype f64")


def _check_factors(group: Group, what: str) -> None:
    """Check a group of factors."""
    if group.views is not None or group.bases or group.kept is not None:
        raise malformed(f"{what} has factors, which cannot have views, bases or kept")
    if group.dtype != "f32" or any(len(shape) != 2 for shape in group.shapes):
        raise malformed(f"{what} has factors that are not f32 matrices")
    if group.corners is not None:
        columns = group.corners.cells[:, group.corners.starts + 2]
        if (columns != np.array([shape[1] for shape in group.shapes])).any():
            raise FrzError("SHAPE", f"{what} has factors with missing columns")


def _check_columns(group: Group) -> None:
    """Check cores that are as large as their views against the limits of bases; corners were checked before."""
    if group.corners is not None or all(KINDS[kind].most >= limits.AXIS for kind in group.bases):
        return
    for index in range(group.tensors):
        for kind, n in zip(group.kinds(index), group.view(index), strict=True):
            if n > KINDS[kind].most:
                raise FrzError("LIMIT", f"a core has {n} entries on an axis; the limit is {KINDS[kind].most}")


def _check_use(group: Group, known: Known) -> None:
    """Check that each factor is as long as its axis, and has enough rows for the core in every tier."""
    assert group.factors is not None
    for index, numbers in enumerate(group.factors):
        axes = [a for a, kind in enumerate(group.kinds(index)) if KINDS[kind].argument == "factor"]
        for axis, number in zip(axes, numbers, strict=True):
            factors, place = known.factors[number]
            name = group.names[index] if group.names else None
            if factors.shapes[place][1] != group.view(index)[axis]:
                raise FrzError("SHAPE", f"factor {number} does not have the length of axis {axis}", tensor=name)
            for tier in range(known.tiers):
                if group.extent(index, tier)[axis] > factors.extent(place, tier)[0]:
                    raise FrzError("SHAPE", f"factor {number} has fewer rows than the core needs", tensor=name)


def _check_values(group: Group, what: str) -> None:
    """Check the number of values against the limits, the coder and the sizes."""
    values = group.values
    if values.sum() > limits.GROUP_VALUES:
        raise FrzError("LIMIT", f"{what} has more than 2^48 values")
    coder = CODERS[group.coder]
    if not coder.takes(group.stored_type, integers=group.integers):
        kind = "integers" if group.integers else f"exact values of {group.value_type}"
        raise malformed(f"{what} has {kind}, which coder {group.coder} does not support")
    sizes: Any = group.sizes.astype(np.float64)
    if (sizes[values == 0] != 0).any():
        raise malformed(f"{what} has bytes in a segment without values")
    if coder.plain and (sizes != values * DTYPES[group.value_type].itemsize).any():
        raise malformed(f"{what} has a segment whose size does not match its values")
    if coder.bounded and (values > limits.VALUES_PER_BYTE * (sizes + limits.FREE_BYTES)).any():
        most = limits.VALUES_PER_BYTE
        raise FrzError("LIMIT", f"{what} has more than {most} coded values for each stored byte")
