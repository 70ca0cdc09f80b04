"""A file put together: tensors → groups → directory and segments → bytes, with a hold on every field."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from tests.vectors import deflate, msgpack, rangecoder, zstd
from tests.vectors.msgpack import Map
from tests.vectors.numbers import CODERS, DTYPES, FORMATS, INTEGERS, store

MAGIC = b"\x89FRZ"
GROUPS, METADATA, ALIASES, FEATURES, TIERS = range(5)
CODING, DTYPE, NAMES, SHAPES, CODER, SIZES, FORMAT, KEPT, STEPS, VIEWS = range(10)
Coder = Callable[[bytes], bytes]
PLAIN_CODERS: dict[str, Coder] = {"none": bytes, "deflate": deflate.fixed, "zstd": zstd.raw}
"""How coders that take bytes are applied; tests of the coders themselves bring their own streams."""


def head(
    directory: bytes,
    *,
    deflated: bytes | None = None,
    magic: bytes = MAGIC,
    version: int = 1,
    flags: int | None = None,
    stored: int | None = None,
    length: int | None = None,
) -> bytes:
    """Header, directory and CRC-32. What is not given is right.

    Args:
        directory: the directory.
        deflated: its stream, if it is stored deflated.
        magic: first field.
        version: second field.
        flags: third field.
        stored: fourth field.
        length: fifth field.
    """
    body = directory if deflated is None else deflated
    flags = int(deflated is not None) if flags is None else flags
    out = magic + bytes([version, flags])
    out += _u32(len(body) if stored is None else stored) + _u32(len(directory) if length is None else length) + body
    return out + _u32(zlib.crc32(out))


def segment(data: bytes) -> bytes:
    """A segment and its CRC-32."""
    return data + _u32(zlib.crc32(data))


def _u32(value: int) -> bytes:
    return value.to_bytes(4, "little")


@dataclass
class Tensor:
    """One tensor.

    Attributes:
        name: its name.
        shape: its shape.
        values: elements of ``raw`` or coefficients of ``dct`` as stored: integers, or the bits of floats.
        kept: for each tier how many coefficients it and those before it hold; None if all are in tier 0.
        view: the view.
        step: the step code, for integer formats.
    """

    name: str
    shape: Sequence[int]
    values: Sequence[int] = ()
    kept: Sequence[int] | None = None
    view: Sequence[int] | None = None
    step: int = 0


@dataclass
class Group:
    """Tensors that share how they are stored.

    Attributes:
        tensors: the tensors.
        dtype: element type.
        format: number format of ``dct``; empty for ``raw``.
        coder: name of the coder.
        streams: finished segments, instead of coding the values.
        extra: further pairs of the group map.
    """

    tensors: Sequence[Tensor]
    dtype: str = "f32"
    format: str = ""
    coder: str = "none"
    streams: Sequence[bytes] | None = None
    extra: Sequence[tuple[Any, Any]] = ()

    def kept(self, tensor: Tensor, tier: int) -> int:
        """How many coefficients the tiers up to ``tier`` hold."""
        return 0 if tier < 0 else len(tensor.values) if tensor.kept is None else tensor.kept[tier]

    def counts(self, tier: int) -> int:
        """How many values the segment of ``tier`` has."""
        return sum(len(run) for run in self._runs(tier))

    def _runs(self, tier: int) -> list[Sequence[int]]:
        if not self.format:
            return [t.values if tier == 0 else () for t in self.tensors]
        return [t.values[self.kept(t, tier - 1) : self.kept(t, tier)] for t in self.tensors]

    def segments(self, tiers: int) -> list[bytes]:
        """The stored bytes in each tier."""
        if self.streams is not None:
            return [*self.streams]
        fmt = self.format or self.dtype
        if self.coder.startswith("range"):
            model = rangecoder.Model(fmt, self.coder == "range-ctx")
            return [rangecoder.encode(self._runs(t), model) if self.counts(t) else b"" for t in range(tiers)]
        by = PLAIN_CODERS[self.coder]
        plain = [store(fmt, [n for run in self._runs(t) for n in run]) for t in range(tiers)]
        return [by(data) if data else b"" for data in plain]

    def tree(self, tiers: int) -> Map:
        """The group map."""
        sizes = [len(data) for data in self.segments(tiers)]
        fields: dict[Any, Any] = {
            CODING: int(bool(self.format)),
            DTYPE: DTYPES.index(self.dtype),
            NAMES: front_coded([t.name for t in self.tensors]),
            SHAPES: [list(t.shape) for t in self.tensors],
            CODER: CODERS.index(self.coder),
            SIZES: sizes if self.format else sizes[:1],
        }
        if self.format:
            fields[FORMAT] = FORMATS.index(self.format)
            fields[KEPT] = [[self.kept(t, tier) for t in self.tensors] for tier in range(tiers)]
            if self.format in INTEGERS:
                fields[STEPS] = [t.step for t in self.tensors]
            if any(t.view is not None for t in self.tensors):
                fields[VIEWS] = [t.view if t.view is None else list(t.view) for t in self.tensors]
        return Map([*fields.items(), *self.extra])


def raw(name: str, dtype: str, shape: Sequence[int], values: Sequence[int], coder: str = "none") -> Group:
    """A group of one ``raw`` tensor."""
    return Group([Tensor(name, shape, values)], dtype, coder=coder)


def dct(name: str, fmt: str, shape: Sequence[int], values: Sequence[int], coder: str = "none", **more: Any) -> Group:
    """A group of one ``dct`` tensor of dtype ``f32``; ``more`` are attributes of the tensor."""
    return Group([Tensor(name, shape, values, **more)], "f32", fmt, coder)


def front_coded(names: Sequence[str]) -> list[Any]:
    """Names as the directory has them, each sharing whole characters with the one before."""
    out: list[Any] = []
    before = ""
    for name in names:
        shared = 0
        while shared < min(len(before), len(name)) and before[shared] == name[shared]:
            shared += 1
        out += [len(name[:shared].encode()), name[shared:]]
        before = name
    return out


@dataclass
class File:
    """A file.

    Attributes:
        groups: its groups.
        metadata: its metadata; None leaves the field out.
        aliases: pairs of a name and its target; None leaves the field out.
        tiers: how many tiers it has; the field is left out if it is 1.
        extra: further pairs of the directory map.
        pack: makes bytes of the directory.
        deflate: makes the directory's stream; None stores it plain.
    """

    groups: Sequence[Group] = ()
    metadata: dict[str, str] | None = None
    aliases: Sequence[tuple[str, str]] | None = None
    tiers: int = 1
    extra: Sequence[tuple[Any, Any]] = ()
    pack: Callable[[Any], bytes] = msgpack.pack
    deflate: Coder | None = None

    def rows(self) -> dict[str, str]:
        """Each raw tensor that has rows, and the name of the tensor that they are (section 4.1)."""
        found = {}
        named = {tensor.name: (group, tensor) for group in self.groups for tensor in group.tensors}
        for name, (group, tensor) in named.items():
            if self.tiers > 1 and f"{name}@tiers" in named:
                other, rows = named[f"{name}@tiers"]
                raw = not group.format and not other.format
                if raw and group.dtype == other.dtype and [*rows.shape] == [self.tiers - 1, *tensor.shape]:
                    found[name] = rows.name
        return found

    def row(self, name: str, tier: int) -> Sequence[int]:
        """Row ``tier`` of the tensor called ``name``."""
        [held] = [tensor for group in self.groups for tensor in group.tensors if tensor.name == name]
        count = len(held.values) // (self.tiers - 1)
        return held.values[tier * count : (tier + 1) * count]

    def tree(self) -> Map:
        """The directory map."""
        tree = Map([(GROUPS, [group.tree(self.tiers) for group in self.groups])])
        if self.metadata is not None:
            tree.append((METADATA, Map(self.metadata.items())))
        if self.aliases is not None:
            tree.append((ALIASES, [list(pair) for pair in self.aliases]))
        if self.tiers != 1:
            tree.append((TIERS, self.tiers))
        tree.extend(self.extra)
        return tree

    def head(self) -> bytes:
        """The bytes before the segments."""
        directory = self.pack(self.tree())
        return head(directory, deflated=self.deflate(directory) if self.deflate else None)

    def parts(self) -> list[list[bytes]]:
        """For each tier its segments with their checksums."""
        stored = [group.segments(self.tiers) for group in self.groups]
        return [
            [segment(data[tier]) for group, data in zip(self.groups, stored, strict=True) if group.counts(tier)]
            for tier in range(self.tiers)
        ]

    def bytes(self, tiers: int | None = None) -> bytes:
        """The file, cut after ``tiers`` tiers."""
        return self.head() + b"".join(b"".join(part) for part in self.parts()[:tiers])


def elements(file: File, group: Group, tier: int) -> list[bytes]:
    """The element bytes of each tensor of a ``raw`` group, as a reader gives them at ``tier``."""
    rows = file.rows() if tier < file.tiers - 1 else {}
    values = [file.row(rows[t.name], tier) if t.name in rows else t.values for t in group.tensors]
    return [store(group.dtype, each) for each in values]
