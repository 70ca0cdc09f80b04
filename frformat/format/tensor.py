"""A tensor in its stored form: a core and a basis for each axis."""

from __future__ import annotations

import operator
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache, cached_property
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from frformat.dtypes import DTYPES, FORMATS, REAL_DTYPES, all_finite, check_unmasked, dtype_name
from frformat.errors import EncodeError, FrzError
from frformat.format import elements, quantization
from frformat.format.bases import KINDS, PLAIN
from frformat.format.directory import Shape
from frformat.format.limits import STEP_CODES
from frformat.spectral import zigzag
from frformat.spectral.bases import Basis
from frformat.spectral.rebuild import rebuild, tiles
from frformat.spectral.spectrum import Spectrum

Array = NDArray[Any]

SPECTRAL: Final = "dct"
"""The kind of all axes of a spectrum."""

STORED: Final = "stored"
"""The kind of axes with a factor."""

BLOCK: Final = 1 << 18
"""Number of values that are examined at a time."""


@dataclass(frozen=True, eq=False)
class Axis:
    """The basis of one axis.

    Attributes:
        kind: ``identity``, ``dct``, ``stored`` or ``seeded``.
        argument: for ``stored``, a factor: a :class:`CodedTensor` or a float32 array of shape (R, length) whose row i
            is basis function i. For ``seeded``, a 64-bit seed. Otherwise None.

    Raises:
        EncodeError: the kind does not exist, or the argument does not fit it.
    """

    kind: str = PLAIN
    argument: CodedTensor | Array | int | None = None

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise EncodeError(f"basis {self.kind!r} is not one of {', '.join(KINDS)}")
        wanted, given = KINDS[self.kind].argument, self.argument
        if wanted == "factor" and isinstance(given, np.ndarray):
            object.__setattr__(self, "argument", CodedTensor.of_array(given))
        elif wanted == "factor" and not isinstance(given, CodedTensor):
            raise EncodeError(f"an axis of {self.kind} needs a factor, not {given!r}")
        elif wanted == "seed" and not (isinstance(given, int) and 0 <= given < 1 << 64):
            raise EncodeError(f"an axis of {self.kind} needs a seed of 64 bits, not {given!r}")
        elif wanted is None and given is not None:
            raise EncodeError(f"an axis of {self.kind} takes no argument, but got {given!r}")

    def basis(self, length: int, count: int) -> Basis:
        """Return the basis with this many rows and columns."""
        given = self.argument.canonical() if isinstance(self.argument, CodedTensor) else self.argument
        return KINDS[self.kind].make(length, count, given)


@cache
def _plain_axes(rank: int) -> tuple[Axis, ...]:
    """Return the axes of a tensor that is stored element by element."""
    return (Axis(),) * rank


