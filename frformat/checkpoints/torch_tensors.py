"""Convert between PyTorch tensors and arrays, spectra and sparse tensors, sharing memory where possible."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any, Final
from weakref import ReferenceType, ref

import numpy as np
import torch
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.parameter import is_lazy

from frformat.dtypes import DTYPES
from frformat.dtypes import dtype_name as numpy_dtype_name
from frformat.errors import EncodeError
from frformat.spectral.sparse import Sparse, indices_at
from frformat.spectral.spectrum import Spectrum

TORCH_DTYPES: Final[dict[str, torch.dtype]] = {
    "bool": torch.bool,
    "u8": torch.uint8,
    "i8": torch.int8,
    "u16": torch.uint16,
    "i16": torch.int16,
    "u32": torch.uint32,
    "i32": torch.int32,
    "u64": torch.uint64,
    "i64": torch.int64,
    "f16": torch.float16,
    "bf16": torch.bfloat16,
    "f32": torch.float32,
    "f64": torch.float64,
    "c64": torch.complex64,
    "c128": torch.complex128,
    "f8_e4m3": torch.float8_e4m3fn,
    "f8_e5m2": torch.float8_e5m2,
    "f8_e8m0": torch.float8_e8m0fnu,
}
"""PyTorch's element types by the format's names, in the order of :data:`frformat.dtypes.DTYPES`."""

_CARRIERS: Final = {"bf16": torch.int16, "f8_e4m3": torch.uint8, "f8_e5m2": torch.uint8, "f8_e8m0": torch.uint8}
"""PyTorch cannot share memory with arrays of the ``ml_dtypes`` package's types: their bits are passed as integers."""

PARTIAL: Final = (
    "of which only the part of one process is here; save whole tensors, as torch.distributed.checkpoint.state_dict."
    "get_model_state_dict(model, options=StateDictOptions(full_state_dict=True)) returns them"
)
"""What is wrong with a sharded tensor that cannot be gathered, and what to do."""


def dtype_name(dtype: torch.dtype) -> str:
    """Return the format's name for a PyTorch element type.

    Raises:
        EncodeError: the format has no such element type.
    """
    for name, known in TORCH_DTYPES.items():
        if dtype == known:
            return name
    raise EncodeError(f"dtype {dtype} has no counterpart in the format; convert to one of {', '.join(TORCH_DTYPES)}")


def to_numpy(tensor: Tensor) -> NDArray[Any] | Sparse:
    """Convert a tensor of any device and layout to an array, or to :class:`Sparse` if its layout is sparse.

    The array shares memory with a dense tensor on the CPU. A sharded tensor is gathered, so all processes must call
    this function.

    Raises:
        EncodeError: the format lacks the element type, there are no elements (a meta tensor, a parameter of a lazy
            module, freed memory), or a tensor of this kind is not an array of elements.
    """
    if is_lazy(tensor):
        raise EncodeError("an uninitialized parameter has no elements to store; run the model once")
    name = dtype_name(tensor.dtype)
    if tensor.device.type == "meta":
        raise EncodeError("a tensor on the meta device has no elements to store; load the weights first")
    if tensor.is_nested:
        raise EncodeError("a nested tensor has no single shape; store its parts, or pad it")
    tensor = tensor.detach()
    tensor = gathered(tensor)
    if tensor.layout == torch._mkldnn:  # type: ignore[attr-defined]
        tensor = tensor.to_dense()
    try:
        if tensor.layout != torch.strided:
            return _sparse(tensor.cpu())
        if tensor.untyped_storage().nbytes() < _extent(tensor):
            raise EncodeError("its memory was freed, as FSDP does between uses; gather the whole parameter first")
        tensor = tensor.cpu().resolve_conj().resolve_neg()
        if name in _CARRIERS:
            bits: NDArray[Any] = tensor.view(_CARRIERS[name]).numpy()
            return bits.view(DTYPES[name])
        array: NDArray[Any] = tensor.numpy()
        return array
    except (RuntimeError, TypeError) as error:  # includes NotImplementedError
        reason = str(error).partition("\n")[0]
        raise EncodeError(f"of type {type(tensor).__name__}, which cannot be read as an array: {reason}") from error


def to_torch(value: NDArray[Any] | Sparse | Spectrum) -> Tensor:
    """Convert an array to a CPU tensor that shares its memory, or a sparse tensor or spectrum to a sparse one (COO).

    Args:
        value: an array (writable if the tensor will be written to), a :class:`Sparse` tensor, or a :class:`Spectrum`,
            whose coefficients become float32 elements.
    """
    if isinstance(value, Spectrum):
        value = Sparse.of_spectrum(value)
    if isinstance(value, Sparse):
        indices = torch.from_numpy(indices_at(value.places, value.shape).T)
        values = to_torch(value.values)
        return torch.sparse_coo_tensor(indices, values, value.shape, is_coalesced=True, check_invariants=False)
    name = numpy_dtype_name(value.dtype)
    value = np.asarray(value, DTYPES[name])
    if name in _CARRIERS:
        bits = value.view(np.dtype(f"i{value.itemsize}"))
        return torch.from_numpy(bits).view(TORCH_DTYPES[name])
    return torch.from_numpy(value)


