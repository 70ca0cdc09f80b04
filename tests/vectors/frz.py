"""Assemble a file: tensors → groups → directory and segments → bytes, with control over every field."""

from __future__ import annotations

import hashlib
import itertools
import math
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.vectors import adaptive, blocks, deflate, msgpack, static, zstd
from tests.vectors.blocks import Block
from tests.vectors.msgpack import Bin, Map
from tests.vectors.numbers import BASES, CODERS, DTYPES, FLOATS, difference, store
from tests.vectors.transform import Index

MAGIC = b"\x89FRZ"
FEATURES, TIERS, GROUPS, ALIASES, METADATA, BASE = range(6)
(DTYPE, NAMES, SHAPES, VIEWS, KINDS, FACTORS, SEEDS, KEPT, CORNERS, PER_TIER, FORMAT, STEPS, OFFSETS, CODER, SIZES,
 DELTA) = range(16)  # fmt: skip
FIELDS = ("dtype", "names", "shapes", "views", "bases", "factors", "seeds", "kept", "corners", "per_tier", "format",
          "steps", "offsets", "coder", "sizes", "delta")  # fmt: skip
Shape = Sequence[int]
Coder = Callable[[bytes], bytes]
BYTE_CODERS: dict[str, Coder] = {"none": bytes, "deflate": deflate.fixed, "zstd": zstd.raw}
"""Functions that apply the byte coders; tests of the coders themselves supply their own streams."""

