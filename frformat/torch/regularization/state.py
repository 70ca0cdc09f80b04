"""Convert between a regularized model and the contents of files."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from frformat import CodedTensor, PerTier, Spectrum
from frformat.checkpoints.precision import overflow
from frformat.checkpoints.torch_tensors import to_numpy
from frformat.errors import EncodeError
from frformat.torch.corners import cornered
from frformat.torch.live_norm import live_norms
from frformat.torch.lowrank.layers import coded
from frformat.torch.lowrank.tucker import tucker_tensors
from frformat.torch.quantized import quantized_state, quantized_tensors
from frformat.torch.regularization.parametrization import EXTRA
from frformat.torch.regularization.rounding import check_format, check_values
from frformat.torch.regularization.spectral_tensor import SpectralTensor, places, spectral_tensors, spectrum_of
from frformat.torch.regularization.tiers import statistics
from frformat.torch.wrappers import plain_names


def spectra(model: nn.Module) -> dict[str, Spectrum]:
    """Return the spectra of the regularized tensors, by their names in the plain model; tied ones by the first name.

    Raises:
        EncodeError: a coefficient is not finite.
    """
    return {name: tensor.spectrum() for name, tensor in spectral_tensors(model).items()}


def load_spectra(model: nn.Module, spectra: Mapping[str, Spectrum]) -> None:
    """Load coefficients, and their number, from spectra such as those of a file: the inverse of :func:`spectra`.

    >>> with frformat.open("model.frz") as file:
    ...     load_spectra(model, {name: file.spectrum(name) for name in spectral_tensors(model)})

    Args:
        model: a regularized model.
        spectra: by tensor name; tensors that are not named stay unchanged.

    Raises:
        ValueError: a name does not belong to a regularized tensor, a shape or view differs, or a coefficient is too
            large for the model's type. The model is unchanged.
    """
    tensors = spectral_tensors(model)
    for name, spectrum in spectra.items():
        if name not in tensors:
            raise ValueError(f"{name!r} is not a regularized tensor; the model has {', '.join(tensors) or 'none'}")
        own = tensors[name].spectral
        if (spectrum.shape, spectrum.view) != (own.shape, own.view) or not spectrum.kept:
            given, wanted = list(spectrum.spectral_shape), list(own.view or own.shape)
            raise ValueError(
                f"{name}: a spectrum in shape {given} with k={spectrum.kept}, but the model has shape {wanted}"
            )
        fault = overflow(torch.from_numpy(spectrum.coefficients), tensors[name].coefficients.dtype)
        if fault:
            raise ValueError(f"{name}: {fault}, the type in the model")
    for name, spectrum in spectra.items():
        tensors[name].resize(torch.from_numpy(spectrum.coefficients).to(tensors[name].coefficients.device))


def set_format(model: nn.Module, format: str | Mapping[str, str | None] | None) -> None:
    """From now on, train coefficients as if they were stored in a number format (quantization-aware training).

    The forward pass uses exactly the values that :func:`frformat.torch.save_model` will store in that format; the
    optimizer continues to update the unrounded ones.

    Args:
        model: a regularized model.
        format: a number format such as ``q8`` or ``step=0.125`` (see :func:`frformat.save_file`), or None for no
            rounding; one for all tensors, or by name.

    Raises:
        ValueError: the format or the tensor does not exist, or a coefficient is too large for it. The model is
            unchanged.
    """
    tensors = spectral_tensors(model)
    by_name = format if isinstance(format, Mapping) else dict.fromkeys(tensors, format)
    for name, wanted in by_name.items():
        if name not in tensors:
            raise ValueError(f"{name!r} is not a regularized tensor; the model has {', '.join(tensors) or 'none'}")
        if wanted is not None:
            check_format(wanted)
            check_values(tensors[name].coefficients, wanted, name)
    for name, wanted in by_name.items():
        tensors[name].spectral.set_format(wanted)


def formats(model: nn.Module) -> dict[str, str]:
    """Return the number format of each tensor that was trained for one, in the form that ``save_file`` accepts."""
    tensors = spectral_tensors(model).items()
    return {name: tensor.spectral.format for name, tensor in tensors if tensor.spectral.format is not None}


def spectral_state(model: nn.Module) -> dict[str, Tensor | Spectrum | PerTier | CodedTensor]:
    """Return the state dict of the plain model, with a spectrum for each regularized tensor.

    Tied names share one spectrum; factored layers also have spectra. If further parametrizations follow the spectral
    one, their result is no longer a short spectrum, so the plain tensor is returned. Tensors that differ from tier to
    tier are returned for each tier, weights with corners as a whole, and quantized tensors in their stored form.

    Raises:
        EncodeError: a coefficient is not finite.
    """
    plain: dict[str, Tensor | Spectrum | PerTier | CodedTensor] = {}
    known: dict[int, Tensor | Spectrum] = {}
    for _, name, parametrizations in places(model):
        tensor = SpectralTensor(name, parametrizations)
        alone = len(parametrizations) == 1
        if id(parametrizations) not in known:
            known[id(parametrizations)] = tensor.spectrum() if alone else tensor.weights()
        plain[name] = known[id(parametrizations)]
    for name, held in statistics(model).items():
        own: Any = held[0]
        rows = [np.asarray(to_numpy(own.used(held.original, tier))) for tier in range(own.tiers)]
        plain[name] = PerTier(rows) if len(rows) > 1 else held.original[-1]
    plain |= {name: held.original for name, held in cornered(model).items()}
    plain |= quantized_state(model)
    state = plain_state(model, keep_vars=True)
    for name, each in coded(model).items():
        if each.spectral:
            if id(state[name]) not in known:
                known[id(state[name])] = spectrum_of(name, state[name], each.shape, each.form)
            plain[name] = known[id(state[name])]
    return {**plain_state(model), **plain}


def without_empty_extras(state: Mapping[str, Any]) -> dict[str, Any]:
    """Return a state dict without the extra states that are None.

    Raises:
        EncodeError: an extra state is neither a tensor nor None.
    """
    found = {}
    for name, value in state.items():
        extra = name.rpartition(".")[2] == EXTRA
        if extra and not isinstance(value, Tensor | None):
            raise EncodeError(
                f"{name}: the model has extra state of type {type(value).__name__}, but files contain only "
                "tensors: let get_extra_state() return one, or call save_file() on the state dict without it"
            )
        if not (extra and value is None):
            found[name] = value
    return found


def plain_state(model: nn.Module, keep_vars: bool = False) -> dict[str, Tensor]:
    """Return a model's state dict without what belongs to training, or is stored in other forms.

    These are coefficients, Tucker factors, corners, statistics of tiers, and batch normalization that is kept alive.
    """
    names = [name for _, name, _ in places(model)] + list(statistics(model)) + list(tucker_tensors(model))
    names += [*cornered(model), *quantized_tensors(model)]
    parts = [name.rpartition(".") for name in names]
    held = [f"{path}.parametrizations.{attribute}.original".removeprefix(".") for path, _, attribute in parts]
    # Some wrappers appear in the names of modules, but not in those of the state dict.
    hidden = tuple(
        f"{name.removesuffix('.original')}." for name in plain_names(model, [*held, *live_norms(model)]).values()
    )
    state = model.state_dict(keep_vars=keep_vars)
    plain = plain_names(model, state)
    return {name: value for name, value in state.items() if not plain.get(name, name).startswith(hidden)}