def aliases(tensors: Mapping[str, Any]) -> dict[str, str]:
    """Return the names whose tensor occupies exactly the memory of an earlier name's tensor: ``{name: earlier name}``.

    This means the same storage, offset, shape, strides and element type, or the same object. Views that overlap only
    partly, or that show the same memory in a different shape, are separate tensors. An address means nothing once its
    memory has been freed, so two tensors are compared only while both exist. Tensors that a mapping creates on access
    are therefore never mistaken for each other.
    """
    first: dict[object, tuple[str, ReferenceType[Any]]] = {}
    out = {}
    for name in tensors:
        tensor = tensors[name]
        key, holder = _identity(tensor)
        known = first.get(key)
        if known is not None and known[1]() is not None:
            out[name] = known[0]
        elif holder is not None:
            first[key] = name, holder
    return out


def overlapping(tensors: Iterable[object]) -> set[int]:
    """Return the ids of those tensors of which an element shares memory with another one, or with another's element."""
    by_storage: dict[object, list[Tensor]] = {}
    for tensor in tensors:
        storage = storage_of(tensor)
        if isinstance(tensor, Tensor) and storage is not None:
            by_storage.setdefault((tensor.device, storage.data_ptr()), []).append(tensor)
    return {each for group in by_storage.values() for each in _overlapping(group)}


def _overlapping(group: Sequence[Tensor]) -> set[int]:
    """Return the same as :func:`overlapping`, for tensors in one storage."""
    spans = sorted((_start(tensor), _extent(tensor)) for tensor in group)
    if all(end <= start for (_, end), (start, _) in pairwise(spans)):
        return {id(tensor) for tensor in group if _repeats(tensor)}
    unit = math.gcd(*(tensor.element_size() for tensor in group))
    first, last = spans[0][0], max(end for _, end in spans)
    used, shared = (np.zeros((last - first) // unit, bool) for _ in range(2))
    places = []
    for tensor in group:
        size = tensor.element_size() // unit
        shape, strides = (*tensor.shape, size), (*(stride * size for stride in tensor.stride()), 1)
        own, common = (as_strided(mask[(_start(tensor) - first) // unit :], shape, strides) for mask in (used, shared))
        common |= own
        own[...] = True
        places.append(common)
    return {id(tensor) for tensor, place in zip(group, places, strict=True) if place.any() or _repeats(tensor)}


def _repeats(tensor: Tensor) -> bool:
    """Return whether elements of a tensor may share memory with each other."""
    end = 0
    for stride, length in sorted(zip(tensor.stride(), tensor.shape, strict=True)):
        if length > 1:
            if stride <= end:
                return True
            end += (length - 1) * stride
    return False


def storage_of(tensor: object) -> torch.UntypedStorage | None:
    """Return the memory of a tensor's elements; None if it has no elements, or no memory of its own."""
    if not isinstance(tensor, Tensor) or is_lazy(tensor) or tensor.is_nested or tensor.layout != torch.strided:
        return None
    if tensor.device.type == "meta" or tensor.numel() == 0:
        return None
    try:
        storage = tensor.untyped_storage()
        return storage if storage.data_ptr() else None
    except (RuntimeError, NotImplementedError):  # a subclass without memory of its own
        return None


def _identity(tensor: object) -> tuple[object, ReferenceType[Any] | None]:
    """Return a key shared only by tensors with the same view of the same memory, and a weak reference to ``tensor``."""
    storage = storage_of(tensor)
    if not isinstance(tensor, Tensor) or storage is None:
        return id(tensor), _weak(tensor)
    place = tensor.device, storage.data_ptr(), tensor.storage_offset()
    return (*place, (tuple(tensor.shape), tensor.stride(), tensor.dtype, tensor.is_conj(), tensor.is_neg())), ref(
        storage
    )


def _weak(value: object) -> ReferenceType[Any] | None:
    try:
        return ref(value)
    except TypeError:  # for example, a number
        return None


def _start(tensor: Tensor) -> int:
    """Return the number of bytes of a tensor's storage before its first element."""
    return int(tensor.storage_offset()) * tensor.element_size()


def _extent(tensor: Tensor) -> int:
    """Return the number of bytes of a tensor's storage up to the end of its last element."""
    if tensor.numel() == 0:
        return 0
    last = sum((n - 1) * stride for n, stride in zip(tensor.shape, tensor.stride(), strict=True))
    return int(tensor.storage_offset() + last + 1) * tensor.element_size()


def gathered(tensor: Any) -> Tensor:
    """Return a tensor as a whole. If it is divided among processes, all of them must call this.

    Raises:
        EncodeError: other processes did not call it.
    """
    if not hasattr(tensor, "full_tensor"):
        return tensor  # type: ignore[no-any-return]
    try:
        whole: Tensor = tensor.full_tensor()
    except RuntimeError as error:
        raise EncodeError(f"a sharded tensor, {PARTIAL}") from error
    return whole


def _sparse(tensor: Tensor) -> Sparse:
    tensor = (tensor if tensor.layout == torch.sparse_coo else tensor.to_sparse()).coalesce()
    if tensor.dense_dim():
        return Sparse.of(np.asarray(to_numpy(tensor.to_dense())))
    values = np.asarray(to_numpy(tensor.values()))
    shape = tuple(tensor.shape)
    if tensor.numel() > np.iinfo(np.int64).max // 8:
        raise EncodeError(f"a sparse tensor of shape {list(shape)} has too many elements for memory")
    places = np.ravel_multi_index(tuple(tensor.indices().numpy()), shape) if shape else np.zeros(len(values), np.int64)
    present = values != 0
    return Sparse(np.asarray(places, np.int64)[present], values[present], shape)
