"""What a file holds, as ``dump --json`` prints it and the listing is made from it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from frformat.format.directory import Shape


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
        bytes: of its segments, with their checksums.
        segments: how many it has.
        numbers: values that are stored up to its end.
        present: whether the file has it.
        figures: what metadata tell of it, by name.
    """

    tier: int
    end: int
    bytes: int
    segments: int
    numbers: int
    present: bool
    figures: dict[str, str]


@dataclass(frozen=True)
class FileFacts:
    """The file as a whole.

    Attributes:
        file: what it is called.
        bytes: its size.
        bytes_used: up to the end of the open tier: the framed directory, and all groups.
        version: of the format.
        tensor_count: names, aliases among them.
        alias_count: aliases.
        factor_count: factors.
        weights: elements of the tensors.
        dense_f32_bytes: what they would take.
        ratio: how many times as many that is as ``bytes_used``.
        bits_per_parameter: ``bytes_used`` as bits for each weight; None if there are none.
        numbers: values that are stored up to the open tier.
        segment_bytes: of all groups up to the open tier.
        directory: its bytes.
        tier: the open one.
        tiers: all, also those that the file lacks.
        metadata: flat text.
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
        factors: whether it has factors instead of tensors.
        bases: kinds of the axes of its tensors, of which the last holds for all further ones; None if all are plain.
        dtype: of its tensors.
        format: number format of exact values, if not the dtype.
        stepped: whether values are integers times steps.
        coder: of its segments.
        tensors: how many.
        bytes: of its segments up to the open tier, with their checksums.
        bytes_per_tier: likewise.
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
"""What a tensor is stored as: the first coefficients of its DCT, its elements, or a core with other bases."""


@dataclass(frozen=True)
class TensorFacts:
    """What the directory tells of a tensor, or of a factor.

    Attributes:
        name: its name; empty for a factor.
        factor: the number of a factor, from 0; None for a tensor.
        alias_of: the name under which it is stored, or None if that is this one.
        kind: what it is stored as.
        dtype: its element type.
        shape: its shape.
        view: shape in which the core and the bases are meant, if not its own.
        bases: the kind of each axis of the view; None if all are plain.
        factors: numbers of the factors that ``stored`` axes use, or None.
        seeds: those of ``seeded`` axes, or None.
        kept: for each tier the entries of the zigzag order that the core has; None if it is a corner.
        corners: for each tier the corner; None if the core is as large as the view, or a start of the zigzag order.
        box: smallest corner that contains the core at the open tier; None if it is a corner, or for factors and after
            many tensors, since finding it takes time that the size of a file does not bound.
        per_tier: whether each tier has it anew.
        numbers: values of the core at the open tier.
        format: number format of exact values, if not the dtype.
        step: of the values, if they are integers times steps; offsets may change it.
        offsets: the axes that have step offsets, or None.
        coder: of its group.
        group: its number.
        bytes: of the file that are its own, or about its share if others share its segments; 0 for an alias.
        bytes_exact: which of the two.
        bits_per_parameter: ``bytes`` as bits for each element; None if there are none.
        nonzero: values that are not 0; None if they were not counted.
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
    """Whether checksums match; those of a large file's segments are not checked.

    Attributes:
        directory: that of the directory, without which there would be no facts.
        segments: those of the segments that are present.
        segment_count: how many these are.
    """

    directory: State
    segments: State
    segment_count: int