ENTROPY = ("adaptive", "static")
"""The coders that accept integers."""


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
    """Return the header, the directory and the CRC-32. Arguments that are not given get valid values.

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
    """Return a segment and its CRC-32."""
    return data + _u32(zlib.crc32(data))


def _u32(value: int) -> bytes:
    return value.to_bytes(4, "little")


@dataclass
class Tensor:
    """One tensor.

    Attributes:
        name: its name; empty for a factor.
        shape: its shape.
        values: entries of its core, as stored: integers, or the bits of floats. In zigzag order if it has ``kept``,
            otherwise in row-major order of its last corner; with ``per_tier``, those of all tiers, one after the other,
            each in row-major order of its own corner.
        view: the view.
        kept: for each tier, how many entries it contains together with the previous tiers.
        corners: for each tier, the corner.
        step: the step code, if the group has steps.
        offsets: by axis, the step offsets of its indices; with ``per_tier``, those of all tiers.
        factors: numbers of factors.
        seeds: seeds.
        base: in a delta group, the base's tensor of the same name.
    """

    name: str
    shape: Shape
    values: Sequence[int] = ()
    view: Shape | None = None
    kept: Sequence[int] | None = None
    corners: Sequence[Shape] | None = None
    step: int = 0
    offsets: Mapping[int, Sequence[int]] = field(default_factory=dict)
    factors: Sequence[int] = ()
    seeds: Sequence[int] = ()
    base: Tensor | None = None

    @property
    def meant(self) -> Shape:
        """The view, or else the shape."""
        return self.shape if self.view is None else self.view


@dataclass
class Group:
    """Tensors that are stored in the same way.

    Attributes:
        tensors: the tensors; all of them have ``kept``, or all have ``corners``, or none has either.
        dtype: element type.
        bases: kinds of bases, as listed in the directory.
        format: number format, if the directory has one.
        stepped: whether values are integers with steps.
        per_tier: whether every tier stores the tensors again.
        coder: name of the coder.
        streams: finished segments to use instead of coding the values.
        extra: additional pairs of the group map.
        delta: whether differences are stored.
    """

    tensors: Sequence[Tensor]
    dtype: str = "f32"
    bases: Sequence[str] = ()
    format: str = ""
    stepped: bool = False
    per_tier: bool = False
    coder: str = "none"
    streams: Sequence[bytes] | None = None
    extra: Sequence[tuple[Any, Any]] = ()
    delta: bool = False

    @property
    def value_type(self) -> str:
        """Type of exact values."""
        return self.format or self.dtype

    @property
    def tiered(self) -> bool:
        """Whether every tier may have a segment."""
        return self.per_tier or any(t.kept is not None or t.corners is not None for t in self.tensors)

    @property
    def offset_bits(self) -> int:
        """The field *offsets*."""
        return sum({1 << axis for t in self.tensors for axis in t.offsets})

    def kinds(self, tensor: Tensor) -> list[str]:
        """Return the basis of each axis of a tensor."""
        given = self.bases or ("identity",)
        return [given[min(axis, len(given) - 1)] for axis in range(len(tensor.meant))]

    def blocks(self, tier: int) -> list[Block]:
        """Return the values of a tier's segment."""
        return [block for tensor in self.tensors for block in self._blocks_of(tensor, tier) if block.values]

    def stored_blocks(self, tier: int) -> list[Block]:
        """Return these values as stored: in a delta group, as differences."""
        found = self.blocks(tier)
        if not self.delta:
            return found
        kind = "" if self.stepped else self.value_type
        bases = [b for t in self.tensors if t.base for b in self._blocks_of(t.base, 0) if b.values]
        return [
            block._replace(values=[difference(kind, v, u) for v, u in zip(block.values, base.values, strict=True)])
            for block, base in zip(found, bases, strict=True)
        ]

    def _blocks_of(self, tensor: Tensor, tier: int) -> Iterator[Block]:
        if tensor.kept is not None:
            yield _flat(False, tensor.values[tensor.kept[tier - 1] if tier else 0 : tensor.kept[tier]])
            return
        if tier and not self.tiered:
            return
        now = corner(tensor, tier)
        before = corner(tensor, tier - 1) if tier and not self.per_tier else (0,) * len(now)
        for axis, offsets in sorted((axis, offsets) for axis, offsets in tensor.offsets.items() if axis < len(now)):
            start = sum(corner(tensor, t)[axis] for t in range(tier)) if self.per_tier else 0
            yield _flat(True, offsets[start + before[axis] : start + now[axis]])
        if self.per_tier:
            start = sum(math.prod(corner(tensor, t)) for t in range(tier))
            yield Block(False, now, list(tensor.values[start : start + math.prod(now)]))
        elif now:
            last = tensor.corners[-1] if tensor.corners is not None else now
            if not any(before) and tuple(now) == tuple(last):  # as the loop would yield, but much faster
                yield Block(False, now, list(tensor.values[: math.prod(now)]))
                return
            for shape, indices in slabs(before, now):
                yield Block(False, shape, [tensor.values[flat(index, last)] for index in indices])
        else:
            yield Block(False, (), list(tensor.values) if tier == 0 else [])

    def segments(self, tiers: int) -> list[bytes]:
        """Return the stored bytes in each tier that may have a segment."""
        if self.streams is not None:
            return [*self.streams]
        every = [self.stored_blocks(tier) for tier in range(tiers if self.tiered else 1)]
        if self.coder in BYTE_CODERS and not self.delta:
            plain = [store(self.value_type, [n for block in found for n in block.values]) for found in every]
            return [BYTE_CODERS[self.coder](data) if data else b"" for data in plain]
        # In a group that every tier stores again, only one segment is decoded.
        encoders = [self.encoder() for _ in every] if self.per_tier else [self.encoder()] * len(every)
        return [encode(found) if found else b"" for encode, found in zip(encoders, every, strict=True)]

    def encoder(self) -> Callable[[Sequence[Block]], bytes]:
        """Return the function that codes the group's segments, one after the other, with coder 3 or 4."""
        integers = static.encode
        if self.coder == "adaptive":
            integers = adaptive.Models(self.offset_bits != 0, 16 if self.stepped or self.delta else 4).encode
        return integers if self.stepped or self.delta else blocks.of_floats(self.value_type, integers)

    def tree(self, tiers: int) -> Map:
        """Return the group map."""
        ts = self.tensors
        fields: dict[Any, Any] = {DTYPE: DTYPES.index(self.dtype)}
        if any(t.name for t in ts):
            fields[NAMES] = front_coded([t.name for t in ts])
        fields[SHAPES] = [list(t.shape) for t in ts]
        if any(t.view is not None for t in ts):
            fields[VIEWS] = [t.view if t.view is None else list(t.view) for t in ts]
        if self.bases:
            fields[KINDS] = [BASES.index(kind) for kind in self.bases]
        if "stored" in self.bases:
            fields[FACTORS] = [list(t.factors) for t in ts]
        if "seeded" in self.bases:
            fields[SEEDS] = [list(t.seeds) for t in ts]
        if any(t.kept is not None for t in ts):
            fields[KEPT] = [[t.kept[tier] for t in ts] for tier in range(tiers)]  # type: ignore[index]
        if any(t.corners is not None for t in ts):
            fields[CORNERS] = [[list(corner(t, tier)) for t in ts] for tier in range(tiers)]
        if self.per_tier:
            fields[PER_TIER] = 1
        if self.format:
            fields[FORMAT] = DTYPES.index(self.format)
        if self.stepped:
            fields[STEPS] = [t.step for t in ts]
        if self.offset_bits:
            fields[OFFSETS] = self.offset_bits
        fields[CODER] = CODERS.index(self.coder)
        fields[SIZES] = [len(data) for data in self.segments(tiers)]
        if self.delta:
            fields[DELTA] = 1
        return Map([*fields.items(), *self.extra])


def corner(tensor: Tensor, tier: int) -> Shape:
    """Return the corner of a tensor that has no ``kept``."""
    return tensor.meant if tensor.corners is None else tensor.corners[tier]


def flat(index: Index, shape: Shape) -> int:
    """Return the position of an index in row-major order."""
    place = 0
    for i, n in zip(index, shape, strict=True):
        place = place * n + i
    return place


