"""What a directory says of one tensor."""

from __future__ import annotations

from dataclasses import dataclass

from frformat.dtypes import DTYPES, REAL_DTYPES
from frformat.format.bases import PLAIN
from frformat.format.directory import Shape
from frformat.format.tensor import SPECTRAL
from frformat.spectral import zigzag


@dataclass(frozen=True)
class TensorInfo:
    """What the directory says of one tensor.

    Attributes:
        name: its name.
        alias_of: the name of the tensor it is tied to, or None.
        dtype: element type, a key of :data:`frformat.dtypes.DTYPES`.
        shape: shape.
        coder: how its group's segments are coded.
        group: index of its group; tensors of a group share their segments.
        index: its own in the group.
        view: shape in which the core and the bases are meant, if not the tensor's own.
        bases: the kind of basis of each axis of the view.
        factors: the numbers of the factors that ``stored`` axes use, in the order of these axes.
        seeds: the seeds of ``seeded`` axes, likewise.
        kept: for each tier of the file how many entries of the zigzag order the core has; empty if it is a corner.
        corners: for each tier the corner; empty if the core is as large as the view, or a start of the zigzag order.
        per_tier: every tier has a tensor of its own.
        format: number format of exact values, if not the dtype.
        step: step of the tensor, if values are integers; offsets may change it.
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
        """Bytes of the rebuilt tensor."""
        return self.elements * DTYPES[self.dtype].itemsize

    @property
    def spectral(self) -> bool:
        """Whether it is stored as a :class:`frformat.Spectrum`: the first coefficients of its DCT."""
        return bool(self.kept) and self.dtype in REAL_DTYPES and set(self.bases) <= {SPECTRAL}

    @property
    def plain(self) -> bool:
        """Whether its elements are stored as they are, or as numbers for each of them, without a basis."""
        return not self.kept and set(self.bases) <= {PLAIN}

    def box(self, tier: int = -1) -> Shape:
        """The smallest corner that contains the core in a tier of the file."""
        meant = self.view if self.view is not None else self.shape
        if self.kept:
            return zigzag.box(meant, self.kept[tier])
        return self.corners[tier] if self.corners else meant

    def numbers(self, tier: int = -1) -> int:
        """How many entries the core has in a tier of the file."""
        return self.kept[tier] if self.kept else zigzag.element_count(self.box(tier))
