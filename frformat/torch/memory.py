"""Write to tensors that share memory with others or with themselves, and replace tensors of a model."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from frformat.checkpoints.torch_tensors import overlapping


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
    writes = list(writes)
    shared = overlapping(each.tensor for each in writes)
    by_storage: dict[int, list[Write]] = defaultdict(list)
    for each in writes:
        if id(each.tensor) in shared:
            by_storage[each.tensor.untyped_storage().data_ptr()].append(each)
    return [fault for group in by_storage.values() for fault in _contradictions(group)]


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