@dataclass(frozen=True, eq=False)
class CodedTensor:
    """A core, a basis for each axis, and the representation of the core's values.

    Attributes:
        values: the entries of the core: elements of the tensor's dtype, numbers of ``f16``, ``bf16`` or ``f32``, or
            int32 multiples of steps. Their shape is that of the core, or (k,) if they are ``ordered``.
        shape: shape of the tensor.
        dtype: element type of the tensor, a key of :data:`frformat.dtypes.DTYPES`.
        axes: one for each axis of the view; if empty, all are ``identity``.
        view: shape that the core and the bases refer to, with the tensor's element count; None means ``shape``.
        ordered: whether the values are the first k entries of the view in zigzag order; all others are 0.
        step: step code, if the values are multiples of steps.
        offsets: by axis, int32 arrays that are added to the step code for each index of the core.
        value_type: type of the values, a key of :data:`frformat.dtypes.DTYPES`.
        exact: whether the values are elements of the tensor, bit for bit.

    Raises:
        EncodeError: the parts do not fit together. The values themselves are checked when they are written.
    """

    values: Array
    shape: Shape
    dtype: str
    axes: tuple[Axis, ...] = ()
    view: Shape | None = None
    ordered: bool = False
    step: int | None = None
    offsets: Mapping[int, NDArray[np.int32]] = field(default_factory=dict)
    value_type: str = field(init=False)
    exact: bool = field(init=False)

    def __post_init__(self) -> None:
        check_unmasked(self.values)
        shape = tuple(map(int, self.shape))
        view = None if self.view is None or tuple(self.view) == shape else tuple(map(int, self.view))
        value_type = dtype_name(self.values.dtype)
        plain = not self.axes or all(KINDS[axis.kind].plain for axis in self.axes)
        final = {
            "shape": shape,
            "view": view,
            "axes": tuple(self.axes) or _plain_axes(len(shape if view is None else view)),
            "offsets": {axis: np.asarray(found, np.int32) for axis, found in sorted(self.offsets.items())},
            "value_type": value_type,
            "exact": plain and self.step is None and value_type == self.dtype,
        }
        for name, value in final.items():
            object.__setattr__(self, name, value)
        self._check_core()
        if not plain:
            self._check_axes()
        self._check_type(plain)
        self._check_offsets()

    @classmethod
    def of_spectrum(cls, spectrum: Spectrum, format: str = "auto") -> CodedTensor:
        """Return a spectrum with its coefficients in a number format; see :func:`frformat.save_file`.

        Raises:
            EncodeError: the format does not exist, or a coefficient does not fit it.
        """
        numbers = quantization.quantized(spectrum.coefficients, format)
        axes = (Axis(SPECTRAL),) * len(spectrum.spectral_shape)
        return cls(numbers.values, spectrum.shape, spectrum.dtype, axes, spectrum.view, True, numbers.step)

    @classmethod
    def of_array(cls, array: Array, format: str = "exact", *, axis: int | None = None) -> CodedTensor:
        """Return a plain tensor.

        Args:
            array: an array of any dtype of the format.
            format: ``exact`` keeps the elements unchanged, and ``auto`` stores them in the narrowest lossless form.
                ``f32``, ``f16`` and ``bf16`` round floats to a number format, ``qN`` to integers of N bits (2 to 32),
                and ``step=S`` to multiples of the largest representable step that is at most S.
            axis: with ``qN``, each index of this axis gets its own step; None means one step for the whole tensor.

        Raises:
            EncodeError: the dtype or the numbers do not fit the format, or there is no such axis.
        """
        check_unmasked(array)
        dtype = dtype_name(array.dtype)
        if axis is not None and array.ndim and not 0 <= axis < array.ndim:
            raise EncodeError(f"axis {axis} is not one of the {array.ndim} axes, which begin at 0")
        # Convert to little-endian C order; an array that already has that form is not copied.
        found = elements.elements(np.asarray(array, DTYPES[dtype], order="C"), dtype, format, axis)
        coded = cls(found.values, array.shape, dtype, step=found.step, offsets=found.offsets)
        coded._check_range()
        return coded

    @classmethod
    def like(cls, array: Array, other: CodedTensor) -> CodedTensor | None:
        """Quantize an array with the steps of another tensor, such as an older version, to keep differences small.

        Args:
            array: finite floats.
            other: a plain tensor of multiples of steps, with or without offsets.

        Returns:
            A plain tensor, or None if ``other`` has a different shape or dtype, no steps, or steps that are too small.
        """
        check_unmasked(array)
        whole = not other.ordered and other.corner == other.meant == other.shape
        plain = whole and all(KINDS[axis.kind].plain for axis in other.axes)
        if other.step is None or not plain or array.shape != other.shape or dtype_name(array.dtype) != other.dtype:
            return None
        values = np.empty(array.shape, np.int32)
        try:
            for part in tiles(values.shape, BLOCK):
                values[part] = quantization.whole(array[part].astype(np.float64) / other._sizes(part))
            found = cls(values, other.shape, other.dtype, step=other.step, offsets=other.offsets)
            found._check_range()
        except EncodeError:
            return None
        return found

    @property
    def meant(self) -> Shape:
        """The shape that the core and the bases refer to: the view, or else the tensor's shape."""
        return self.shape if self.view is None else self.view

    @property
    def format(self) -> str | None:
        """Number format of exact values, if it is not the dtype."""
        return None if self.step is not None or self.value_type == self.dtype else self.value_type

    @property
    def kept(self) -> int | None:
        """Length of the zigzag prefix, if the values are ``ordered``."""
        return len(self.values) if self.ordered else None

    @property
    def corner(self) -> Shape:
        """The smallest corner that contains the core."""
        return self._box if self.ordered else self.values.shape

    @cached_property
    def _box(self) -> Shape:
        return zigzag.box(self.meant, len(self.values))

    def canonical(self) -> Array:
        """Return the canonical values, shaped like ``values``: elements of the tensor, or else float32."""
        if self.step is None:
            return self.values if self.exact else self.values.astype(np.float32, copy=False)
        out = np.empty(self.values.shape, np.float32)
        for part in tiles(out.shape, BLOCK):
            out[part] = self.numbers(part)
        return out

    def numbers(self, part: tuple[slice, ...]) -> Array:
        """Return a part of :meth:`canonical`."""
        if self.step is None:
            return self.values[part] if self.exact else self.values[part].astype(np.float32, copy=False)
        return quantization.dequantize(self.values[part], self._sizes(part))

    def rebuild(self) -> Array:
        """Rebuild the tensor as an array of ``shape`` and ``dtype``. It can share memory with ``values``."""
        if self.exact and not self.ordered and self.corner == self.meant:
            return self.values.reshape(self.shape)
        out = np.empty(self.shape, DTYPES[self.dtype])
        bases = [axis.basis(n, r) for axis, n, r in zip(self.axes, self.meant, self.corner, strict=True)]
        core = self._scattered() if self.ordered else _Core(self)
        rebuild(core, bases, out.reshape(self.meant), scratch=self.ordered)
        return out

    def spectrum(self) -> Spectrum | None:
        """Return the tensor as a :class:`Spectrum` if it is one: a zigzag prefix with a DCT along all axes."""
        if not self.ordered or any(axis.kind != SPECTRAL for axis in self.axes) or self.dtype not in REAL_DTYPES:
            return None
        return Spectrum(self.canonical(), self.shape, self.view, self.dtype)

    def check_values(self, *, finite: bool = False) -> None:
        """Check that all values are allowed.

        Args:
            finite: whether values must be finite even if they are elements of the tensor, as in a factor.

        Raises:
            FrzError: ``VALUE``.
        """
        if self.step is not None:
            self._check_multiples(self.step)
        elif self.dtype == "bool":
            if self.values.size and self.values.view(np.uint8).max() > 1:
                raise FrzError("VALUE", "an element of a bool tensor is neither 0 nor 1")
        elif (finite or not self.exact) and not all_finite(self.values):
            raise FrzError("VALUE", "a value is not finite; the program that wrote the file is faulty")

    def _check_range(self) -> None:
        """Check that plain elements of a half-precision type do not overflow because they were rounded up.

        Raises:
            EncodeError: an element overflows.
        """
        if self.exact or self.dtype not in ("f16", "bf16"):
            return
        largest = 0.0
        for part in tiles(self.values.shape, BLOCK):
            largest = max(largest, float(np.abs(self.numbers(part)).max(initial=0)))
        with np.errstate(over="ignore"):
            if not all_finite(np.asarray(largest, np.float32).astype(DTYPES[self.dtype])):
                raise EncodeError(f"an element is rounded to {largest:g}, too large for {self.dtype}; scale the tensor")

    def _check_multiples(self, step: int) -> None:
        """Check the sums of step code and offsets, and that multiples are finite; extremes are checked first."""
        most = max(int(self.values.max(initial=0)), -int(self.values.min(initial=0)))
        if max(most, *(-int(each.min(initial=0)) for each in self.offsets.values()), 0) > quantization.LARGEST:
            raise FrzError("VALUE", "an integer exceeds 32 bits; the program that wrote the file is faulty")
        if 0 in self.corner:
            return
        low, high = (step + sum(int(end(each)) for each in self.offsets.values()) for end in (np.min, np.max))
        if low not in STEP_CODES or high not in STEP_CODES:
            code = low if low not in STEP_CODES else high
            raise FrzError("VALUE", f"step code {code}, with offsets, is not within {STEP_CODES[0]} … {STEP_CODES[-1]}")
        if most * quantization.step(high) < float(np.finfo(np.float32).max):
            return
        for part in tiles(self.values.shape, BLOCK):
            if not all_finite(self.numbers(part)):
                raise FrzError(
                    "VALUE", "a multiple of a step exceeds binary32; the program that wrote the file is faulty"
                )

    def _sizes(self, part: tuple[slice, ...]) -> float | NDArray[np.float64]:
        """Return the step, or the steps of a part's entries in a shape that broadcasts."""
        assert self.step is not None
        if not self.offsets:
            return quantization.step(self.step)
        codes = np.full((1,) * self.values.ndim, self.step, np.int64)
        for axis, found in self.offsets.items():
            shape = [1] * self.values.ndim
            shape[axis] = -1
            codes = codes + found[part[axis]].astype(np.int64).reshape(shape)
        return quantization.steps(codes)

    def _scattered(self) -> Array:
        """Return the box of ordered values."""
        canonical = self.canonical()
        if not self.exact:
            return zigzag.scattered(canonical, self.corner)
        core = np.zeros(zigzag.element_count(self.corner) * canonical.itemsize, np.uint8).view(canonical.dtype)
        core[zigzag.places(self.corner, len(canonical))] = canonical
        return core.reshape(self.corner)

    def _check_core(self) -> None:
        meant, held = self.meant, self.values.shape
        count = zigzag.element_count(self.shape)
        if self.view is not None and zigzag.element_count(meant) != count:
            raise EncodeError(f"view {list(meant)} does not have the {count} elements of shape {list(self.shape)}")
        if len(self.axes) != len(meant):
            raise EncodeError(f"bases for {len(self.axes)} axes, but the shape has {len(meant)}")
        if self.ordered:
            inside = len(held) == 1 and held[0] <= count
        else:
            inside = held == meant or (len(held) == len(meant) and all(map(operator.le, held, meant)))
        if not inside:
            what = f"(k,) with k at most {count}" if self.ordered else f"a corner of {list(meant)}"
            raise EncodeError(f"the core has shape {held}, not {what}")

    def _check_axes(self) -> None:
        if self.ordered:
            if not all(KINDS[axis.kind].ordered for axis in self.axes):
                raise EncodeError("a zigzag prefix allows only identity and dct axes")
            return
        for axis, n, r in zip(self.axes, self.meant, self.corner, strict=True):
            if r > KINDS[axis.kind].most:
                raise EncodeError(
                    f"the core has {r} entries on an axis of {axis.kind}; at most {KINDS[axis.kind].most} are possible"
                )
            if isinstance(axis.argument, CodedTensor):
                axis.argument._check_factor(n, r)

    def _check_factor(self, length: int, rows: int) -> None:
        plain = all(KINDS[axis.kind].plain for axis in self.axes) and self.view is None and not self.ordered
        if not (plain and self.dtype == "f32" and len(self.shape) == 2):
            raise EncodeError("a factor must be a plain matrix of f32")
        if self.shape[1] != length or self.corner[1] != length or self.corner[0] < rows:
            raise EncodeError(
                f"a factor of shape {list(self.corner)} does not fit {rows} entries on an axis of {length}"
            )

    def _check_type(self, plain: bool) -> None:
        if self.dtype not in DTYPES:
            raise EncodeError(f"dtype {self.dtype} is not one of {', '.join(DTYPES)}")
        if not (plain and self.step is None and self.format is None) and self.dtype not in REAL_DTYPES:
            raise EncodeError(f"dtype {self.dtype} cannot be computed from a core, only {', '.join(REAL_DTYPES)} can")
        if self.step is not None and (self.values.dtype != np.int32 or self.step not in STEP_CODES):
            raise EncodeError(
                f"values of {self.value_type} cannot have step code {self.step}; multiples of steps are int32"
            )
        if self.step is None and not (plain and self.format is None) and self.value_type not in FORMATS:
            raise EncodeError(f"values of {self.value_type} are not in a number format: {', '.join(FORMATS)}")

    def _check_offsets(self) -> None:
        if self.offsets and (self.step is None or self.ordered):
            raise EncodeError("step offsets need a corner of multiples of steps")
        for axis, found in self.offsets.items():
            if not 0 <= axis < len(self.corner) or found.shape != (self.corner[axis],):
                raise EncodeError(f"step offsets of axis {axis} cannot have shape {found.shape}")


class _Core:
    """The canonical values of a corner, computed as they are read."""

    def __init__(self, tensor: CodedTensor) -> None:
        self._tensor = tensor
        self.shape = tensor.values.shape

    def __getitem__(self, part: tuple[slice, ...]) -> Array:
        return self._tensor.numbers(part)
