"""Parse one group of the directory from MessagePack. Each field is checked against those before it.

:mod:`frformat.format.group_rules` checks the group as a whole.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any, Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from frformat.dtypes import DTYPES, FORMATS
from frformat.errors import FrzError
from frformat.format import directory as d
from frformat.format import limits
from frformat.format.bases import KINDS, spread
from frformat.format.coders import CODERS
from frformat.format.directory import Corners, Group, Shape
from frformat.format.ledger import Ledger, characters
from frformat.format.messagepack import Cursor, Fields, malformed, required
from frformat.spectral.zigzag import element_count

T = TypeVar("T")

DTYPE_IDS: Final = tuple(DTYPES)
CODER_IDS: Final = tuple(CODERS)
FORMAT_IDS: Final = tuple(name if name in FORMATS else "" for name in DTYPES)
CONTROLS: Final = re.compile(rb"[\x00-\x1f\x7f]")


@dataclass
class Known:
    """The facts about the file that are known before a group is parsed.

    Attributes:
        tiers: number of tiers.
        ledger: the memory that the directory may still take.
        delta: whether it is a delta file.
        tensors: number of tensors, factors and aliases so far.
        names: total size of their names in bytes.
        factors: for each factor, its group and its index in the group.
    """

    tiers: int
    ledger: Ledger
    delta: bool = False
    tensors: int = 0
    names: int = 0
    factors: list[tuple[Group, int]] = field(default_factory=list)

    def count(self, more: int) -> None:
        """Count ``more`` tensors, and check the limit."""
        self.tensors += more
        if self.tensors > limits.TENSORS:
            raise FrzError("LIMIT", f"more than {limits.TENSORS} tensors, factors and aliases")
        self.ledger.spend(more * Ledger.TENSOR)

    def check_name(self, name: bytes) -> str:
        """Decode and check a tensor's name.

        Raises:
            FrzError: ``NAME`` or ``LIMIT``.
        """
        if not 1 <= len(name) <= limits.NAME_BYTES:
            raise FrzError("NAME", f"a name has {len(name)} bytes, not 1 to {limits.NAME_BYTES}")
        try:
            text = name.decode()
        except UnicodeDecodeError as error:
            raise FrzError("NAME", f"the name {name!r} is not UTF-8") from error
        if CONTROLS.search(name):
            raise FrzError("NAME", "a name has control characters", tensor=text)
        self.names += len(name)
        if self.names > limits.NAMES_BYTES:
            raise FrzError("LIMIT", f"the names together have more than {limits.NAMES_BYTES} bytes", tensor=text)
        return text


class GroupParser:
    """Parses one group map. Fields come in ascending key order, so each can rely on those before it."""

    def __init__(self, cursor: Cursor, what: str, known: Known) -> None:
        self._cursor = cursor
        self._what = what
        self._known = known
        self._found: dict[int, Any] = {}

    def group(self) -> Group:
        """Parse the group. Each of its fields is checked by itself and against those before it."""
        fields = Fields(self._cursor, self._what)
        while (key := fields.next()) is not None:
            read = READ.get(key)
            if read is None:
                self._cursor.skip()
            else:
                self._found[key] = read(self)
        return Group(
            self._field(d.DTYPE),
            self._field(d.SHAPES),
            self._field(d.CODER),
            self._field(d.SIZES),
            self._found.get(d.NAMES, ()),
            self._found.get(d.VIEWS),
            self._found.get(d.BASES, ()),
            self._found.get(d.FACTORS),
            self._found.get(d.SEEDS),
            self._found.get(d.KEPT),
            self._found.get(d.CORNERS),
            d.PER_TIER in self._found,
            self._found.get(d.FORMAT),
            self._found.get(d.STEPS),
            self._found.get(d.OFFSETS, 0),
            d.DELTA in self._found,
        )

    def _dtype(self) -> str:
        return self._cursor.identifier(DTYPE_IDS, "dtype")

    def _format(self) -> str:
        return self._cursor.identifier(FORMAT_IDS, "format")

    def _coder(self) -> str:
        return self._cursor.identifier(CODER_IDS, "coder")

    def _factors(self) -> list[tuple[int, ...]]:
        return self._arguments("factor")

    def _seeds(self) -> list[tuple[int, ...]]:
        return self._arguments("seed")

    def _field(self, key: int) -> Any:
        return required(self._found.get(key), f"field {key}", self._what)

    def _names(self) -> list[str]:
        count = self._cursor.array("names")
        if count == 0 or count % 2:
            raise malformed(f"names of {self._what} are not pairs of a number and a string")
        self._known.count(count // 2)
        out = []
        previous = b""
        for _ in range(count // 2):
            shared = self._cursor.uint("a name's prefix")
            if shared > len(previous):
                raise FrzError("NAME", f"a name repeats {shared} bytes of the previous name, which has {len(previous)}")
            previous = previous[:shared] + self._cursor.text("a name")
            name = self._known.check_name(previous)
            self._known.ledger.spend(characters(name))
            out.append(name)
        return out

    def _shapes(self) -> list[Shape]:
        names = self._found.get(d.NAMES)
        count = self._cursor.array("shapes", exact=None if names is None else len(names))
        if count == 0:
            raise malformed(f"shapes of {self._what} are empty")
        if names is None:
            self._known.count(count)
        return [self._shape(index) for index in range(count)]

    def _views(self) -> list[Shape | None]:
        return self._per_tensor("views", self._view)

    def _view(self, index: int) -> Shape | None:
        if self._cursor.nil():
            return None
        self._known.ledger.spend(Ledger.SHAPE)
        view, shape = self._shape(index), self._field(d.SHAPES)[index]
        if element_count(view) != element_count(shape):
            reason = f"view {list(view)} does not have the element count of shape {list(shape)}"
            raise FrzError("SHAPE", reason, tensor=self._name(index))
        return view

    def _shape(self, index: int) -> Shape:
        rank = self._cursor.array("a shape", limits.RANK)
        shape = tuple([self._cursor.uint("an axis length", limits.AXIS) for _ in range(rank)])
        if element_count(shape) > limits.ELEMENTS:
            raise FrzError("LIMIT", f"shape {list(shape)} has more than 2^48 elements", tensor=self._name(index))
        return shape

    def _bases(self) -> tuple[str, ...]:
        count = self._cursor.array("bases")
        if not 1 <= count <= limits.RANK:
            raise malformed(f"bases of {self._what} has {count} entries, not 1 to {limits.RANK}")
        return tuple(self._cursor.identifier(tuple(KINDS), "basis") for _ in range(count))

    def _arguments(self, argument: str) -> list[tuple[int, ...]]:
        """Return the numbers of factors, or the seeds, to which the axes of each tensor refer."""

        def read(index: int) -> tuple[int, ...]:
            wanted = sum(KINDS[kind].argument == argument for kind in self._kinds(index))
            count = self._cursor.array(f"{argument}s of a tensor", exact=wanted)
            self._known.ledger.spend(Ledger.SHAPE)
            found = tuple(self._cursor.uint(f"a {argument}") for _ in range(count))
            if argument == "factor" and any(number >= len(self._known.factors) for number in found):
                reason = f"it uses factor {max(found)}, which no earlier group defines"
                raise FrzError("SHAPE", reason, tensor=self._name(index))
            return found

        return self._per_tensor(f"{argument}s", read)

    def _kept(self) -> Any:
        counts = np.array([min(element_count(shape), limits.KEPT) for shape in self._field(d.SHAPES)], np.int64)
        tiers = self._cursor.array("kept", exact=self._known.tiers)
        kept = self._cells(tiers, counts)
        for tier in range(tiers):
            count = self._cursor.array("kept", exact=len(counts))
            row = self._cursor.integers(count, "kept", limits.KEPT)
            self._refuse(row > counts, "it keeps more entries of its core than it has elements")
            kept[tier] = row
            if tier:
                self._refuse(row < kept[tier - 1], "a tier keeps fewer entries of its core than the one before it")
        return kept

    def _corners(self) -> Corners:
        tensors = len(self._field(d.SHAPES))
        views = [self._view_of(index) for index in range(tensors)]
        ranks = np.array([len(view) for view in views])
        starts = np.cumsum(ranks + 1) - ranks - 1
        self._known.ledger.spend(4 * starts.itemsize * int(ranks.sum() + tensors))
        bounds = np.array([cell for view in views for cell in (1, *view)], np.int64)
        most = np.array([KINDS[kind].most for index in range(tensors) for kind in self._kinds(index)], np.int64)
        inner = np.ones(len(bounds), np.bool_)
        inner[starts] = False
        tiers = self._cursor.array("corners", exact=self._known.tiers)
        cells = self._cells(tiers, bounds)
        for tier in range(tiers):
            self._cursor.array("corners", exact=tensors)
            row = np.ones(len(bounds), np.int64)
            row[inner] = self._entries(ranks, most)
            self._refuse(row > bounds, "its corner is larger than its view", starts)
            cells[tier] = row
            if tier:
                self._refuse(row < cells[tier - 1], "a tier has a smaller corner than the one before it", starts)
        return Corners(cells, starts)

    def _cells(self, tiers: int, bounds: NDArray[np.int64]) -> NDArray[Any]:
        """Return an uninitialized array with a row for each tier, whose type holds integers up to ``bounds``."""
        dtype = np.min_scalar_type(int(bounds.max()))
        self._known.ledger.spend(tiers * len(bounds) * dtype.itemsize)
        return np.empty((tiers, len(bounds)), dtype)

    def _entries(self, ranks: NDArray[np.int64], most: NDArray[np.int64]) -> NDArray[np.int64]:
        """Read the corners of all tensors in a tier as one row. ``most`` contains the limit of each entry."""
        entries = np.empty(len(most), np.int64)
        done, index = 0, 0
        while index < len(ranks):
            start = self._cursor.offset
            run = self._cursor.short_arrays(len(ranks) - index)
            row = [*chain.from_iterable(run)]
            fits = [len(corner) for corner in run] == ranks[index : index + len(run)].tolist()
            fits = fits and max(row, default=0) <= limits.AXIS
            if not fits or (np.array(row, np.int64) > most[done : done + len(row)]).any():
                run = []
            if not run:  # too few arrays are left for a run, or one of them is long or faulty
                self._cursor.offset = start
                count = self._cursor.array("a corner", exact=int(ranks[index]))
                row = [self._cursor.uint("entries of a corner", int(most[done + axis])) for axis in range(count)]
            entries[done : done + len(row)] = row
            done, index = done + len(row), index + max(len(run), 1)
        return entries

    def _per_tier(self) -> int:
        value = self._cursor.uint("per_tier", 1)
        if value == 0:
            raise malformed("per_tier is 0")
        return value

    def _steps(self) -> list[int]:
        count = self._cursor.array("steps", exact=len(self._field(d.SHAPES)))
        codes = self._cursor.integers(count, "a step code", signed=True)
        low, high = limits.STEP_CODES[0], limits.STEP_CODES[-1]
        for index in np.flatnonzero((codes < low) | (codes > high))[:1]:
            reason = f"step code {codes[index]} is not within {low} … {high}"
            raise FrzError("LIMIT", reason, tensor=self._name(int(index)))
        out: list[int] = codes.tolist()
        return out

    def _offsets(self) -> int:
        value = self._cursor.uint("offsets", limits.OFFSETS)
        if value == 0:
            raise malformed("offsets is 0")
        return value

    def _sizes(self) -> Any:
        tiered = any(key in self._found for key in (d.KEPT, d.CORNERS, d.PER_TIER))
        count = self._cursor.array("sizes", exact=self._known.tiers if tiered else 1)
        sizes = self._cursor.integers(count, "a size", limits.SEGMENT_BYTES)
        self._known.ledger.spend(sizes.nbytes + 8 * count)
        return sizes

    def _delta(self) -> int:
        value = self._cursor.uint("delta", 1)
        if value == 0:
            raise malformed("delta is 0")
        if not self._known.delta:
            raise malformed(f"{self._what} has differences, but the file is not a delta file")
        return value

    def _per_tensor(self, what: str, read: Callable[[int], T]) -> list[T]:
        shapes = self._field(d.SHAPES)
        self._cursor.array(what, exact=len(shapes))
        return [read(index) for index in range(len(shapes))]

    def _view_of(self, index: int) -> Shape:
        views = self._found.get(d.VIEWS)
        view: Shape | None = views[index] if views is not None else None
        return self._found[d.SHAPES][index] if view is None else view

    def _kinds(self, index: int) -> tuple[str, ...]:
        return spread(self._found.get(d.BASES, ()), len(self._view_of(index)))

    def _name(self, index: int) -> str | None:
        names: Sequence[str] = self._found.get(d.NAMES, ())
        return names[index] if index < len(names) else None

    def _refuse(self, wrong: Any, reason: str, starts: Any = None) -> None:
        """Raise ``SHAPE`` for the first tensor with a fault, if any; ``starts`` is the first cell of each tensor."""
        if wrong.any():
            place = int(np.argmax(wrong))
            index = place if starts is None else int(np.searchsorted(starts, place, "right")) - 1
            raise FrzError("SHAPE", reason, tensor=self._name(index))


READ: Final[dict[int, Callable[[GroupParser], object]]] = {
    d.DTYPE: GroupParser._dtype,
    d.NAMES: GroupParser._names,
    d.SHAPES: GroupParser._shapes,
    d.VIEWS: GroupParser._views,
    d.BASES: GroupParser._bases,
    d.FACTORS: GroupParser._factors,
    d.SEEDS: GroupParser._seeds,
    d.KEPT: GroupParser._kept,
    d.CORNERS: GroupParser._corners,
    d.PER_TIER: GroupParser._per_tier,
    d.FORMAT: GroupParser._format,
    d.STEPS: GroupParser._steps,
    d.OFFSETS: GroupParser._offsets,
    d.CODER: GroupParser._coder,
    d.SIZES: GroupParser._sizes,
    d.DELTA: GroupParser._delta,
}
"""The function that reads each field."""
