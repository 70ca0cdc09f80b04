"""Encode a directory as MessagePack (specification, section 3)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

import msgpack

from frformat.dtypes import DTYPES
from frformat.format import delta
from frformat.format import directory as d
from frformat.format.bases import KINDS
from frformat.format.coders import CODERS
from frformat.format.directory import Directory, Group

_DTYPE_IDS: Final = {name: index for index, name in enumerate(DTYPES)}
_CODER_IDS: Final = {name: index for index, name in enumerate(CODERS)}
_KIND_IDS: Final = {name: index for index, name in enumerate(KINDS)}


def pack(directory: Directory) -> bytes:
    """Encode the directory, each value in its shortest form."""
    tree: dict[int, Any] = {}
    if directory.base is not None:
        tree[d.FEATURES] = [delta.FEATURE]
    if directory.tiers != 1:
        tree[d.TIERS] = directory.tiers
    tree[d.GROUPS] = [_group(group) for group in directory.groups]
    if directory.aliases:
        tree[d.ALIASES] = [[name, target] for name, target in directory.aliases.items()]
    if directory.metadata:
        tree[d.METADATA] = dict(sorted(directory.metadata.items(), key=lambda item: item[0].encode()))
    if directory.base is not None:
        tree[d.BASE] = directory.base
    packed: bytes = msgpack.packb(tree)
    return packed


def _group(group: Group) -> dict[int, Any]:
    fields: dict[int, Any] = {
        d.DTYPE: _DTYPE_IDS[group.dtype],
        d.NAMES: _front_coded(group.names) if group.names else None,
        d.SHAPES: group.shapes,
        d.VIEWS: group.views if group.views and any(view is not None for view in group.views) else None,
        d.BASES: [_KIND_IDS[kind] for kind in group.bases] or None,
        d.FACTORS: group.factors,
        d.SEEDS: group.seeds,
        d.KEPT: None if group.kept is None else group.kept.tolist(),
        d.CORNERS: _corners(group),
        d.PER_TIER: 1 if group.per_tier else None,
        d.FORMAT: None if group.format is None else _DTYPE_IDS[group.format],
        d.STEPS: group.steps,
        d.OFFSETS: group.offsets or None,
        d.CODER: _CODER_IDS[group.coder],
        d.SIZES: group.sizes.tolist(),
        d.DELTA: 1 if group.delta else None,
    }
    return {key: value for key, value in fields.items() if value is not None}


def _corners(group: Group) -> list[list[d.Shape]] | None:
    if group.corners is None:
        return None
    tiers, tensors = len(group.corners.cells), range(group.tensors)
    return [[group.corners.of_tensor(index, tier) for index in tensors] for tier in range(tiers)]


def _front_coded(names: Iterable[str]) -> list[int | str]:
    """Front-code names: each becomes the number of bytes shared with the previous one, and the remaining characters."""
    out: list[int | str] = []
    previous = ""
    for name in names:
        shared = _common(previous, name)
        out += [len(name[:shared].encode()), name[shared:]]
        previous = name
    return out


def _common(first: str, second: str) -> int:
    """Return the number of leading characters that two strings share."""
    most = min(len(first), len(second))
    if first[:most] == second[:most]:
        return most
    return next(i for i in range(most) if first[i] != second[i])
