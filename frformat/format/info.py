"""What a directory says of one tensor."""

from __future__ import annotations

from dataclasses import dataclass

from frformat.dtypes import DTYPES
from frformat.format.directory import Shape
from frformat.spectral import zigzag


@dataclass(frozen=True)
class TensorInfo:
    """What the directory says of one tensor.

    Attributes:
        name: its name.
        alias_of: the name of the tensor it is tied to, or None.
        coding: ``raw`` or ``dct``.
        dtype: element type, a key of :data:`frformat.dtypes.DTYPES`.
        shape: shape.
        coder: how its group's segments are coded.
        group: index of its group; tensors of a group share their segments.
        view: shape in which the spectrum is taken, if not the tensor's own.
        format: number format of the coefficients; empty for ``raw``.
        step: step of an integer format, else None.
        kept: for each tier of the file how many coefficients it and those before it hold; empty for ``raw``.
    """

    name: str
    alias_of: str | None
    coding: str
    dtype: str
    shape: Shape
    coder: str
    group: int
    view: Shape | None = None
    format: str = ""
    step: float | None = None
    kept: tuple[int, ...] = ()

    @property
    def elements(self) -> int:
        """The element count."""
        return zigzag.element_count(self.shape)

    @property
    def nbytes(self) -> int:
        """Bytes of the rebuilt tensor."""
        return self.elements * DTYPES[self.dtype].itemsize

    def box(self, tier: int = -1) -> Shape:
        """The smallest corner of the spectrum that holds the coefficients of ``tier``; () for ``raw``."""
        return zigzag.box(self.view if self.view is not None else self.shape, self.kept[tier]) if self.kept else ()
