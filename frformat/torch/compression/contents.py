"""Convert a model to the tensors of its file: integers with steps where quantized, and compact types otherwise."""

from __future__ import annotations

import io
from collections.abc import Collection, Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

import frformat
from frformat import Axis, CodedTensor, FrzFile
from frformat.checkpoints.torch_tensors import aliases as tied
from frformat.checkpoints.torch_tensors import dtype_name, to_numpy, to_torch
from frformat.dtypes import DTYPES, REAL_DTYPES
from frformat.errors import EncodeError
from frformat.spectral.sparse import Sparse
from frformat.torch.compression.quantizing import Integers
from frformat.torch.compression.steps import Plan

Array = NDArray[Any]
Stored = Any

SMALLEST: Final = 2.0**-14
LARGEST: Final = 65504.0
"""Smallest and largest normal numbers of binary16."""

FORMAT: Final = "q8"
"""Number format of tensors of rank 2 or more that have no plan."""

FINER_FORMAT: Final = "q12"
"""The same, for tensors that :data:`FORMAT` would change too much."""

VECTOR_FORMAT: Final = "q10"
"""Number format of vectors with elements of similar magnitude."""

RANGE: Final = 10
"""Largest ratio of magnitudes at which elements count as similar."""


class Contents:
    """The tensors of a compressed model.

    Args:
        state: tensors and spectra by name in the state dict.
        names: names in the file, by the names in ``state``.
        plans: plans of the quantized tensors.
        biases: names of the biases to quantize as well.
        exact: names of the tensors to store exactly.

    Attributes:
        quantized: number of elements of the tensors with plans.
    """

    def __init__(
        self,
        state: Mapping[str, Stored],
        names: Mapping[str, str],
        plans: Mapping[str, Plan],
        biases: Collection[str] = (),
        exact: Collection[str] = (),
    ) -> None:
        tensors = {name: value for name, value in state.items() if isinstance(value, Tensor)}
        self._ties = {names[n]: names[t] for n, t in tied(tensors).items() if n in names and t in names}
        self._names, self._plans = names, plans
        self._base: FrzFile | None = None
        self._dtypes = {name: _dtype(name, value) for name, value in tensors.items()}
        own = {name: value for name, value in tensors.items() if names.get(name) not in self._ties}
        self._elements = sum(value.numel() for value in own.values() if value.is_floating_point())
        self.quantized = max(1, sum(tensors[name].numel() for name in plans))
        self._others: dict[str, Stored] = {}
        self._wider: dict[str, list[Stored]] = {}
        for name, value in state.items():
            if name in plans or name in biases or names.get(name) in self._ties or name not in names:
                continue
            if not isinstance(value, Tensor):
                self._others[name] = value
            elif name in exact:
                self._others[name] = _array(name, value)
            else:
                self._others[name], *self._wider[name] = forms(_array(name, value))

    @property
    def elements(self) -> int:
        """Number of elements of the floating-point tensors."""
        return self._elements

    @property
    def unseen(self) -> list[str]:
        """Names of tensors that were rounded to :data:`FORMAT` because they have no plan."""
        return [name for name, wider in self._wider.items() if len(wider) > 1]

    @property
    def rounded(self) -> list[str]:
        """Names of all tensors without a plan that were rounded."""
        return [name for name, wider in self._wider.items() if wider]

    def widen(self, name: str) -> None:
        """Store a tensor that was rounded in the next more precise form."""
        self._others[name] = self._wider[name].pop(0)

    def file_name(self, name: str) -> str:
        """Return the name that one of the model's tensors has in the file."""
        return self._names[name]

    def give(self, state: Mapping[str, Stored], names: Collection[str] | None = None) -> None:
        """Replace the values of tensors without plans with the rounded values that the file stores.

        Args:
            state: the tensors of a model by name.
            names: the tensors to replace; all by default.
        """
        for name in self.rounded if names is None else names:
            state[name].copy_(to_torch(self._others[name].rebuild()))

    def tensors(self, found: Mapping[str, Integers]) -> dict[str, Stored]:
        """Return all tensors by their names in the file, in the order of the state dict."""
        out = {}
        for name, plain in self._names.items():
            if name in self._others:
                out[plain] = self._others[name]
            elif name in found:
                out[plain] = self.coded(name, found[name])
        return out

    def coded(self, name: str, integers: Integers) -> CodedTensor:
        """Return a quantized tensor in its stored form."""
        return coded(self._plans.get(name), integers, self._dtypes[name])

    def follow(self, plans: Mapping[str, Plan], base: FrzFile) -> None:
        """Replace the plans, and write files as differences from ``base`` from now on."""
        self._plans, self._base = plans, base

    def file(self, found: Mapping[str, Integers], metadata: Mapping[str, str]) -> bytes:
        """Return the contents of the file."""
        return frformat.save(self.tensors(found), metadata=metadata, aliases=self._ties, base=self._base)


