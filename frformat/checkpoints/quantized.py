"""PyTorch's quantized tensors, read as floats."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray

from frformat.checkpoints import inert, torch_tensors
from frformat.errors import EncodeError
from frformat.wording import count

PACKED: Final = "_packed_params"
"""Suffix of the name under which a quantized layer stores its weight and bias together."""


@dataclass(frozen=True)
class Quantized:
    """A quantized tensor.

    Attributes:
        tensor: the tensor itself.
    """

    tensor: torch.Tensor

    def floats(self) -> NDArray[np.float32]:
        """Return the dequantized values: (integer − zero point) · scale."""
        found = torch_tensors.to_numpy(self.tensor.dequantize().to(torch.float32))
        assert isinstance(found, np.ndarray)
        return found


def unpacked(state: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """Wrap quantized tensors in :class:`Quantized`, and unpack the weights of layers under the names of plain layers.

    Returns:
        The state dict, and notes for the user, one line each.

    Raises:
        EncodeError: the weights of a layer are packed in a form that PyTorch does not unpack.
    """
    found: dict[str, Any] = {}
    for name, value in state.items():
        layer = name.removesuffix(f".{PACKED}").removesuffix(f".{PACKED}").removesuffix(PACKED)
        if isinstance(value, torch.Tensor) and value.is_quantized:
            found[name] = Quantized(value)
        elif layer != name and _is_packed(value):
            prefix = f"{layer}." if layer else ""
            found[f"{prefix}weight"] = Quantized(value[0])
            if value[1] is not None:
                found[f"{prefix}bias"] = value[1]
        elif inert.is_packed(value):
            raise EncodeError(
                f"entry {name!r}: the packed weights of a dynamically quantized layer cannot be read; save the state "
                "dict of the model before quantization"
            )
        elif not name.endswith(f"{PACKED}.dtype"):
            found[name] = value
    number = sum(isinstance(value, Quantized) for value in found.values())
    notes = [f"read {count(number, 'quantized tensor')} as float32"] if number else []
    return found, notes


def _is_packed(value: object) -> bool:
    """Return whether a value contains the weight and the bias of a layer."""
    if not (isinstance(value, tuple) and len(value) == 2 and isinstance(value[0], torch.Tensor)):
        return False
    return value[0].is_quantized and isinstance(value[1], torch.Tensor | None)
