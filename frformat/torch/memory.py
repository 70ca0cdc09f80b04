"""Write to tensors that share memory with others or with themselves, and replace tensors of a model."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

import torch
from torch import Tensor, nn


class Write(NamedTuple):
    """A tensor to be written to.

    Attributes:
        name: its name, for errors.
        tensor: the destination.
        value: reads the value.
    """

    name: str
    tensor: Tensor
    value: Callable[[], Tensor]


def write(tensor: Tensor, value: Tensor) -> None:
    """Copy a dense tensor into one of the same shape, whose layout, strides, dtype and device do not change."""
    if tensor.layout == torch.strided:
        _once(tensor, tensor).copy_(_once(value, tensor))
        return
    other, trained = _sparse_like(value.to(tensor.device, tensor.dtype), tensor), tensor.requires_grad
    tensor.requires_grad_(False).resize_as_sparse_(other).copy_(other).requires_grad_(trained)


def arranged(value: Tensor, like: Tensor) -> Tensor:
    """Return a value with the strides of another tensor of its shape, for code that uses ``as_strided``."""
    if like.layout != torch.strided or value.layout != torch.strided or value.stride() == like.stride():
        return value
    out = torch.empty_like(like, dtype=value.dtype, device=value.device, memory_format=torch.preserve_format)
    return out.copy_(value)


def conflicts(writes: Iterable[Write]) -> list[str]:
    """Return one line for each conflict: tensors that share memory, but whose new values differ there.

    Nothing is changed. Values are read only for tensors that share memory.
    """
    by_storage: dict[int, list[Write]] = defaultdict(list)
    for each in writes:
        tensor = each.tensor
        if tensor.layout == torch.strided and tensor.device.type != "meta" and tensor.numel():
            by_storage[tensor.untyped_storage().data_ptr()].append(each)
    faults = []
    for group in by_storage.values():
        if _overlap([each.tensor for each in group]):
            faults += _contradictions(group)
    return faults


def overlapping(tensors: Iterable[Tensor]) -> set[int]:
    """Return the ids of those tensors that share memory with others, or with themselves."""
    by_storage: dict[int, list[Tensor]] = defaultdict(list)
    for tensor in tensors:
        if tensor.layout == torch.strided and tensor.device.type != "meta" and tensor.numel():
            by_storage[tensor.untyped_storage().data_ptr()].append(tensor)
    return {id(tensor) for group in by_storage.values() if _overlap(group) for tensor in group}


def replace(model: nn.Module, others: Mapping[int, Tensor]) -> None:
    """Replace parameters and buffers, given by their ids; tied ones stay tied."""
    for module in list(model.modules()):
        for name, own in [*module._parameters.items(), *module._buffers.items()]:
            if own is not None and id(own) in others:
                setattr(module, name, others[id(own)])


def _once(tensor: Tensor, like: Tensor) -> Tensor:
    """Return a tensor with only the first index on each axis along which ``like`` repeats its elements."""
    for axis, stride in enumerate(like.stride()):
        if stride == 0 and like.shape[axis] > 1:
            tensor = tensor.narrow(axis, 0, 1)
    return tensor


def _sparse_like(value: Tensor, like: Tensor) -> Tensor:
    """Convert a dense tensor to the layout of a sparse one."""
    if like.layout == torch.sparse_coo:
        return value.to_sparse(like.sparse_dim())
    block = like.values().shape[1:3] if like.layout in (torch.sparse_bsr, torch.sparse_bsc) else None
    return value.to_sparse(layout=like.layout, blocksize=block, dense_dim=like.dense_dim() or None)


def _overlap(tensors: Sequence[Tensor]) -> bool:
    """Return whether tensors of one storage may share memory with one another, or one of them with itself."""
    if any(torch._debug_has_internal_overlap(tensor) for tensor in tensors):
        return True
    spans = sorted(map(_span, tensors))
    return any(start < end for (_, end), (start, _) in pairwise(spans))


def _span(tensor: Tensor) -> tuple[int, int]:
    """Return the offsets in a tensor's storage of its first byte and of the byte after its last one."""
    start = int(tensor.storage_offset())
    last = start + sum(int((n - 1) * stride) for n, stride in zip(tensor.shape, tensor.stride(), strict=True))
    return start * tensor.element_size(), (last + 1) * tensor.element_size()


def _contradictions(group: Sequence[Write]) -> list[str]:
    """Try the writes on a copy of the storage, and return what differs."""
    copy = group[0].tensor.untyped_storage().clone()  # type: ignore[no-untyped-call]
    views = []
    for name, tensor, value in group:
        view = torch.empty(0, dtype=tensor.dtype, device=tensor.device)
        view.set_(copy, tensor.storage_offset(), tensor.shape, tensor.stride())
        try:
            write(view, value())
        except RuntimeError:
            return [f"{name}: its elements share memory in the model, so it cannot be written to"]
        views.append(view)
    wrong = [each.name for each, view in zip(group, views, strict=True) if not _same(view, each.value())]
    shared = "shares memory in the model" if len(group) == 1 else "share memory in the model"
    return [f"{', '.join(wrong)}: {shared}, but the file has values that differ there"] if wrong else []


def _same(one: Tensor, other: Tensor) -> bool:
    other = other.to(one.device, one.dtype)
    return bool(((one == other) | (one.isnan() & other.isnan())).all())
