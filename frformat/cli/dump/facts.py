"""The description of a file. ``dump --json`` prints it; the listing presents it as text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from frformat.format.directory import Shape


@dataclass(frozen=True)
class DirectoryFacts:
    """The size of the directory.

    Attributes:
        stored: bytes in the file.
        inflated: bytes after inflating.
        framed: stored bytes, plus header and checksum.
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
        end: size of a file that is cut after it, in bytes.
        bytes: size of its segments, including checksums.
        segments: number of segments.
        numbers: number of values stored up to its end.
        present: whether the file has it.
        metrics: its metrics, by name, from the metadata.
    """

    tier: int
    end: int
    bytes: int
    segments: int
    numbers: int
    present: bool
    metrics: dict[str, str]


@dataclass(frozen=True)
class FileFacts:
    """The file as a whole.

    Attributes:
        file: its name.
        bytes: its size.
        bytes_used: size up to the end of the open tier: the framed directory, and all groups.
        version: format version.
        tensor_count: number of names, including aliases.
        alias_count: number of aliases.
        factor_count: number of factors.
        weights: number of elements of all tensors.
        dense_f32_bytes: their size as f32.
        ratio: ``dense_f32_bytes`` divided by ``bytes_used``.
        bits_per_parameter: ``bytes_used`` in bits per weight; None if there are no weights.
        numbers: number of values stored up to the open tier.
        segment_bytes: size of all groups up to the open tier.
        directory: the size of the directory.
        tier: the open tier.
        tiers: all tiers, including those that the file lacks.
        metadata: its metadata, a flat map of strings.
    """

    file: str
    bytes: int
    bytes_used: int
    version: int
    tensor_count: int
    alias_count: int
    factor_count: int
    weights: int
    dense_f32_bytes: int
    ratio: float
    bits_per_parameter: float | None
    numbers: int
    segment_bytes: int
    directory: DirectoryFacts
    tier: int
    tiers: list[TierFacts]
    metadata: dict[str, str]


@dataclass(frozen=True)
class GroupFacts:
    """A group of tensors that share segments.

    Attributes:
        group: its number, from 0.
        factors: whether it contains factors instead of tensors.
        bases: kinds of basis of its tensors' axes; the last kind also applies to all remaining axes. None if the
            tensors are plain.
        dtype: type of its tensors.
        format: number format of exact values, if not the dtype.
        stepped: whether values are integers times steps.
        coder: coder of its segments.
        tensors: number of tensors.
        bytes: size of its segments up to the open tier, including checksums.
        bytes_per_tier: size of its segment in each tier up to the open tier, including the checksum.
    """

    group: int
    factors: bool
    bases: tuple[str, ...] | None
    dtype: str
    format: str | None
    stepped: bool
    coder: str
    tensors: int
    bytes: int
    bytes_per_tier: list[int]


Kind = Literal["spectrum", "plain", "computed"]
"""The form of a stored tensor: the first coefficients of its DCT, its elements, or a core with other bases."""


@dataclass(frozen=True)
class TensorFacts:
    """The directory's description of a tensor, or of a factor.

    Attributes:
        name: its name; empty for a factor.
        factor: the number of a factor, from 0; None for a tensor.
        alias_of: the name under which it is stored if it is an alias, else None.
        kind: how it is stored.
        dtype: its element type.
        shape: its shape.
        view: shape that the core and the bases refer to, if not its own.
        bases: the kind of basis of each axis of the view; None for a plain tensor.
        factors: numbers of the factors that ``stored`` axes use, or None.
        seeds: seeds of ``seeded`` axes, or None.
        kept: for each tier, the length of the zigzag prefix; None if the core is a corner.
        corners: for each tier, the corner; None if the core is as large as the view, or a zigzag prefix.
        box: smallest corner that contains the core at the open tier. None for factors and for cores that are corners.
            Also None after many boxes have been computed, because a small file can require any number of slow
            computations.
        per_tier: whether each tier has its own version.
        numbers: number of core entries at the open tier.
        format: number format of exact values, if not the dtype.
        step: step of the values, if they are integers times steps; offsets can change it.
        offsets: the axes that have step offsets, or None.
        coder: coder of its group.
        group: number of its group.
        bytes: its bytes in the file, or its approximate share if it shares segments; 0 for an alias.
        bytes_exact: whether ``bytes`` is exact.
        bits_per_parameter: ``bytes`` in bits per element; None if there are no elements.
        nonzero: number of nonzero values; None if they were not counted.
    """

    name: str
    factor: int | None
    alias_of: str | None
    kind: Kind
    dtype: str
    shape: Shape
    view: Shape | None
    bases: tuple[str, ...] | None
    factors: tuple[int, ...] | None
    seeds: tuple[int, ...] | None
    kept: tuple[int, ...] | None
    corners: tuple[Shape, ...] | None
    box: Shape | None
    per_tier: bool
    numbers: int
    format: str | None
    step: float | None
    offsets: tuple[int, ...] | None
    coder: str
    group: int
    bytes: int
    bytes_exact: bool
    bits_per_parameter: float | None
    nonzero: int | None


State = Literal["ok", "damaged", "unchecked"]


@dataclass(frozen=True)
class Checksums:
    """The results of comparing checksums. In large files, the checksums of segments are not compared.

    Attributes:
        directory: whether the directory's checksum matches; if it does not, the file cannot be described.
        segments: whether the checksums of all present segments match; ``unchecked`` if they were not compared.
        segment_count: number of present segments.
    """

    directory: State
    segments: State
    segment_count: int
