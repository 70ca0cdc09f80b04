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
from frformat.torch.lowrank.layers import coded
from frformat.torch.lowrank.tucker import parts, tucker_tensors
from frformat.torch.lowrank.tucker_factors import TuckerFactors


def tucker_state(model: nn.Module, format: str | Mapping[str, str] = "auto") -> dict[str, CodedTensor]:
    """Return the weights in Tucker form as files store them, by their names in the plain model.

    Args:
        model: any model; its layers can also be results of :func:`frformat.torch.factorize`.
        format: number format of cores and factors, for all or by name; see :func:`frformat.save_file`.

    Raises:
        EncodeError: a value is not finite, or does not fit the format.
    """
    found = {}
    trained = {name: (form(held), parts(held)) for name, held in tucker_tensors(model).items()}
    for name, (factors, values) in {**trained, **_layers(model)}.items():
        given = format if isinstance(format, str) else format.get(name, "auto")
        try:
            found[name] = _coded(factors, values, given)
        except EncodeError as error:
            raise EncodeError(f"tensor {name!r}: {error}") from error
    return found


def form(held: Any) -> TuckerFactors:
    """Return the form of a weight in the current tier, without regard to its layer."""
    ranks = tuple(held[0].used.get(axis, 0) for axis in range(len(held[0].shape)))
    return TuckerFactors(held[0].shape, ranks, transposed=False)


def _layers(model: nn.Module) -> dict[str, tuple[TuckerFactors, list[Tensor]]]:
    """Return the form and the parts of each weight that is a vector of a core and factors, by name."""
    state, found = model.state_dict(keep_vars=True), {}
    for name, each in coded(model).items():
        if not each.spectral:
            factors = TuckerFactors.of(each.form, transposed=False)
            found[name] = factors, factors.split(state[name])
    return found


def vector(held: Any) -> Tensor:
    """Return the current tier's coefficients, in the order of :meth:`frformat.FrzFile.coefficients`."""
    core, *factors = held[0].corner(*parts(held))
    return torch.cat([core.flatten(), *(factor.T.flatten() for factor in factors)])


def _coded(form: TuckerFactors, values: list[Tensor], format: str) -> CodedTensor:
    for part in values:
        fault = overflow(part, torch.float32) or vanishing(part, torch.float32)
        if fault:
            raise EncodeError(f"{fault}, the type of cores and factors in files")
    core, *factors = (part.detach().to("cpu", torch.float32) for part in values)
    axes = [Axis()] * len(form.shape)
    along = [axis for axis, rank in enumerate(form.ranks) if rank]
    for axis, factor in zip(along, factors, strict=True):
        axes[axis] = Axis("stored", _numbers(factor.T, format))
    numbers = _numbers(core, format)
    dtype = dtype_name(values[0].dtype)
    return CodedTensor(numbers.values, form.shape, dtype, tuple(axes), step=numbers.step, offsets=numbers.offsets)


def _numbers(tensor: Tensor, format: str) -> CodedTensor:
    if not bool(torch.isfinite(tensor).all()):
        raise EncodeError("a value of its core or factors is not finite")
    by_slice = 0 if format[:1] == "q" else None
    return CodedTensor.of_array(tensor.contiguous().numpy(), format, axis=by_slice)


def misfit(info: TensorInfo, held: Any, tier: int) -> str | None:
    """Return why the core and factors of a weight cannot be loaded from a tier of a file."""
    form = held[0]
    kinds = tuple("stored" if axis in form.ranks else "identity" for axis in range(len(form.shape)))
    box, core = info.box(tier), form.core_of(form.ranks)
    if info.shape == form.shape and info.view is None and info.bases == kinds and box == core:
        return None
    return (
        f"the file has a core of {list(box)} with bases {', '.join(info.bases) or 'identity'}, the model one of "
        f"{list(core)} with bases {', '.join(kinds)}: load the file before decompose(), or decompose() to the ranks of "
        "the file"
    )


def smaller_ranks(info: TensorInfo, held: Any, tier: int) -> list[tuple[int, ...]]:
    """Return the ranks of those tiers of a file that are smaller than ``tier``."""
    return [tuple(corner[axis] for axis in held[0].ranks) for corner in info.corners[:tier]]


def read(file: FrzFile, name: str) -> list[Tensor]:
    """Return the core and the factors (n, r) of a tensor that :func:`misfit` has accepted.

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
