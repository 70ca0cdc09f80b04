"""Find where a runtime's file contains weights.

The model is exported several times, each with another series of numbered elements. The elements of all values are
numbered consecutively, and element i has the bit pattern ``series + i``. Where a file contains such patterns, it
contains these elements, in any order. The files are compared for two reasons. A constant of the graph can look like a
numbered element, but does not change with the series. An exporter can derive other constants from weights; these do
change with the series, and the export must be refused. LiteRT's exporter computes ``weight.abs()``, for instance, so
the series differ in sign and size: such functions change at least one of them.
"""

from __future__ import annotations

import hashlib
import itertools
import re
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from frformat.runtimes.errors import ExportError
from frformat.runtimes.template.layout import BYTES, RANK, Axes, Digest, Place

Array = NDArray[Any]

SERIES: Final = (0x48C3579B, 0xC92ACE13, 0x2C8ACE75)
"""The bit patterns of the first elements, unlikely to occur in a graph: 400060.8, -699617.2 and 3.9e-12.

A function that keeps some elements as they are, such as ``abs``, ``relu``, ``clamp``, ``floor`` or a threshold, changes
those of at least one series. The first two have fractions.
"""
LARGEST: Final = 0x7F7FFFFF - max(series & 0x7FFFFFFF for series in SERIES)
"""The largest number of elements that can be numbered with finite floats."""


def numbered(lengths: Sequence[int], series: int) -> list[Array]:
    """Return one array of numbered 32-bit floats for each value.

    Args:
        lengths: the number of elements of each value.
        series: one of :data:`SERIES`.

    Raises:
        ExportError: there are too many elements.
    """
    if sum(lengths) > LARGEST:
        raise ExportError(f"the model has {sum(lengths)} parameters; a template can have at most {LARGEST}")
    starts = np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)])
    return [
        np.arange(series + start, series + start + length, dtype=np.uint32).view(np.float32)
        for start, length in zip(starts[:-1].tolist(), lengths, strict=True)
    ]


class Found(NamedTuple):
    """The result of :func:`find`.

    Attributes:
        places: the places of values, in the order of their offsets.
        digests: where the file contains digests of places.
        lost: indices of the values with at least one used element that was not found.
    """

    places: list[Place]
    digests: list[Digest]
    lost: list[int]


def find(files: Sequence[bytes], lengths: Sequence[int], used: Sequence[Array | None] = ()) -> Found:
    """Find all places of values in a file.

    Args:
        files: the file, exported with each of :data:`SERIES`.
        lengths: the number of elements of each value.
        used: for each value, a mask of the elements that the model uses, or None for all. Empty: all of all values.

    Raises:
        ExportError: bytes outside the places and digests depend on the values.
    """
    if len({len(file) for file in files}) > 1:
        raise ExportError("the size of the exported file depends on the weights, so it cannot be a template")
    first, *others = [_search(file, lengths, series) for file, series in zip(files, SERIES, strict=True)]
    known = [set(each) for each in others]
    places = [place for place in first if all(place in each for each in known)]
    found = [np.zeros(length, bool) for length in lengths]
    for place in places:
        found[place.value][_indices(place)] = True
    for each, mask in zip(found, used, strict=False):
        if mask is not None:
            each |= ~mask
    lost = [number for number, each in enumerate(found) if not each.all()]
    if lost:
        return Found(places, [], lost)
    digests = _digests(files, places)
    _compare(files, places, digests)
    return Found(places, digests, lost)


def _digests(files: Sequence[bytes], places: Sequence[Place]) -> list[Digest]:
    found: dict[int, int] = {}
    for number, place in enumerate(places):
        keys = [hashlib.sha256(_bytes(file, place)).hexdigest().encode() for file in files]
        for match in re.finditer(keys[0], files[0]):
            if all(file[match.start() : match.end()] == key for file, key in zip(files, keys, strict=True)):
                found.setdefault(match.start(), number)
    return [Digest(offset, found[offset]) for offset in sorted(found)]


def _bytes(file: bytes, place: Place) -> memoryview:
    return memoryview(file)[place.offset : place.end]


def _compare(files: Sequence[bytes], places: Sequence[Place], digests: Sequence[Digest]) -> None:
    literals = [np.frombuffer(file, np.uint8) for file in files]
    differ = np.zeros(len(files[0]), bool)
    for other in literals[1:]:
        differ |= literals[0] != other
    holes: list[Place | Digest] = [*places, *digests]
    for each in holes:
        differ[each.offset : each.end] = False
    if differ.any():
        raise ExportError(
            "the exported file has other constants that depend on the weights, for example at byte "
            f"{int(np.argmax(differ))}, so it cannot be a template; use weights unchanged in forward"
        )


def _search(file: bytes, lengths: Sequence[int], series: int) -> list[Place]:
    places: list[Place] = []
    ends = np.cumsum(lengths, dtype=np.int64)
    total = int(ends[-1]) if len(ends) else 0
    for shift in range(BYTES):
        words = np.frombuffer(file, "<u4", max(0, len(file) - shift) // BYTES, shift)
        index = words - np.uint32(series)  # wraps around for smaller words
        edges = np.flatnonzero(np.diff(index < total, prepend=False, append=False))
        for low, high in edges.reshape(-1, 2).tolist():
            run = index[low:high].astype(np.int64)
            value = np.searchsorted(ends, run, "right")
            cuts = [0, *(np.flatnonzero(np.diff(value)) + 1).tolist(), len(run)]
            for start, end in itertools.pairwise(cuts):
                number = int(value[start])
                first = int(ends[number]) - lengths[number]
                offset = shift + BYTES * (low + start)
                places += _places(run[start:end] - first, offset, number, lengths[number])
    return sorted(places, key=lambda place: place.offset)


def _places(run: Array, offset: int, value: int, length: int) -> list[Place]:
    """Return the places that produce a run of one value's elements: one, or one per copy of the value, or none."""
    axes = loops(run)
    if axes is not None:
        return [Place(offset, value, int(run[0]), axes)]
    if len(run) == length or len(run) % length:
        return []
    copies = [_places(run[i : i + length], offset + BYTES * i, value, length) for i in range(0, len(run), length)]
    return [place for copy in copies for place in copy]


def loops(indices: Array) -> Axes | None:
    """Return the loops that visit elements in this order, outermost first; None if that takes more than 8 loops."""
    axes: list[tuple[int, int]] = []
    while len(indices) > 1:
        steps = np.diff(indices)
        other = np.flatnonzero(steps != steps[0])
        count = int(other[0]) + 1 if len(other) else len(indices)
        rows = indices.reshape(-1, count) if len(indices) % count == 0 else None
        if rows is None or len(axes) == RANK or not (rows - rows[:, :1] == rows[0] - rows[0, 0]).all():
            return None
        axes.insert(0, (count, int(steps[0])))
        indices = rows[:, 0]
    return tuple(axes)


def _indices(place: Place) -> Array:
    index = np.array(place.start)
    for count, stride in place.axes:
        index = index[..., None] + stride * np.arange(count)
    return index.reshape(-1)
