"""Describe one tensor using only the directory."""

from __future__ import annotations

from dataclasses import dataclass

from frformat.dtypes import DTYPES, REAL_DTYPES
from frformat.format.bases import PLAIN
from frformat.format.directory import Directory, Shape
from frformat.format.quantization import step
from frformat.format.tensor import SPECTRAL, STORED
from frformat.spectral import zigzag


@dataclass(frozen=True)
class TensorInfo:
    """The directory's description of one tensor.

    Attributes:
        name: its name.
        alias_of: the name of the tensor that it is tied to, or None.
        dtype: element type, a key of :data:`frformat.dtypes.DTYPES`.
        shape: its shape.
        coder: the coder of its group's segments.
        group: index of its group; tensors of a group share their segments.
        index: its index in the group.
        view: the shape that the core and the bases refer to, if it is not the tensor's own.
        bases: the kind of basis of each axis of the view.
        factors: the numbers of the factors that its ``stored`` axes use, in axis order.
        seeds: the seeds of its ``seeded`` axes, in axis order.
        kept: for each tier of the file, the length of the zigzag prefix; empty if the core is a corner.
        corners: for each tier, the corner; empty if the core is as large as the view, or a zigzag prefix.
        per_tier: whether every tier stores its own version of the tensor, complete or up to the tier's corner.
        format: number format of exact values, if it is not the dtype.
        step: if values are integers, the tensor's step, which offsets can change.
        offsets: the axes that have step offsets.
    """

    name: str
    alias_of: str | None
    dtype: str
    shape: Shape
    coder: str
    group: int
    index: int
    view: Shape | None = None
    bases: tuple[str, ...] = ()
    factors: tuple[int, ...] = ()
    seeds: tuple[int, ...] = ()
    kept: tuple[int, ...] = ()
    corners: tuple[Shape, ...] = ()
    per_tier: bool = False
    format: str | None = None
    step: float | None = None
    offsets: tuple[int, ...] = ()

    @property
    def elements(self) -> int:
        """The element count."""
        return zigzag.element_count(self.shape)

    @property
    def nbytes(self) -> int:
        """Size of the rebuilt tensor in bytes."""
        return self.elements * DTYPES[self.dtype].itemsize

    @property
    def spectral(self) -> bool:
        """Whether it is stored as a :class:`frformat.Spectrum`: the first coefficients of its DCT."""
        return bool(self.kept) and self.dtype in REAL_DTYPES and set(self.bases) <= {SPECTRAL}

    @property
    def plain(self) -> bool:
        """Whether its elements are stored one by one, exactly or quantized, without a basis."""
        return not self.kept and set(self.bases) <= {PLAIN}

    def box(self, tier: int = -1) -> Shape:
        """Return the smallest corner that contains the core in a tier of the file."""
        meant = self.view if self.view is not None else self.shape
        if self.kept:
            return zigzag.box(meant, self.kept[tier])
        return self.corners[tier] if self.corners else meant

    def form(self, tier: int = -1) -> tuple[int, ...]:
        """Return what the coefficients represent in a tier of the file; see :meth:`frformat.FrzFile.coefficients`.

        Returns:
            For a spectrum, the shape in which it is taken. For a core with factors, the tensor's shape, and then a
            number for each axis: minus the rank of its factor, or 0 if it has none. Otherwise ().
        """
        if self.spectral:
            return self.shape if self.view is None else self.view
        box = self.box(tier)
        kinds = set(self.bases)
        factored = STORED in kinds and kinds <= {STORED, PLAIN} and self.view is None and not self.kept
        if not factored or any(kind == PLAIN and r < n for kind, r, n in zip(self.bases, box, self.shape, strict=True)):
            return ()
        return (*self.shape, *(-r if kind == STORED else 0 for kind, r in zip(self.bases, box, strict=True)))

    def numbers(self, tier: int = -1) -> int:
        """Return the number of core entries in a tier of the file."""
        return self.kept[tier] if self.kept else zigzag.element_count(self.box(tier))


def describe(directory: Directory, name: str, group_index: int, index: int) -> TensorInfo:
    """Return the description of one tensor or factor.

    Args:
        directory: the directory of its file.
        name: its name, which can be an alias; empty for a factor.
        group_index: its group.
        index: its index in the group.
    """
    group = directory.groups[group_index]
    tiers = range(directory.tiers)
    return TensorInfo(
        name,
        directory.aliases.get(name),
        group.dtype,
        group.shapes[index],
        group.coder,
        group_index,
        index,
        view=group.views[index] if group.views is not None else None,
        bases=group.kinds(index),
        factors=group.factors[index] if group.factors is not None else (),
        seeds=group.seeds[index] if group.seeds is not None else (),
        kept=() if group.kept is None else tuple(group.kept[:, index].tolist()),
        corners=() if group.corners is None else tuple(group.corners.of_tensor(index, tier) for tier in tiers),
        per_tier=group.per_tier,
        format=group.format,
        step=None if group.steps is None else step(group.steps[index]),
        offsets=group.offset_axes(index),
    )
