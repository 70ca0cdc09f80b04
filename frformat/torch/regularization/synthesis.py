"""The linear map from the first coefficients of a spectrum to its tensor, in about one pass over the tensor.

The coefficients are placed into their box, and the box is multiplied along each axis by the basis. Short trailing axes
(a convolution's kernel) are merged into one. There are two orders:

* thin: last axis first, so that all products but the last are small; the last one writes the tensor.
* wide, if so many functions of a long basis are kept that an FFT pays off: first axis first, on a box with its axes
  reversed (except the short ones, so that neighbors in zigzag order lie close together). Each axis is moved to the end
  and transformed there. The product along the short axes writes the tensor.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Final

import torch
from torch import Tensor, nn

from frformat.spectral import zigzag
from frformat.torch.lowrank import bases
from frformat.torch.lowrank.algebra import expand
from frformat.torch.regularization import transform

SHORT: Final = 64
"""Trailing axes are merged as long as the merged axis has at most this many elements."""

FFT_RANK: Final = 256
FFT_ELEMENTS: Final = 1 << 16
"""An FFT is faster than a product with the basis (with AVX-512) if an axis has at least :data:`FFT_RANK` coefficients
in the box, and the tensor has at least :data:`FFT_ELEMENTS` elements."""


class Synthesis(nn.Module):
    """Σ_i c_i · u_i over the first ``k`` basis functions u of a tensor's DCT, in zigzag order.

    The basis is orthonormal, so the adjoint of this map is the forward transform, truncated to ``k`` coefficients.

    Attributes:
        shape: shape in which the spectrum is taken.
        kept: number of coefficients, ``k``.
        box: smallest corner of the spectrum that contains them.
        short: index of the first merged axis; the rank, if there are none.
    """

    places: Tensor
    short_basis: Tensor
    kept: int
    box: tuple[int, ...]

    def __init__(self, shape: Sequence[int], kept: int, device: torch.device | str, dtype: torch.dtype) -> None:
        """Compute the tables.

        Args:
            shape: shape of any rank, without axes of length 0.
            kept: number of coefficients, from 1 to the element count.
            device: device of the coefficients.
            dtype: type to compute in: float64, or float32 for all other types.
        """
        super().__init__()
        self.shape = tuple(shape) or (1,)
        self.short = len(self.shape)
        while self.short > 1 and math.prod(self.shape[self.short - 1 :]) <= SHORT:
            self.short -= 1
        self._tabulate(kept, device, dtype)

    @property
    def lengths(self) -> tuple[int, ...]:
        """Extents of the axes, with the short ones merged into one, which may be 1."""
        return (*self.shape[: self.short], math.prod(self.shape[self.short :]))

    @property
    def ranks(self) -> tuple[int, ...]:
        """Extents of the box, with the short axes merged."""
        return (*self.box[: self.short], math.prod(self.box[self.short :]))

    @property
    def thin(self) -> bool:
        """Whether no axis is transformed by FFT."""
        return not self._wide

    def forward(self, coefficients: Tensor) -> Tensor:
        """Return the tensor in its spectral shape from coefficients of shape (k,); computed in their dtype."""
        write = self._write_wide if self._wide else self._write_thin
        return write(self._lay(coefficients)).reshape(self.shape)

    def adjoint(self, tensor: Tensor) -> Tensor:
        """Return the first ``k`` coefficients of a tensor of the spectral shape: shape (k,), in its dtype."""
        with torch.inference_mode(False), torch.enable_grad():
            tensor = tensor.clone() if tensor.is_inference() else tensor
            coefficients = tensor.new_zeros(self.kept, requires_grad=True)
            return torch.autograd.grad(self(coefficients), coefficients, tensor)[0]

    def core(self, coefficients: Tensor, *, expanded: bool = True) -> Tensor:
        """Return the box, optionally expanded along the short axes: shape (r0, …, n or r of the merged short axes).

        Its product with the bases of all other axes is the tensor.
        """
        box = self._lay(coefficients)
        if self._wide:
            box = box.reshape(*reversed(self.box[: self.short]), -1)
            box = box.permute(*reversed(range(self.short)), self.short)
        if expanded:
            box = expand(box, [*self._left, *self._short_tables()])
        return box.reshape(*self.box[: self.short], -1)

    def rest(self, coefficients: Tensor) -> Tensor:
        """Return the tensor before the product with the first axis's basis, if the box is thin: (r0, elements / n0)."""
        return expand(self._lay(coefficients), [self._left[0], *self._tables()[1:]]).reshape(self.box[0], -1)

    def basis(self, axis: int) -> Tensor:
        """Return the basis of an axis before :attr:`short`, of shape (n, r), if the box is thin."""
        return self.get_buffer(f"basis{axis}")

    def expand(self, axis: int, tensor: Tensor) -> Tensor:
        """Expand a tensor's last axis from the ``r`` coefficients of ``axis``, which is not short, to ``n`` values."""
        by_fft = self._by_fft(axis)
        expanded: Tensor = transform.idct(tensor, self.shape[axis]) if by_fft else tensor @ self.basis(axis).T
        return expanded

    def project(self, axis: int, tensor: Tensor) -> Tensor:
        """Project a tensor's last axis from ``n`` values to the ``r`` coefficients of ``axis``, which is not short."""
        return transform.dct(tensor, self.box[axis]) if self._by_fft(axis) else tensor @ self.basis(axis)

    def project_rows(self, rows: Tensor) -> Tensor:
        """Project all axes but the first: (rows, elements / n0) → (rows, r1, …, r of the merged short axes)."""
        tensor = rows.reshape(len(rows), *self.lengths[1:])
        if self.short_basis.numel() > 1:
            tensor = tensor @ self.short_basis
        for axis in range(1, self.short):
            tensor = self.project(axis, tensor.movedim(axis, -1)).movedim(-1, axis)
        return tensor

    @torch.inference_mode(False)  # training uses the tables
    def resize(self, kept: int) -> None:
        """Switch to a different number of coefficients."""
        if kept < self.kept and self._box_of(self.places[:kept]) == self.box:
            self.kept = kept
            self.places = self.places[:kept].clone()
        else:
            self._tabulate(kept, self.short_basis.device, self.short_basis.dtype)

    def follow(self, coefficients: Tensor) -> None:
        """Compute the tables for coefficients on another device or of another type."""
        device, dtype = coefficients.device, torch.promote_types(coefficients.dtype, torch.float32)
        if (self.short_basis.device, self.short_basis.dtype) != (device, dtype):
            self._tabulate(self.kept, device, dtype)

    def extra_repr(self) -> str:
        """Return the box."""
        return f"box={list(self.box)}"

    def _lay(self, coefficients: Tensor) -> Tensor:
        """Place the coefficients into the flat box: shape (elements of the box,), zero elsewhere."""
        if len(self.shape) == 1:
            return coefficients
        size = math.prod(self.box)
        if size > self.kept:
            return coefficients.new_zeros(size).scatter_(0, self.places, coefficients)
        if size >= transform.BLOCK:
            permuted: Tensor = transform.permute(coefficients, self.places)
            return permuted
        return coefficients.new_empty(size).scatter_(0, self.places, coefficients)

    def _box_of(self, places: Tensor) -> tuple[int, ...]:
        """Return the smallest corner that contains some positions of the current box."""
        strides = zip(self._strides, self.box, strict=True)
        return tuple(int((places // stride % r).max()) + 1 for stride, r in strides)

    def _write_thin(self, box: Tensor) -> Tensor:
        return expand(box, self._tables())

    def _write_wide(self, box: Tensor) -> Tensor:
        tensor = box.reshape(*reversed(self.box[: self.short]), -1)
        for axis in range(self.short):
            # The axes are now: the remaining ones, last first; the short ones; those already transformed.
            tensor = self.expand(axis, tensor.movedim(-2 - axis, -1))
        tensor = tensor.reshape(len(tensor), -1).T
        return tensor @ self.short_basis.T if self.short_basis.numel() > 1 else tensor

    def _tables(self) -> list[Tensor]:
        """Return the bases of a thin box, with those of the short axes merged."""
        return [*map(self.basis, range(self.short)), *self._short_tables()]

    def _short_tables(self) -> list[Tensor]:
        return [self.short_basis] if self.short_basis.numel() > 1 else []

    def _by_fft(self, axis: int) -> bool:
        return self.box[axis] >= FFT_RANK and math.prod(self.shape) >= FFT_ELEMENTS

    @torch.inference_mode(False)
    def _tabulate(self, kept: int, device: torch.device | str, dtype: torch.dtype) -> None:
        """Decide on the order and fill the buffers, which are computed in float64."""
        self.kept = kept
        self.box = zigzag.box(self.shape, kept)
        lead, order = range(self.short), list(range(len(self.shape)))
        self._wide = any(map(self._by_fft, lead))
        layout = [*reversed(lead), *order[self.short :]] if self._wide else order
        self._strides = [math.prod(self.box[a] for a in layout[layout.index(axis) + 1 :]) for axis in order]
        self.register_buffer("places", bases.places(self.shape, kept, self._strides).to(device), persistent=False)
        for axis in lead:
            used = not self._by_fft(axis)
            table = bases.cosines(self.shape[axis], self.box[axis]) if used else torch.empty(0, 0, device="cpu")
            self.register_buffer(f"basis{axis}", table.to(device, dtype), persistent=False)
        table = bases.joint(self.shape[self.short :], self.box[self.short :])
        self.register_buffer("short_basis", table.to(device, dtype), persistent=False)
        self._left = [
            torch.empty(0, self.box[axis], device=device) for axis in lead
        ]  # for `expand`: axes that are left unchanged

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Synthesis:
        """Move to a device with the module, but compute in at least float32; recompute buffers that were lost."""
        lost, before = self.short_basis.device.type == "meta", self.short_basis.dtype
        super()._apply(fn, recurse)  # type: ignore[no-untyped-call]
        dtype = torch.promote_types(self.short_basis.dtype, torch.float32)
        if lost or {before, self.short_basis.dtype} != {dtype}:
            self._tabulate(self.kept, self.short_basis.device, dtype)
        return self