def coded(plan: Plan | None, integers: Integers, dtype: str) -> CodedTensor:
    """Return integers as a tensor of the file. Biases have no plan."""
    shape = integers.values.shape
    axes = tuple(Axis("dct" if plan and plan.cosines and axis > 1 else "identity") for axis in range(len(shape)))
    return CodedTensor(integers.values, shape, dtype, axes, step=integers.code, offsets=plan.offsets if plan else {})


def coded_bytes(tensor: CodedTensor) -> int:
    """Return the size in bytes of a tensor's values in a file that contains nothing else."""
    with frformat.open(io.BytesIO(frformat.save({"tensor": tensor}))) as file:
        return int(sum(group.sizes.sum() for group in file.container.directory.groups))


def forms(array: Array) -> list[Array | CodedTensor]:
    """Return the forms in which a tensor without a plan can be stored, from the most compact to the exact one.

    There is only one if integers with a step, or 16-bit floats, represent the tensor exactly, and for types other than
    real floats. Otherwise, tensors of rank 2 or more can become integers of 8 or 12 bits with one step for each index
    of the first axis. Vectors can become 10-bit integers if their elements have similar magnitudes, and 16-bit floats
    if not. Constant vectors, such as scales of 1 that are folded into weights, are 16-bit floats: as integers, they
    would share a coder with biases, whose statistics differ.
    """
    dtype = next((name for name in REAL_DTYPES if DTYPES[name] == array.dtype), None)
    if dtype is None or not np.isfinite(array).all():
        return [array]
    try:
        if _is_constant(array):
            return [CodedTensor.of_array(array, "f16")]
        exact = CodedTensor.of_array(array, "auto")
        if exact.step is not None or exact.value_type in ("f16", "bf16"):
            return [exact]
        if array.ndim > 1:
            return [*(CodedTensor.of_array(array, each, axis=0) for each in (FORMAT, FINER_FORMAT)), array]
        sizes = np.abs(array[array != 0]).astype(np.float64)
        if sizes.size and _even(sizes, array):
            return [CodedTensor.of_array(array, VECTOR_FORMAT), array]
        fits = sizes.size == 0 or (sizes.min() >= SMALLEST and sizes.max() <= LARGEST)
        return [CodedTensor.of_array(array, "f16" if fits else "bf16"), array]
    except EncodeError:  # the values exceed the range of steps or of 16-bit floats
        return [array]


def _is_constant(array: Array) -> bool:
    """Return whether an array is a vector of one repeated number that binary16 represents exactly."""
    if array.ndim != 1 or not array.size:
        return False
    wide = array.astype(np.float64)
    return bool(abs(wide[0]) <= LARGEST and (wide == np.float16(wide[0])).all())


def _even(sizes: NDArray[np.float64], array: Array) -> bool:
    """Return whether one step suits all elements. Those of one sign, such as variances, must be closer together."""
    if array.min() >= 0 or array.max() <= 0:
        return bool(sizes.max() < RANGE * sizes.min())
    return bool(sizes.max() < RANGE * np.sqrt(np.square(sizes).mean()))


def _dtype(name: str, value: Tensor) -> str:
    try:
        return dtype_name(value.dtype)
    except EncodeError as error:
        raise EncodeError(f"tensor {name!r}: {error}") from error


def _array(name: str, value: Tensor) -> Array:
    try:
        found = to_numpy(value)
    except EncodeError as error:
        raise EncodeError(f"tensor {name!r}: {error}") from error
    return found.dense() if isinstance(found, Sparse) else found
