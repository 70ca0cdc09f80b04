"""The contents of a template, apart from the literal bytes; ``spec/template.md`` is the specification."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Final

from frformat.runtimes.contract import Contract, Wanted

BYTES: Final = 4
"""Size of an element: a 32-bit float, little-endian."""
DIGITS: Final = 64
"""Size of a digest."""
RANK: Final = 8
"""Maximum number of axes of a tensor, a basis or a place."""
TERMS: Final = 1 << 34
"""Maximum number of products that computing a value may add up."""

Axes = tuple[tuple[int, int], ...]
"""For each loop of a place, outermost first, its number of steps and its stride in elements of the value."""


@dataclass(frozen=True)
class Normalization:
    """A batch normalization in evaluation mode. It maps x to scale · x + shift, separately for each channel.

    Attributes:
        eps: number that is added to the variance.
        variance: name of the tensor of variances. Like the other tensors, it has the shape (channels,).
        mean: name of the tensor of means.
        weight: name of the tensor of factors; None if they are 1.
        bias: name of the tensor of biases; None if they are 0.
    """

    eps: float
    variance: str
    mean: str
    weight: str | None = None
    bias: str | None = None

    def tensors(self) -> list[str]:
        """Return the names of its tensors."""
        return [name for name in (self.variance, self.mean, self.weight, self.bias) if name is not None]


@dataclass(frozen=True)
class Plain:
    """A tensor or the coefficients of a tensor of the ``.frz`` file, unchanged."""

    tensor: str


@dataclass(frozen=True)
class Scaled:
    """A tensor multiplied along an axis by the scale of a normalization; the scale itself if there is no tensor."""

    tensor: str | None
    axis: int
    normalization: int


@dataclass(frozen=True)
class Shifted:
    """The bias of a layer before a normalization: scale · tensor + shift, or shift if there is no tensor."""

    tensor: str | None
    normalization: int


@dataclass(frozen=True)
class Core:
    """The coefficients of a spectrum in their box, multiplied by the basis of some axes.

    Attributes:
        tensor: name of the tensor, of which the coefficients are needed.
        box: the smallest corner of the spectrum that contains them.
        expanded: the axes of the spectrum that are multiplied by their basis, in ascending order.
    """

    tensor: str
    box: tuple[int, ...]
    expanded: tuple[int, ...]


Lengths = tuple[tuple[int, int], ...]
"""For each axis of a joint basis, its length n and the number r of its basis functions, 1 ≤ r ≤ n."""


@dataclass(frozen=True)
class Basis:
    """The joint DCT-II basis of several axes: a row for each position, and a column for each basis function."""

    axes: Lengths
    tensor: None = field(default=None, init=False, repr=False)


@dataclass(frozen=True)
class Product:
    """Some rows of a basis, transposed, times a second basis.

    Attributes:
        left: the axes of the first basis.
        start: its first row; there are as many rows as the second basis has.
        right: the axes of the second basis.
    """

    left: Lengths
    start: int
    right: Lengths
    tensor: None = field(default=None, init=False, repr=False)


Value = Plain | Scaled | Shifted | Core | Basis | Product
"""An array that is computed from tensors of the ``.frz`` file and written to one or more places."""


def rows(axes: Lengths) -> int:
    """Return the number of rows of a joint basis."""
    return math.prod(n for n, _ in axes)


def columns(axes: Lengths) -> int:
    """Return the number of columns of a joint basis."""
    return math.prod(r for _, r in axes)


@dataclass(frozen=True)
class Place:
    """The position of some elements of a value in the filled file.

    Attributes:
        offset: offset of the first element in the filled file, in bytes.
        value: index of the value.
        start: index of the first element in the value, in row-major order.
        axes: the loops that visit the elements. Without loops, the place has one element.
    """

    offset: int
    value: int
    start: int
    axes: Axes

    @property
    def elements(self) -> int:
        """The number of elements."""
        return math.prod(count for count, _ in self.axes)

    @property
    def end(self) -> int:
        """The offset after the last element, in bytes."""
        return self.offset + BYTES * self.elements

    @property
    def range(self) -> tuple[int, int]:
        """The smallest and the largest index that the place uses."""
        reach = [(count - 1) * stride for count, stride in self.axes]
        return self.start + sum(min(0, each) for each in reach), self.start + sum(max(0, each) for each in reach)


@dataclass(frozen=True)
class Digest:
    """The position of the SHA-256 of a place's bytes, as 64 lowercase hexadecimal digits, in the filled file.

    ExecuTorch uses digests as keys to share equal weights among models, so they must match the new weights.

    Attributes:
        offset: offset of the first digit in the filled file, in bytes.
        place: index of the place.
    """

    offset: int
    place: int

    @property
    def end(self) -> int:
        """The offset after the last digit, in bytes."""
        return self.offset + DIGITS


@dataclass(frozen=True)
class Layout:
    """The map of a template.

    Attributes:
        runtime: the runtime that reads the filled file, such as ``LiteRT``.
        exporter: the program that wrote the file, with its version.
        size: size of the filled file in bytes.
        tensors: shapes of the needed tensors by name; (k,) if coefficients are needed. All have float elements.
        normalizations: the normalizations that values use.
        values: what the places contain.
        places: the places, in the order of their offsets.
        digests: the digests, in the order of their offsets. They overlap neither each other nor places.
        ties: additional names of tensors, each with the corresponding name in ``tensors``.
        unused: names in the model that the template does not need.
        forms: what the coefficients represent, by the names of the tensors whose coefficients are needed; see
            :meth:`frformat.TensorInfo.form`.
    """

    runtime: str
    exporter: str
    size: int
    tensors: Mapping[str, tuple[int, ...]]
    normalizations: tuple[Normalization, ...]
    values: tuple[Value, ...]
    places: tuple[Place, ...]
    digests: tuple[Digest, ...] = ()
    ties: Mapping[str, str] = field(default_factory=dict)
    unused: Collection[str] = ()
    forms: Mapping[str, tuple[int, ...]] = field(default_factory=dict)

    @property
    def holes(self) -> list[tuple[int, int]]:
        """The offsets at which places and digests start and end, in order."""
        holes: list[Place | Digest] = [*self.places, *self.digests]
        return sorted((each.offset, each.end) for each in holes)

    @property
    def literal(self) -> int:
        """The number of bytes of the filled file that are outside all places and digests."""
        return self.size - sum(end - start for start, end in self.holes)

    @property
    def contract(self) -> Contract:
        """The tensors that an ``.frz`` file must contain."""
        wanted = {name: Wanted(shape, "f32", self.forms.get(name, ())) for name, shape in self.tensors.items()}
        return Contract(wanted, self.ties, self.unused)

    def shape(self, value: Value) -> tuple[int, ...]:
        """Return the shape of a value."""
        if isinstance(value, Basis):
            return rows(value.axes), columns(value.axes)
        if isinstance(value, Product):
            return columns(value.left), columns(value.right)
        if isinstance(value, Core):
            lengths = self.forms[value.tensor]
            return tuple(n if axis in value.expanded else value.box[axis] for axis, n in enumerate(lengths))
        if value.tensor is not None:
            return self.tensors[value.tensor]
        assert not isinstance(value, Plain)
        return self.tensors[self.normalizations[value.normalization].variance]

    def terms(self, value: Value) -> int:
        """Return the number of products that computing a value adds up."""
        if isinstance(value, Product):
            return columns(value.left) * columns(value.right) * rows(value.right)
        if not isinstance(value, Core):
            return 0
        terms, shape = 0, list(value.box)
        for axis in reversed(value.expanded):
            shape[axis] = self.forms[value.tensor][axis]
            terms += math.prod(shape) * value.box[axis]
        return terms
