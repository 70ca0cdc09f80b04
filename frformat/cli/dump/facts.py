"""What a file holds, as ``dump --json`` prints it and the listing is made from it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import IO, Final, Literal

from frformat.errors import FrzError
from frformat.format import container
from frformat.format.container import CRC_BYTES, Container, Extent, SegmentReader
from frformat.format.directory import Directory
from frformat.format.reader import FrzFile
from frformat.format.tiers import figures
from frformat.spectral.zigzag import element_count

CHECKED_BYTES: Final = 1 << 26
"""Files of at most so many bytes are also read through, to check the checksums of their segments."""

BOXED_VALUES: Final = 1 << 20
"""The box of more coefficients is not told: finding it costs memory that the size of a file does not bound."""

DENSE_BYTES: Final = 4
"""Bytes of a weight that is stored plainly, as f32."""


@dataclass(frozen=True)
class DirectoryFacts:
    """The directory's bytes.

    Attributes:
        stored: in the file.
        inflated: as they are read.
        framed: stored, with the header and the checksum.
        deflated: whether it is compressed.
    """

    stored: int
    inflated: int
    framed: int
    deflated: bool


@dataclass(frozen=True)
class TierFacts:
    """A tier.

    Attributes:
        tier: its number, from 0.
        end: bytes of a file that is cut after it.
        numbers: values that are stored up to its end.
        present: whether the file has it.
        figures: what metadata tell of it, by name.
    """

    tier: int
    end: int
    numbers: int
    present: bool
    figures: dict[str, str]


@dataclass
class GroupFacts:
    """A group of tensors that share segments.

    Attributes:
        group: its number, from 0.
        coding: of its tensors.
        dtype: of its tensors.
        format: number format of coefficients, or None.
        coder: of its segments.
        tensors: how many.
        bytes: of its segments up to the open tier with their checksums.
        bytes_per_tier: likewise.
    """

    group: int
    coding: str
    dtype: str
    format: str | None
    coder: str
    tensors: int
    bytes: int
    bytes_per_tier: list[int]


@dataclass(frozen=True)
class TensorFacts:
    """What the directory tells of a tensor.

    Attributes:
        name: its name.
        alias_of: the name under which it is stored, or None if that is this one.
        coding: ``dct`` or ``raw``.
        dtype: its element type.
        shape: its shape.
        view: shape in which its spectrum is taken, or None.
        box: of its coefficients at the open tier; None if there are none, or too many to look for it.
        kept: coefficients of each tier, or None.
        format: number format of coefficients, or None.
        step: of an integer format, or None.
        coder: of its group.
        group: its number.
        bytes: of the file that are its own, or about its share if others share its segments.
        bytes_exact: which of the two.
        rows_of: the tensor of which this has the rows of smaller tiers, and so is no weight; or None.
    """

    name: str
    alias_of: str | None
    coding: str
    dtype: str
    shape: tuple[int, ...]
    view: tuple[int, ...] | None
    box: tuple[int, ...] | None
    kept: tuple[int, ...] | None
    format: str | None
    step: float | None
    coder: str
    group: int
    bytes: int
    bytes_exact: bool
    rows_of: str | None


@dataclass(frozen=True)
class FileFacts:
    """All that the directory of a file tells.

    Attributes:
        file: what it is called.
        bytes: its size.
        bytes_used: up to the end of the open tier: the framed directory, and all groups.
        version: of the format.
        tensor_count: names, aliases and rows of smaller tiers among them.
        weights: elements of the tensors.
        dense_f32_bytes: what they would take.
        ratio: how many times as many that is as ``bytes_used``.
        numbers: values that are stored up to the open tier.
        directory: its bytes.
        tier: the open one.
        tiers: all, also those that the file lacks.
        metadata: flat text.
        groups: in file order.
        tensors: in file order.
    """

    file: str
    bytes: int
    bytes_used: int
    version: int
    tensor_count: int
    weights: int
    dense_f32_bytes: int
    ratio: float
    numbers: int
    directory: DirectoryFacts
    tier: int
    tiers: list[TierFacts]
    metadata: dict[str, str]
    groups: list[GroupFacts]
    tensors: list[TensorFacts]


State = Literal["ok", "damaged", "unchecked"]


@dataclass(frozen=True)
class Checksums:
    """Whether checksums match; those of a large file's segments are not checked.

    Attributes:
        directory: that of the directory, without which there would be no facts.
        segments: those of the segments that are present.
        segment_count: how many these are.
    """

    directory: State
    segments: State
    segment_count: int


def file_facts(file: FrzFile, path: str) -> FileFacts:
    """All that the directory tells.

    Args:
        file: the file, open at the tier to be told of.
        path: what to call it.
    """
    contents = file.container
    directory, header = contents.directory, contents.header
    used = contents.ends[file.tier]
    extents = [extent for extent in contents.extents if extent.tier <= file.tier]
    groups = _groups(directory, extents)
    shares = _shares(directory, extents)
    apart = {rows: name for name, rows in file.rows.items()}
    weights = sum(
        element_count(shape)
        for group in directory.groups
        for name, shape in zip(group.names, group.shapes, strict=True)
        if name not in apart
    )
    numbers = list(accumulate(sum(sum(g.counts(tier)) for g in directory.groups) for tier in range(directory.tiers)))
    of_tiers = zip(contents.ends, numbers, figures(directory.metadata, directory.tiers), strict=True)
    return FileFacts(
        file=path,
        bytes=contents.size,
        bytes_used=used,
        version=container.VERSION,
        tensor_count=len(file),
        weights=weights,
        dense_f32_bytes=DENSE_BYTES * weights,
        ratio=DENSE_BYTES * weights / used,
        numbers=numbers[file.tier],
        directory=DirectoryFacts(
            header.stored,
            header.length,
            container.HEADER_BYTES + header.stored + CRC_BYTES,
            bool(header.flags & container.DEFLATED),
        ),
        tier=file.tier,
        tiers=[
            TierFacts(tier, end, count, tier < contents.present, told)
            for tier, (end, count, told) in enumerate(of_tiers)
        ],
        metadata=directory.metadata,
        groups=groups,
        tensors=[_tensor(file, name, groups, shares, apart) for name in file],
    )


def checksum_facts(file: IO[bytes], contents: Container) -> tuple[Checksums, FrzError | None]:
    """Whether the checksums of the segments that are present match; and the first error, if there is one."""
    count = len(contents.extents)
    if contents.size > CHECKED_BYTES:
        return Checksums("ok", "unchecked", count), None
    for extent in contents.extents:
        try:
            SegmentReader(file, extent).check()
        except FrzError as error:
            return Checksums("ok", "damaged", count), error
    return Checksums("ok", "ok", count), None


def _groups(directory: Directory, extents: Sequence[Extent]) -> list[GroupFacts]:
    facts = [
        GroupFacts(
            group=index,
            coding=group.coding,
            dtype=group.dtype,
            format=group.format or None,
            coder=group.coder,
            tensors=len(group.names),
            bytes=0,
            bytes_per_tier=[0] * directory.tiers,
        )
        for index, group in enumerate(directory.groups)
    ]
    for extent in extents:
        facts[extent.group].bytes_per_tier[extent.tier] = extent.size + CRC_BYTES
        facts[extent.group].bytes += extent.size + CRC_BYTES
    return facts


def _shares(directory: Directory, extents: Sequence[Extent]) -> dict[str, float]:
    """For each tensor its group's bytes, by the tensor's share of the values in each segment."""
    shares = {name: 0.0 for group in directory.groups for name in group.names}
    for extent in extents:
        group = directory.groups[extent.group]
        counts = group.counts(extent.tier)
        per_value = (extent.size + CRC_BYTES) / sum(counts)
        for name, count in zip(group.names, counts, strict=True):
            shares[name] += count * per_value
    return shares


def _tensor(
    file: FrzFile, name: str, groups: Sequence[GroupFacts], shares: Mapping[str, float], apart: Mapping[str, str]
) -> TensorFacts:
    info, tier = file.info(name), file.tier
    return TensorFacts(
        name=name,
        alias_of=info.alias_of,
        coding=info.coding,
        dtype=info.dtype,
        shape=info.shape,
        view=info.view,
        box=info.box(tier) if info.kept and info.kept[tier] <= BOXED_VALUES else None,
        kept=info.kept or None,
        format=info.format or None,
        step=info.step,
        coder=info.coder,
        group=info.group,
        bytes=round(shares.get(name, 0.0)),
        bytes_exact=groups[info.group].tensors == 1 or info.alias_of is not None,
        rows_of=apart.get(file.aliases.get(name, name)),
    )
