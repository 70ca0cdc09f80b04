"""The directory: what a file holds, and its form as MessagePack (specification, section 3)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

import msgpack

from frformat.dtypes import DTYPES, FORMATS, Format
from frformat.spectral.zigzag import element_count

Shape = tuple[int, ...]
T = TypeVar("T")

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
        dtype: element type of the tensors, a key of :data:`~frformat.dtypes.DTYPES`.
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
