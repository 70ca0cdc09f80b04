"""Run a model on the desktop with PyTorch and, on request, record a few elements of each layer."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from frformat.checkpoints.fitting import load_into
from frformat.errors import ReportError
from frformat.runtimes.copies import plain
from frformat.runtimes.pytorch_mobile.probe import OUTPUT, Probe
from frformat.torch.copying import copied

Floats = NDArray[np.float32]


class Desktop:
    """A model in evaluation mode.

    Args:
        model: any module that takes and returns one tensor; a copy of it is run.
        probe: whether to record layers.
    """

    def __init__(self, model: nn.Module, *, probe: bool = False) -> None:
        self._model = copied(plain(model)).eval()
        self._run = Probe(self._model) if probe else self._model

    def __call__(self, values: NDArray[Any]) -> tuple[Floats, dict[str, Floats], float]:
        """Run the model on one input.

        Returns:
            The output, elements of each layer by name, and the time of the run in ms.

        Raises:
            ReportError: the model fails, or does not return a tensor.
        """
        with torch.inference_mode():
            start = time.perf_counter()
            try:
                found = self._run(torch.from_numpy(values))
            except Exception as error:  # the model can raise anything
                raise ReportError(f"the model cannot run on an input of shape {list(values.shape)}: {error}") from error
            spent = 1000 * (time.perf_counter() - start)
        layers = dict(found) if isinstance(self._run, Probe) else {OUTPUT: found}
        output = layers.pop(OUTPUT, None)
        if not isinstance(output, Tensor):
            raise ReportError(
                f"the model returns an object of type {type(output).__name__}; only models that return one tensor can "
                "be compared"
            )
        return _floats(output), {name: _floats(layer) for name, layer in layers.items()}, spent


def take(model: nn.Module, weights: Mapping[str, Any]) -> None:
    """Load arrays into a model, by their names in its state dict.

    Raises:
        ReportError: the arrays do not fit the model.
    """
    try:
        load_into(model, weights)
    except ValueError as error:
        raise ReportError(f"the weights do not fit the model: {error}") from error


def _floats(tensor: Tensor) -> Floats:
    out: Floats = tensor.detach().to(torch.float32).contiguous().numpy()
    return out
