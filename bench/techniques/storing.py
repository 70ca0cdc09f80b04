"""Store a network in a file of at most a given size, in the same way for every technique that trains."""

from __future__ import annotations

import io
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor, nn

import frformat
from bench.techniques.jobs import Unreachable
from frformat import CodedTensor, Spectrum
from frformat.torch import save_file
from frformat.torch.lowrank.tucker_files import tucker_state
from frformat.torch.regularization.state import formats, spectral_state

BITS: Final = range(9, 1, -1)
"""The numbers of bits per weight to try, in this order."""

NORMS: Final = (nn.modules.batchnorm._BatchNorm, nn.GroupNorm, nn.LayerNorm)


def fitted(model: nn.Module, size: int | None) -> tuple[bytes, int]:
    """Return the file of at most ``size`` bytes that has the most bits per weight, and its bits per weight.

    Raises:
        Unreachable: the file is larger even with the fewest bits.
    """
    data = b""
    for bits in BITS:
        data = encoded(rounded(model, bits))
        if size is None or len(data) <= size:
            return data, bits
    raise Unreachable(f"{len(data):,} bytes with {BITS[-1]} bits per weight")


def rounded(model: nn.Module, bits: int) -> dict[str, Any]:
    """Return the tensors of a file: weights, biases, coefficients with one step per tensor, normalization as float16.

    Cores and factors have the steps that :func:`frformat.torch.save_model` chooses.
    """
    kind, state = f"q{bits}", spectral_state(model)
    spectra = {name: kind for name, value in state.items() if isinstance(value, Spectrum)}
    return _rounded(model, state, bits, formats(model) | spectra) | tucker_state(model, kind)


def rounded_tensors(model: nn.Module, bits: int = BITS[0]) -> dict[str, Any]:
    """Return the same as :func:`rounded`, except that coefficients keep the number formats they were trained with."""
    return _rounded(model, spectral_state(model), bits, formats(model))


def _rounded(model: nn.Module, state: Mapping[str, Any], bits: int, known: Mapping[str, str]) -> dict[str, Any]:
    """Round each tensor of a state to its number format in ``known``.

    If it has none there, it is rounded to float16 if it belongs to a normalization, and otherwise to ``bits`` bits.
    """
    norms = [name for name, module in model.named_modules() if isinstance(module, NORMS)]
    return {
        name: _in_format(value, known.get(name, "f16" if name.rpartition(".")[0] in norms else f"q{bits}"))
        for name, value in state.items()
    }


def _in_format(value: Any, format: str) -> Any:
    if isinstance(value, Spectrum):
        return CodedTensor.of_spectrum(value, format)
    if isinstance(value, Tensor) and value.is_floating_point():
        return CodedTensor.of_array(value.detach().cpu().numpy(), format)
    return value


def encoded(state: Mapping[str, Any]) -> bytes:
    """Return the file of a state dict."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.frz"
        save_file(state, path)
        return path.read_bytes()


def loaded(model: nn.Module, data: bytes) -> nn.Module:
    """Load a file's weights into a plain network, and return it in evaluation mode."""
    state = {name: torch.from_numpy(np.asarray(array)) for name, array in frformat.load(data).items()}
    model.load_state_dict(state)
    return model.eval()


def pickled(state: Any) -> int:
    """Return the size of what ``torch.save`` writes."""
    out = io.BytesIO()
    torch.save(state, out)
    return out.tell()