def slabs(before: Shape, now: Shape) -> Iterator[tuple[Shape, Iterator[Index]]]:
    """Yield the entries of a corner that a smaller one does not have, as slabs: shape and indices (section 4)."""
    for axis in range(len(now)):
        ranges = [range(r) for r in now[:axis]]
        ranges.append(range(before[axis], now[axis]))
        ranges += [range(r) for r in before[axis + 1 :]]
        if all(ranges):
            yield [len(each) for each in ranges], itertools.product(*ranges)


def _flat(offsets: bool, values: Sequence[int]) -> Block:
    return Block(offsets, (len(values),), list(values))


def raw(name: str, dtype: str, shape: Shape, values: Sequence[int], coder: str = "none") -> Group:
    """Return a group of one plain tensor."""
    return Group([Tensor(name, shape, values)], dtype, coder=coder)


def dct(
    name: str, fmt: str, shape: Shape, values: Sequence[int], coder: str = "none", dtype: str = "f32", **more: Any
) -> Group:
    """Return a group of one tensor with a DCT zigzag prefix, in tier 0 unless ``more`` says otherwise.

    Args:
        name: its name.
        fmt: number format of the coefficients, or ``q`` for integers with a step.
        shape: its shape.
        values: the coefficients.
        coder: name of the coder; ``adaptive`` by default for integers.
        dtype: element type.
        more: attributes of the tensor.
    """
    tensor = Tensor(name, shape, values, **{"kept": [len(values)], **more})
    return spectral([tensor], fmt, coder, dtype)


def spectral(tensors: Sequence[Tensor], fmt: str, coder: str = "none", dtype: str = "f32") -> Group:
    """Return a group of tensors with DCT zigzag prefixes."""
    if fmt == "q":
        return Group(tensors, dtype, ["dct"], stepped=True, coder=coder if coder in ENTROPY else ENTROPY[0])
    return Group(tensors, dtype, ["dct"], "" if fmt == dtype else fmt, coder=coder)


def front_coded(names: Sequence[str]) -> list[Any]:
    """Front-code names, each sharing whole characters with the previous one."""
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
        metadata: its metadata; None omits the field.
        aliases: pairs of a name and its target; None omits the field.
        tiers: number of tiers; the field is omitted if it is 1.
        features: its features; None omits the field.
        extra: additional pairs of the directory map.
        pack: encodes the directory.
        deflate: compresses the directory; None stores it uncompressed.
        base: the bytes of the base if the file is a delta file, otherwise None.
    """

    groups: Sequence[Group] = ()
    metadata: dict[str, str] | None = None
    aliases: Sequence[tuple[str, str]] | None = None
    tiers: int = 1
    features: Sequence[str] | None = None
    extra: Sequence[tuple[Any, Any]] = ()
    pack: Callable[[Any], bytes] = msgpack.pack
    deflate: Coder | None = None
    base: bytes | None = None

    @property
    def factors(self) -> list[tuple[Group, Tensor]]:
        """Return all factors, each with its group."""
        return [(group, tensor) for group in self.groups for tensor in group.tensors if not tensor.name]

    def tree(self) -> Map:
        """Return the directory map."""
        tree = Map()
        features = ["delta"] if self.features is None and self.base is not None else self.features
        if features is not None:
            tree.append((FEATURES, list(features)))
        if self.tiers != 1:
            tree.append((TIERS, self.tiers))
        tree.append((GROUPS, [group.tree(self.tiers) for group in self.groups]))
        if self.aliases is not None:
            tree.append((ALIASES, [list(pair) for pair in self.aliases]))
        if self.metadata is not None:
            tree.append((METADATA, Map(self.metadata.items())))
        if self.base is not None:
            tree.append((BASE, Bin(hashlib.sha256(self.base).digest())))
        tree.extend(self.extra)
        return tree

    def directory(self) -> bytes:
        """Return the directory, inflated."""
        return self.pack(self.tree())

    def head(self) -> bytes:
        """Return the bytes before the segments."""
        directory = self.directory()
        return head(directory, deflated=self.deflate(directory) if self.deflate else None)

    def parts(self) -> list[list[bytes]]:
        """Return the segments of each tier, with their checksums."""
        out: list[list[bytes]] = [[] for _ in range(self.tiers)]
        for group in self.groups:
            for tier, data in enumerate(group.segments(self.tiers)):
                if group.blocks(tier):
                    out[tier].append(segment(data))
        return out

    def bytes(self, tiers: int | None = None) -> bytes:
        """Return the file, cut after ``tiers`` tiers."""
        return self.head() + b"".join(b"".join(part) for part in self.parts()[:tiers])


__all__ = ["FLOATS", "File", "Group", "Tensor", "dct", "front_coded", "head", "raw", "segment", "spectral"]
