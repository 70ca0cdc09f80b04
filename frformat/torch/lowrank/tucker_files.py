"""Convert between weights in Tucker form and tensors with ``stored`` axes in files."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from frformat import Axis, CodedTensor, FrzFile, TensorInfo
from frformat.checkpoints.precision import overflow, vanishing
from frformat.checkpoints.torch_tensors import dtype_name
from frformat.errors import EncodeError
from frformat.torch.lowrank.tucker import parts, tucker_tensors


def tucker_state(model: nn.Module, format: str | Mapping[str, str] = "auto") -> dict[str, CodedTensor]:
    """Return the weights in Tucker form as files store them, by their names in the plain model.

    Args:
        model: any model.
        format: number format of cores and factors, for all or by name, as for :func:`frformat.save_file`.

    Raises:
        EncodeError: a value is not finite, or does not fit the format.
    """
    found = {}
    for name, held in tucker_tensors(model).items():
        given = format if isinstance(format, str) else format.get(name, "auto")
        try:
            found[name] = _coded(held, given)
        except EncodeError as error:
            raise EncodeError(f"tensor {name!r}: {error}") from error
    return found


def _coded(held: Any, format: str) -> CodedTensor:
    for part in parts(held):
        fault = overflow(part, torch.float32) or vanishing(part, torch.float32)
        if fault:
            raise EncodeError(f"{fault}, the type of cores and factors in files")
    core, *factors = (part.detach().to("cpu", torch.float32) for part in parts(held))
    shape = held[0].shape
    axes = [Axis()] * len(shape)
    for axis, factor in zip(held[0].ranks, factors, strict=True):
        axes[axis] = Axis("stored", _numbers(factor.T, format))
    values = _numbers(core, format)
    dtype = dtype_name(held.original0.dtype)
    return CodedTensor(values.values, shape, dtype, tuple(axes), step=values.step, offsets=values.offsets)


def _numbers(tensor: Tensor, format: str) -> CodedTensor:
    if not bool(torch.isfinite(tensor).all()):
        raise EncodeError("a value of its core or factors is not finite")
    by_slice = 0 if format[:1] == "q" else None
    return CodedTensor.of_array(tensor.contiguous().numpy(), format, axis=by_slice)


def misfit(info: TensorInfo, held: Any) -> str | None:
    """Return why the core and factors of a weight cannot be loaded from a file."""
    form = held[0]
    kinds = tuple("stored" if axis in form.ranks else "identity" for axis in range(len(form.shape)))
    there = f"{list(info.box())} with bases {', '.join(info.bases) or 'identity'}"
    if info.shape == form.shape and info.view is None and info.bases == kinds and info.box() == form.core_shape:
        return None
    return (
        f"the file has a core of {there}, the model one of {list(form.core_shape)} with bases {', '.join(kinds)}: load "
        "the file before decompose(), or decompose() to the ranks of the file"
    )


def read(file: FrzFile, name: str) -> list[Tensor]:
    """Return the core and the factors (n, r) of a tensor that fits.

    Raises:
        FrzError: the file is damaged.
    """
    stored = file.stored(name)
    found = [torch.from_numpy(stored.canonical().copy())]
    for axis, length, rank in zip(stored.axes, stored.shape, stored.corner, strict=True):
        if isinstance(axis.argument, CodedTensor):
            factor = axis.argument.canonical()[:rank, :length]
            found.append(torch.from_numpy(factor.T.copy()))
    return found
