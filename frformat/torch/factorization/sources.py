"""Take coefficients from a regularized model, or from a file for a plain model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from frformat import FrzFile
from frformat.checkpoints.fitting import BATCHES, versioned
from frformat.checkpoints.torch_tensors import to_torch
from frformat.spectral import zigzag
from frformat.torch.lowrank import tucker_files
from frformat.torch.lowrank.layers import CodedLayer
from frformat.torch.lowrank.tucker import form_of
from frformat.torch.lowrank.tucker_factors import TuckerFactors
from frformat.torch.memory import arranged
from frformat.torch.models import MismatchError
from frformat.torch.parametrizations import is_parametrized
from frformat.torch.regularization import Spectral
from frformat.torch.wrappers import plain_names


@dataclass(frozen=True)
class Weight:
    """A weight given as coefficients.

    Attributes:
        shape: shape of the tensor.
        form: what the coefficients represent; see :meth:`frformat.TensorInfo.form`.
        coefficients: shape (k,), in the layer's computing type; tied weights share one object.
    """

    shape: tuple[int, ...]
    form: tuple[int, ...]
    coefficients: nn.Parameter

    @property
    def spectral(self) -> bool:
        """Whether the coefficients are those of a spectrum."""
        return self.form[-1] > 0

    @property
    def box(self) -> tuple[int, ...]:
        """The smallest corner that contains the core."""
        if self.spectral:
            return zigzag.box(self.form, len(self.coefficients))
        return TuckerFactors.of(self.form, transposed=False).box


def from_model(model: nn.Module) -> dict[nn.Module, Weight]:
    """Return the weights of the regularized and decomposed layers of a model, by module."""
    found: dict[nn.Module, Weight] = {}
    tied: dict[int, nn.Parameter] = {}
    for module in model.modules():
        if not is_parametrized(module, "weight"):
            continue
        held: Any = module.parametrizations["weight"]  # type: ignore[index]
        spectral = held[0]
        if len(held) == 1 and isinstance(spectral, Spectral):
            if id(held) not in tied:
                values = spectral._values(held.original).detach().to(held.original.dtype).clone()
                tied[id(held)] = nn.Parameter(values, held.original.requires_grad)
            found[module] = Weight(spectral.shape, spectral.view or spectral.shape, tied[id(held)])
        elif form_of(module) is not None:
            values = nn.Parameter(tucker_files.vector(held).detach(), held.original0.requires_grad)
            found[module] = Weight(spectral.shape, tucker_files.form(held).form, values)
    return found


def from_file(model: nn.Module, file: FrzFile) -> dict[nn.Module, Weight]:
    """Return those weights of a plain model's layers that a file stores as coefficients, by module.

    Raises:
        MismatchError: a weight has a different shape in the model.
        FrzError: the file is damaged.
    """
    found: dict[nn.Module, Weight] = {}
    tied: dict[str, nn.Parameter] = {}
    owners = {f"{path}.weight" if path else "weight": module for path, module in model.named_modules()}
    for path, name in plain_names(model, owners).items():
        module, own = owners[path], getattr(owners[path], "weight", None)
        if not isinstance(own, nn.Parameter) or name not in file or not file.info(name).form(file.tier):
            continue
        if file.info(name).shape != tuple(own.shape):
            there = list(file.info(name).shape)
            raise MismatchError(f"{name}: shape {there} in the file, {list(own.shape)} in the model")
        info, source = file.info(name), file.aliases.get(name, name)
        if source not in tied:
            device = "cpu" if own.device.type == "meta" else own.device
            values = torch.from_numpy(file.coefficients(name)).to(device, own.dtype)
            tied[source] = nn.Parameter(values, own.requires_grad)
        found[module] = Weight(info.shape, info.form(file.tier), tied[source])
    return found


def load_rest(model: nn.Module, file: FrzFile) -> None:
    """Load the tensors of a file that belong to no coded layer, rebuilt, onto the devices of the model's tensors.

    Raises:
        MismatchError: names or shapes differ, or a buffer that is not stored is on the meta device.
        FrzError: the file is damaged.
    """
    done = {
        f"{path}.weight" if path else "weight"
        for path, layer in model.named_modules(remove_duplicate=False)
        if isinstance(layer, CodedLayer)
    }
    state = {name: own for name, own in model.state_dict(keep_vars=True).items() if own is not None}
    plain = plain_names(model, state)
    absent = [name for name in plain if plain[name] not in file]
    optional = {name for name in absent if name.endswith(BATCHES)}
    missing = [name for name in absent if name not in done and name not in optional]
    known = set(plain.values())
    unexpected = [name for name in file if name not in known]
    if missing or unexpected:
        raise MismatchError(
            f"the file does not fit {type(model).__name__}: missing from the file: {', '.join(missing) or 'nothing'}; "
            f"not in the model: {', '.join(unexpected) or 'nothing'}"
        )
    tensors: dict[str, Tensor] = {}
    tied: dict[int, Tensor] = {}
    for name in plain:
        own = state[name]
        if name not in done:
            if id(own) not in tied:
                stored = torch.zeros_like(own, device="cpu") if name in optional else to_torch(file[plain[name]])
                tied[id(own)] = _like(own, stored, name)
            tensors[name] = tied[id(own)]
    model.load_state_dict(versioned(tensors, model), strict=False, assign=True)
    lost = [name for name, buffer in model.named_buffers() if buffer.device.type == "meta"]
    if lost:
        raise MismatchError(
            f"on the meta device and not in the file: {', '.join(lost)}; create these buffers on the CPU"
        )


def _like(own: Tensor, stored: Tensor, name: str) -> Tensor:
    """Return a stored tensor as a parameter or buffer with the type, device and strides of the model's own tensor."""
    if stored.shape != own.shape:
        raise MismatchError(f"{name}: shape {list(stored.shape)} in the file, {list(own.shape)} in the model")
    moved = arranged(stored.to("cpu" if own.device.type == "meta" else own.device, own.dtype), own)
    return nn.Parameter(moved, own.requires_grad) if isinstance(own, nn.Parameter) else moved
