"""Take an ``.frz`` file apart, change it and repair it, so that the code behind the checksums is reached.

Whatever was changed, the counts of arrays and maps, the sizes of the directory and the segments, and the checksums
match the changed parts, unless an edit of the tree or the bytes deliberately falsifies one of them.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Final

import msgpack

from frformat import FrzError
from frformat.format.coders.deflate import pack_directory, unpack_directory
from tests.attacks.edits import edit
from tests.vectors import frz
from tests.vectors import msgpack as wire
from tests.vectors.msgpack import Map

Change = Callable[[bytes], bytes]
Places = list[tuple[list[Any], int]]

LONGEST: Final = 1 << 16
"""Largest size of a directory to inflate."""

DEEPEST: Final = 64
"""Deepest nesting of a directory whose tree is edited; the format allows less."""


@dataclass(frozen=True)
class Parts:
    """A file's parts.

    Attributes:
        directory: its bytes, inflated.
        tree: the parsed directory, with the pairs of maps in file order; None if it is not MessagePack.
        deflated: whether the directory is stored deflated.
        segments: the segments, split according to the directory.
        rest: the bytes after them, or all bytes after a directory without sizes.
        sizes: for each segment, the list in the tree that contains its size, and the index in that list.
    """

    directory: bytes
    tree: Any
    deflated: bool
    segments: tuple[bytes, ...]
    rest: bytes
    sizes: Places

    def file(self) -> bytes:
        """Return the file, with correct checksums and sizes."""
        head = frz.head(self.directory, deflated=pack_directory(self.directory) if self.deflated else None)
        return head + b"".join(map(frz.segment, self.segments)) + self.rest

    def with_tree(self, pack: Callable[[Any], bytes] = wire.pack) -> Parts:
        """Return the parts with a directory that is packed from the tree."""
        return replace(self, directory=pack(self.tree))


def apart(data: bytes) -> Parts | None:
    """Return the parts of a file; None if no directory can be extracted from it."""
    if len(data) < 18 or data[:4] != frz.MAGIC:
        return None
    deflated, stored, length = bool(data[5]), *(int.from_bytes(data[at : at + 4], "little") for at in (6, 10))
    directory = data[14 : 14 + stored]
    if deflated:
        try:
            directory = unpack_directory(directory, min(length, LONGEST))
        except FrzError:
            return None
    tree = _tree(directory)
    rest = data[18 + stored :]
    sizes = _sizes(tree, len(rest))
    segments: list[bytes] = []
    for held, tier in sizes:
        if len(rest) < 4:
            break
        size = min(held[tier], len(rest) - 4)
        segments.append(rest[:size])
        rest = rest[size + 4 :]
    return Parts(directory, tree, deflated, tuple(segments), rest, sizes)


def changed(data: bytes, chance: random.Random, change: Change) -> bytes:
    """Return ``data`` with a changed directory or changed segments, and with matching sizes and checksums.

    Args:
        data: a file, valid or not.
        chance: decides what is changed.
        change: mutates bytes.
    """
    parts = apart(data)
    if parts is None or chance.random() < 0.05:
        return change(data)
    kind = chance.random()
    if kind < 0.45 and isinstance(parts.tree, list):
        for _ in range(chance.choice((1, 1, 2, 3))):
            edit(chance, parts.tree)
        return parts.with_tree(chance.choice((wire.pack, wire.pack, wire.pack_widest))).file()
    if kind < 0.85 and any(parts.segments):
        return _other_segment(parts, chance, change).file()
    if kind < 0.9:
        return replace(parts, deflated=not parts.deflated).file()
    return replace(parts, directory=change(parts.directory)).file()


def _other_segment(parts: Parts, chance: random.Random, change: Change) -> Parts:
    """Change one segment. Usually the directory gets the new size; otherwise the segment keeps its old size."""
    segments = list(parts.segments)
    at = chance.choice([i for i, segment in enumerate(segments) if segment])
    other = change(segments[at])
    if chance.random() < 0.5 and at < len(parts.sizes):
        sizes, tier = parts.sizes[at]
        sizes[tier] = len(other)
        parts = parts.with_tree()
    else:
        other = (other + bytes(len(segments[at])))[: len(segments[at])]
    segments[at] = other
    return replace(parts, segments=tuple(segments))


def _sizes(tree: Any, total: int) -> Places:
    """Return the positions of the segments' sizes in the directory, in file order.

    A size of zero can mean an empty segment or no segment. Sizes of zero count as segments if all segments then fill
    ``total`` bytes.
    """
    groups = dict(_hashable(tree)).get(frz.GROUPS)
    lists = [dict(_hashable(group)).get(frz.SIZES) for group in groups] if isinstance(groups, list) else []
    held = [sizes for sizes in lists if type(sizes) is list and all(type(size) is int for size in sizes)]
    tiers = max(map(len, held), default=0)
    places = [(sizes, tier) for tier in range(tiers) for sizes in held if tier < len(sizes) and sizes[tier] >= 0]
    if sum(sizes[tier] + 4 for sizes, tier in places) == total:
        return places
    return [(sizes, tier) for sizes, tier in places if sizes[tier]]


def _hashable(node: Any) -> list[tuple[Any, Any]]:
    return [(key, value) for key, value in node if type(key) is int] if isinstance(node, Map) else []


def _tree(directory: bytes) -> Any:
    """Parse a directory into nodes that the tests' own packer can write; None if it is not MessagePack."""
    try:
        tree = msgpack.unpackb(directory, object_pairs_hook=Map, strict_map_key=False, unicode_errors="surrogateescape")
        return _packable(tree)
    except (ValueError, TypeError, msgpack.UnpackException):
        return None


def _packable(node: Any, depth: int = 0) -> Any:
    if depth > DEEPEST:
        raise ValueError("nested too deeply")
    if isinstance(node, Map):
        return Map((_packable(key, depth + 1), _packable(value, depth + 1)) for key, value in node)
    if isinstance(node, list):
        return [_packable(child, depth + 1) for child in node]
    if isinstance(node, str):
        return node if node.isascii() else wire.text(node.encode(errors="surrogateescape"))
    if isinstance(node, msgpack.ExtType):
        return wire.ext(node.code, node.data)
    if isinstance(node, msgpack.Timestamp):
        return wire.ext(-1, node.to_bytes())
    return wire.Bin(node) if isinstance(node, bytes) else node
