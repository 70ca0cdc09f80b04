"""MessagePack → directory, with every check that the directory alone allows (specification, section 3).

What :func:`parse` returns needs no further check but against the size of the file.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any, TypeVar

from frformat.dtypes import DTYPES, FORMATS, SPECTRAL_DTYPES
from frformat.errors import FrzError
from frformat.format import limits
from frformat.format.directory import (  # fmt: skip
    ALIASES,
    CODER,
    CODERS,
    CODING,
    CODINGS,
    DCT_ONLY,
    DTYPE,
    FEATURES,
    FORMAT,
    GROUPS,
    KEPT,
    METADATA,
    NAMES,
    RANGE_CODERS,
    SHAPES,
    SIZES,
    STEPS,
    TIERS,
    VIEWS,
    Directory,
    Group,
    Shape,
)
from frformat.format.quantization import STEP_CODES
from frformat.format.schema import Cursor, malformed, required
from frformat.spectral.zigzag import element_count

T = TypeVar("T")


def parse(data: bytes) -> Directory:
    """The directory that ``data`` holds.

    Raises:
        FrzError: ``DIRECTORY``, ``LIMIT``, ``FEATURE``, ``UNSUPPORTED``, ``NAME`` or ``SHAPE``.
    """
    starts = _starts(data)
    if FEATURES in starts:
        _refuse_features(Cursor(data, starts[FEATURES]))
    tiers = Cursor(data, starts[TIERS]).uint("tiers", limits.TIERS) if TIERS in starts else 1
    if tiers == 0:
        raise malformed("tiers is 0")
    groups = _unpack_groups(Cursor(data, required(starts.get(GROUPS), "groups", "it")), tiers)
    metadata = _unpack_metadata(Cursor(data, starts[METADATA])) if METADATA in starts else {}
    aliases = _unpack_aliases(Cursor(data, starts[ALIASES])) if ALIASES in starts else []
    _check_names(groups, aliases)
    return Directory(groups, metadata, dict(aliases), tiers)


def _starts(data: bytes) -> dict[int, int]:
    """Where each field of the directory map has its value; all of them are well-formed."""
    cursor = Cursor(data)
    starts = {}
    fields = cursor.fields("the directory")
    while (key := fields.next()) is not None:
        starts[key] = cursor.offset
        cursor.skip(1)
    cursor.end()
    return starts


def _refuse_features(cursor: Cursor) -> None:
    features = [cursor.text("a feature") for _ in range(cursor.array("features", limits.FEATURES))]
    if features:
        names = ", ".join(map(repr, features))
        raise FrzError("FEATURE", f"this file needs {names}, which this version does not know: upgrade")


def _unpack_groups(cursor: Cursor, tiers: int) -> tuple[Group, ...]:
    groups: list[Group] = []
    room = limits.TENSORS
    for _ in range(cursor.array("groups")):
        groups.append(_GroupReader(cursor, f"group {len(groups)}", tiers, room).group())
        room -= len(groups[-1].names)
    return tuple(groups)


class _GroupReader:
    """Reads one group map; the fields come in ascending order of their keys, so each can lean on those before it."""

    def __init__(self, cursor: Cursor, what: str, tiers: int, room: int) -> None:
        self._cursor = cursor
        self._what = what
        self._tiers = tiers
        self._room = room
        self._found: dict[int, Any] = {}

    def group(self) -> Group:
        """The group, checked."""
        read: dict[int, Callable[[], object]] = {
            CODING: lambda: self._cursor.identifier(CODINGS, "coding"),
            DTYPE: lambda: self._cursor.identifier(tuple(DTYPES), "dtype"),
            NAMES: self._names,
            SHAPES: lambda: self._per_tensor("shapes", self._shape),
            CODER: lambda: self._cursor.identifier(CODERS, "coder"),
            SIZES: self._sizes,
            FORMAT: lambda: self._cursor.identifier(tuple(FORMATS), "format"),
            KEPT: self._kept,
            STEPS: lambda: self._per_tensor("steps", self._step),
            VIEWS: lambda: self._per_tensor("views", self._view),
        }
        fields = self._cursor.fields(self._what)
        while (key := fields.next()) is not None:
            if key in read:
                self._found[key] = read[key]()
            else:
                self._cursor.skip(3)
        group = self._assembled()
        _check_kept(group)
        _check_segments(group)
        return group

    def _assembled(self) -> Group:
        coding, dtype = self._field(CODING), self._field(DTYPE)
        names, shapes, coder, sizes = (self._field(key) for key in (NAMES, SHAPES, CODER, SIZES))
        if coding == "raw":
            if any(key in self._found for key in DCT_ONLY):
                raise malformed(f"{self._what} is raw and has fields of a dct group")
            return Group(coding, dtype, names, shapes, coder, sizes)
        if dtype not in SPECTRAL_DTYPES:
            raise malformed(f"{self._what} is a dct group and has dtype {dtype}")
        fmt, kept = self._field(FORMAT), self._field(KEPT)
        if (STEPS in self._found) != FORMATS[fmt].stepped:
            raise malformed(f"steps and format {fmt} do not go together in {self._what}")
        steps, views = self._found.get(STEPS, ()), self._found.get(VIEWS, (None,) * len(names))
        return Group(coding, dtype, names, shapes, coder, sizes, fmt, kept, steps, views)

    def _field(self, key: int) -> Any:
        return required(self._found.get(key), f"field {key}", self._what)

    def _names(self) -> tuple[str, ...]:
        count = self._cursor.array("names")
        if count == 0 or count % 2:
            raise malformed(f"names of {self._what} are not pairs of a number and a string")
        if count > 2 * self._room:
            raise FrzError("LIMIT", f"more than {limits.TENSORS} tensors")
        out = []
        previous = b""
        for _ in range(count // 2):
            shared = self._cursor.uint("a name's prefix")
            rest = self._cursor.text("a name").encode()
            if shared > len(previous):
                raise FrzError("NAME", f"a name repeats {shared} bytes of one that has {len(previous)}")
            previous = previous[:shared] + rest
            out.append(check_name(previous))
        return tuple(out)

    def _sizes(self) -> tuple[int, ...]:
        count = self._cursor.array("sizes", exact=1 if self._field(CODING) == "raw" else self._tiers)
        return tuple(self._cursor.uint("a size", limits.SEGMENT_BYTES) for _ in range(count))

    def _kept(self) -> tuple[tuple[int, ...], ...]:
        rows = self._cursor.array("kept", exact=self._tiers)
        return tuple(self._per_tensor("kept", lambda _: self._cursor.uint("kept", limits.KEPT)) for _ in range(rows))

    def _per_tensor(self, what: str, read: Callable[[str], T]) -> tuple[T, ...]:
        names = self._field(NAMES)
        self._cursor.array(what, exact=len(names))
        return tuple(read(name) for name in names)

    def _shape(self, name: str) -> Shape:
        rank = self._cursor.array("a shape", limits.RANK)
        shape = tuple(self._cursor.uint("an axis length", limits.AXIS) for _ in range(rank))
        if element_count(shape) > limits.ELEMENTS:
            raise FrzError("LIMIT", f"shape {list(shape)} has more than 2^48 elements", tensor=name)
        return shape

    def _view(self, name: str) -> Shape | None:
        return None if self._cursor.nil() else self._shape(name)

    def _step(self, name: str) -> int:
        code = self._cursor.integer("a step code")
        if code not in STEP_CODES:
            raise FrzError("LIMIT", f"step code {code} is not within {STEP_CODES[0]} … {STEP_CODES[-1]}", tensor=name)
        return code


def _check_kept(group: Group) -> None:
    """Views and kept counts against shapes."""
    for i, (name, shape, view) in enumerate(zip(group.names, group.shapes, group.views, strict=False)):
        count = element_count(shape)
        if view is not None and element_count(view) != count:
            raise FrzError("SHAPE", f"view {list(view)} does not have the elements of shape {list(shape)}", tensor=name)
        if any(later[i] < earlier[i] for earlier, later in pairwise(group.kept)):
            raise FrzError("SHAPE", "a tier keeps fewer coefficients than the one before it", tensor=name)
        if group.kept[-1][i] > count:
            raise FrzError("SHAPE", f"{group.kept[-1][i]} coefficients are kept of {count}", tensor=name)


def _check_segments(group: Group) -> None:
    """Declared sizes against the number of values."""
    if group.coder in RANGE_CODERS and (group.format or group.dtype) not in FORMATS:
        raise malformed(f"values of {group.dtype} cannot be range-coded")
    for tier, size in enumerate(group.sizes):
        count = sum(group.counts(tier))
        if count == 0 and size != 0:
            raise malformed(f"a segment without values has {size} bytes")
        if group.coder == "none" and size != count * group.value_bytes:
            raise malformed(f"{count} values of {group.value_bytes} bytes are said to take {size} bytes")
        if group.coder in RANGE_CODERS and count > limits.range_values(size):
            raise FrzError("LIMIT", f"{count} range-coded values in {size} bytes, at most {limits.range_values(size)}")


def _check_names(groups: Sequence[Group], aliases: Sequence[tuple[str, str]]) -> None:
    stored = [name for group in groups for name in group.names]
    if len(stored) + len(aliases) > limits.TENSORS:
        raise FrzError("LIMIT", f"more than {limits.TENSORS} tensors and aliases")
    targets = set(stored)
    seen: set[str] = set()
    for name in stored + [name for name, _ in aliases]:
        if name in seen:
            raise FrzError("NAME", "this name occurs twice", tensor=name)
        seen.add(name)
    for name, target in aliases:
        if target not in targets:
            raise FrzError("NAME", f"it is an alias of {target!r}, which is not in the file", tensor=name)


def _unpack_metadata(cursor: Cursor) -> dict[str, str]:
    out = {}
    previous = b""
    for _ in range(cursor.map("metadata")):
        key = cursor.text("a metadata key")
        if key.encode() <= previous:
            raise malformed("metadata keys are empty or not in ascending order")
        previous = key.encode()
        out[key] = cursor.text("metadata")
    return out


def _unpack_aliases(cursor: Cursor) -> list[tuple[str, str]]:
    aliases = []
    for _ in range(cursor.array("aliases", limits.TENSORS)):
        cursor.array("an alias", exact=2)
        aliases.append((check_name(cursor.text("an alias").encode()), cursor.text("an alias")))
    return aliases


def check_name(name: bytes) -> str:
    """A tensor name from its UTF-8 bytes.

    Raises:
        FrzError: ``NAME``.
    """
    if not 1 <= len(name) <= limits.NAME_BYTES:
        raise FrzError("NAME", f"a name has {len(name)} bytes, not 1 to {limits.NAME_BYTES}")
    try:
        text = name.decode()
    except UnicodeDecodeError as error:
        raise FrzError("NAME", f"the name {name!r} is not UTF-8") from error
    if any(byte < 0x20 or byte == 0x7F for byte in name):
        raise FrzError("NAME", "a name has control characters", tensor=text)
    return text
