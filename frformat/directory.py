"""The directory: what a file holds, as MessagePack (specification, section 3).

:func:`unpack` checks everything that the directory alone can tell; what it returns needs no further check but against
the size of the file.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, Final

import msgpack

from frformat import limits, schema
from frformat.errors import FrzError
from frformat.quantization import STEP_CODES
from frformat.values import DTYPES, FORMATS, SPECTRAL_DTYPES, Format
from frformat.zigzag import element_count

Shape = tuple[int, ...]

CODINGS: Final = ("raw", "dct")
CODERS: Final = ("none", "deflate", "zstd", "range", "range-ctx")
RANGE_CODERS: Final = ("range", "range-ctx")

# Keys of the maps.
GROUPS, METADATA, ALIASES, FEATURES, TIERS = range(5)
CODING, DTYPE, NAMES, SHAPES, CODER, SIZES, FORMAT, KEPT, STEPS, VIEWS = range(10)
DCT_ONLY: Final = (FORMAT, KEPT, STEPS, VIEWS)


@dataclass(frozen=True)
class Group:
    """Tensors that share how they are stored.

    Attributes:
        coding: ``raw`` or ``dct``.
        dtype: element type of the tensors, a key of :data:`~frformat.values.DTYPES`.
        names: one for each tensor, as are the entries of ``shapes``, ``steps``, ``views`` and of each tier of ``kept``.
        coder: how segments are coded, one of :data:`CODERS`.
        sizes: stored bytes of the segment in each tier (of ``raw`` in tier 0 alone).
        format: number format of coefficients; empty for ``raw``.
        kept: for each tier how many leading coefficients it and those before it hold; empty for ``raw``.
        steps: step codes for integer formats, else empty.
        views: the shape in which the spectrum is taken, or None for the tensor's own; empty for ``raw``.
    """

    coding: str
    dtype: str
    names: tuple[str, ...]
    shapes: tuple[Shape, ...]
    coder: str
    sizes: tuple[int, ...]
    format: str = ""
    kept: tuple[tuple[int, ...], ...] = ()
    steps: tuple[int, ...] = ()
    views: tuple[Shape | None, ...] = ()

    def counts(self, tier: int) -> tuple[int, ...]:
        """How many values each tensor has in the segment of ``tier``."""
        if self.coding == "raw":
            return tuple(element_count(shape) for shape in self.shapes) if tier == 0 else (0,) * len(self.shapes)
        before = self.kept[tier - 1] if tier else (0,) * len(self.names)
        return tuple(now - then for now, then in zip(self.kept[tier], before, strict=True))

    @property
    def value_format(self) -> Format:
        """The format of stored values as the range coder sees it."""
        return FORMATS[self.format or self.dtype]

    @property
    def value_bytes(self) -> int:
        """Bytes of one stored value."""
        return DTYPES[self.format or self.dtype].itemsize

    def size(self, tier: int) -> int:
        """Stored bytes of the segment of ``tier``, without its CRC-32; 0 if there is none."""
        return self.sizes[tier] if tier < len(self.sizes) else 0


@dataclass(frozen=True)
class Directory:
    """What a file holds."""

    groups: tuple[Group, ...] = ()
    metadata: dict[str, str] = field(default_factory=dict)
    aliases: dict[str, str] = field(default_factory=dict)
    tiers: int = 1


def pack(directory: Directory) -> bytes:
    """The directory as MessagePack; valid directories only are asked for."""
    tree: dict[int, Any] = {GROUPS: [_pack_group(group) for group in directory.groups]}
    if directory.metadata:
        tree[METADATA] = dict(sorted(directory.metadata.items(), key=lambda item: item[0].encode()))
    if directory.aliases:
        tree[ALIASES] = [[name, target] for name, target in directory.aliases.items()]
    if directory.tiers != 1:
        tree[TIERS] = directory.tiers
    packed: bytes = msgpack.packb(tree)
    return packed


def _pack_group(group: Group) -> dict[int, Any]:
    tree: dict[int, Any] = {
        CODING: CODINGS.index(group.coding),
        DTYPE: list(DTYPES).index(group.dtype),
        NAMES: _front_code(group.names),
        SHAPES: group.shapes,
        CODER: CODERS.index(group.coder),
        SIZES: group.sizes,
    }
    if group.coding == "dct":
        tree[FORMAT] = list(FORMATS).index(group.format)
        tree[KEPT] = group.kept
        if group.steps:
            tree[STEPS] = group.steps
        if any(view is not None for view in group.views):
            tree[VIEWS] = group.views
    return tree


def _front_code(names: Iterable[str]) -> list[int | str]:
    out: list[int | str] = []
    previous = ""
    for name in names:
        shared = 0
        while shared < min(len(previous), len(name)) and previous[shared] == name[shared]:
            shared += 1
        out += [len(name[:shared].encode()), name[shared:]]
        previous = name
    return out


def unpack(data: bytes) -> Directory:
    """The directory that ``data`` holds.

    Raises:
        FrzError: ``DIRECTORY``, ``LIMIT``, ``FEATURE``, ``UNSUPPORTED``, ``NAME`` or ``SHAPE``.
    """
    top = schema.Fields(schema.parse(data), "directory")
    for feature in schema.array(top.get(FEATURES, []), "features", limits.FEATURES):
        if not isinstance(feature, str):
            raise schema.malformed("a feature is not a string")
        raise FrzError("FEATURE", f"this file needs the feature {feature!r}, which this version does not know: upgrade")
    tiers = schema.uint(top.get(TIERS, 1), "tiers", limits.TIERS)
    if tiers == 0:
        raise schema.malformed("tiers is 0")
    groups = tuple(_unpack_group(schema.Fields(g, f"group {i}"), tiers) for i, g in enumerate(top.array(GROUPS)))
    metadata = _unpack_metadata(top.get(METADATA, schema.Pairs()))
    aliases = _unpack_aliases(schema.array(top.get(ALIASES, []), "aliases"))
    _check_names(groups, aliases)
    return Directory(groups, metadata, dict(aliases), tiers)


def _unpack_group(fields: schema.Fields, tiers: int) -> Group:
    coding = schema.identifier(fields.uint(CODING), CODINGS, "coding")
    dtype = schema.identifier(fields.uint(DTYPE), tuple(DTYPES), "dtype")
    coder = schema.identifier(fields.uint(CODER), CODERS, "coder")
    names = _front_decode(fields.array(NAMES))
    shapes = tuple(_shape(s, name) for s, name in zip(fields.array(SHAPES, len(names)), names, strict=True))
    if coding == "raw":
        if any(fields.has(key) for key in DCT_ONLY):
            raise schema.malformed("a raw group has fields of a dct group")
        sizes = tuple(schema.uint(s, "size", limits.SEGMENT_BYTES) for s in fields.array(SIZES, 1))
        group = Group(coding, dtype, names, shapes, coder, sizes)
    else:
        group = _unpack_dct(fields, tiers, dtype, names, shapes, coder)
    _check_segments(group)
    return group


def _unpack_dct(
    fields: schema.Fields, tiers: int, dtype: str, names: tuple[str, ...], shapes: tuple[Shape, ...], coder: str
) -> Group:
    if dtype not in SPECTRAL_DTYPES:
        raise schema.malformed(f"a dct group has dtype {dtype}")
    fmt = schema.identifier(fields.uint(FORMAT), tuple(FORMATS), "format")
    sizes = tuple(schema.uint(s, "size", limits.SEGMENT_BYTES) for s in fields.array(SIZES, tiers))
    kept = tuple(
        tuple(schema.uint(k, "kept", limits.KEPT) for k in schema.array(row, "kept", len(names), exact=True))
        for row in fields.array(KEPT, tiers)
    )
    if fields.has(STEPS) != FORMATS[fmt].stepped:
        raise schema.malformed(f"steps and format {fmt} do not go together")
    steps = tuple(_step(s) for s in fields.array(STEPS, len(names))) if FORMATS[fmt].stepped else ()
    views: tuple[Shape | None, ...] = (None,) * len(names)
    if fields.has(VIEWS):
        entries = zip(fields.array(VIEWS, len(names)), names, strict=True)
        views = tuple(None if v is None else _shape(v, name) for v, name in entries)
    for i, (name, shape, view) in enumerate(zip(names, shapes, views, strict=True)):
        count = element_count(shape)
        if view is not None and element_count(view) != count:
            raise FrzError("SHAPE", f"view {list(view)} does not have the elements of shape {list(shape)}", tensor=name)
        if any(later[i] < earlier[i] for earlier, later in pairwise(kept)):
            raise FrzError("SHAPE", "a tier keeps fewer coefficients than the one before it", tensor=name)
        if kept[-1][i] > count:
            raise FrzError("SHAPE", f"{kept[-1][i]} coefficients are kept of {count}", tensor=name)
    return Group("dct", dtype, names, shapes, coder, sizes, fmt, kept, steps, views)


def _check_segments(group: Group) -> None:
    """Declared sizes against the number of values."""
    if group.coder in RANGE_CODERS and (group.format or group.dtype) not in FORMATS:
        raise schema.malformed(f"values of {group.dtype} cannot be range-coded")
    for tier, size in enumerate(group.sizes):
        count = sum(group.counts(tier))
        if count == 0 and size != 0:
            raise schema.malformed(f"a segment without values has {size} bytes")
        if group.coder == "none" and size != count * group.value_bytes:
            raise schema.malformed(f"{count} values of {group.value_bytes} bytes are said to take {size} bytes")
        if group.coder in RANGE_CODERS and count > limits.range_values(size):
            raise FrzError("LIMIT", f"{count} range-coded values in {size} bytes, at most {limits.range_values(size)}")


def _check_names(groups: Sequence[Group], aliases: Sequence[tuple[str, str]]) -> None:
    stored = [name for group in groups for name in group.names]
    if len(stored) + len(aliases) > limits.TENSORS:
        raise FrzError("LIMIT", f"{len(stored) + len(aliases)} tensors, at most {limits.TENSORS}")
    targets = set(stored)
    seen: set[str] = set()
    for name in stored + [name for name, _ in aliases]:
        if name in seen:
            raise FrzError("NAME", "this name occurs twice", tensor=name)
        seen.add(name)
    for name, target in aliases:
        if target not in targets:
            raise FrzError("NAME", f"it is an alias of {target!r}, which is not in the file", tensor=name)


def _unpack_metadata(value: object) -> dict[str, str]:
    if not isinstance(value, schema.Pairs):
        raise schema.malformed("metadata is not a map")
    previous = b""
    for key, text in value:
        if not (isinstance(key, str) and isinstance(text, str)):
            raise schema.malformed("metadata is not of strings")
        if key.encode() <= previous:
            raise schema.malformed("metadata keys are empty or not in ascending order")
        previous = key.encode()
    return dict(value)


def _unpack_aliases(entries: list[Any]) -> list[tuple[str, str]]:
    aliases = []
    for entry in entries:
        pair = schema.array(entry, "alias", 2, exact=True)
        if not all(isinstance(part, str) for part in pair):
            raise schema.malformed("an alias is not of strings")
        aliases.append((check_name(pair[0].encode()), pair[1]))
    return aliases


def _front_decode(entries: list[Any]) -> tuple[str, ...]:
    if not entries or len(entries) % 2:
        raise schema.malformed("names are not pairs of a number and a string")
    if len(entries) > 2 * limits.TENSORS:
        raise FrzError("LIMIT", f"{len(entries) // 2} tensors, at most {limits.TENSORS}")
    out = []
    previous = b""
    for shared, rest in zip(entries[::2], entries[1::2], strict=True):
        p = schema.uint(shared, "name prefix", limits.AXIS)
        if not isinstance(rest, str):
            raise schema.malformed("a name is not a string")
        if p > len(previous):
            raise FrzError("NAME", f"a name repeats {p} bytes of one that has {len(previous)}")
        previous = previous[:p] + rest.encode()
        out.append(check_name(previous))
    return tuple(out)


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


def _shape(value: object, name: str) -> Shape:
    shape = tuple(schema.uint(n, "axis length", limits.AXIS) for n in schema.array(value, "shape"))
    if len(shape) > limits.RANK:
        raise FrzError("LIMIT", f"a shape of rank {len(shape)}, at most {limits.RANK}", tensor=name)
    if element_count(shape) > limits.ELEMENTS:
        raise FrzError("LIMIT", f"shape {list(shape)} has more than 2^48 elements", tensor=name)
    return shape


def _step(value: object) -> int:
    if type(value) is not int:
        raise schema.malformed("a step code is not an integer")
    if value not in STEP_CODES:
        raise FrzError("LIMIT", f"step code {value} is not within {STEP_CODES[0]} … {STEP_CODES[-1]}")
    return value
