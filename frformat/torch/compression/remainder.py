"""Decide how exactly to store the tensors that no layer uses as weights, such as scales, tables and other buffers."""

from __future__ import annotations

import math
from collections.abc import Collection
from typing import Final

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _NormBase

from frformat.torch.compression.buffers import unchanged
from frformat.torch.compression.contents import Contents
from frformat.torch.compression.inputs import Batch, CompressionError
from frformat.torch.compression.outputs import Outputs
from frformat.torch.compression.quantizing import Weighed
from frformat.torch.compression.state import Bag, state_of

NEGLIGIBLE: Final = 5e-5
"""Loss that the rounding of all these tensors may cause: a tenth of the loss at the highest quality."""


def unknown(model: nn.Module) -> list[str]:
    """Return the names of vectors and numbers among the buffers whose purpose is unknown, which are stored exactly.

    Some, such as the noise levels of a diffusion model, are used in ways that amplify tiny errors at a few indices,
    which the batches may not use. The statistics of normalization layers are not among them.
    """
    if isinstance(model, Bag):
        return []
    return [
        f"{path}.{name}" if path else name
        for path, module in model.named_modules(remove_duplicate=False)
        if not isinstance(module, _NormBase)
        for name, buffer in module._buffers.items()
        if buffer is not None and buffer.dim() < 2
    ]


@torch.no_grad()
def settle(weighed: Weighed, contents: Contents, outputs: Outputs) -> None:
    """Store those tensors more precisely whose rounding changes the outputs too much.

    Args:
        weighed: the model and its batches.
        contents: the contents of its file; changed in place.
        outputs: the interpretation of the model's outputs.
    """
    if not contents.rounded:
        return
    losses = _Losses(weighed, contents, outputs)
    if losses.of(contents.rounded) <= NEGLIGIBLE:
        return
    alone = {name: losses.of([name]) for name in contents.rounded}
    while alone and (sum(alone.values()) > NEGLIGIBLE or losses.of(contents.rounded) > NEGLIGIBLE):
        worst = max(alone, key=alone.__getitem__)
        contents.widen(worst)
        if worst in contents.rounded:
            alone[worst] = losses.of([worst])
        else:
            del alone[worst]


class _Losses:
    """Measures the losses that the rounding of tensors causes."""

    def __init__(self, weighed: Weighed, contents: Contents, outputs: Outputs) -> None:
        self._model, self._batches = weighed.original, weighed.batches
        self._contents, self._outputs = contents, outputs
        self._state = state_of(self._model)[0]

    def of(self, names: Collection[str]) -> float:
        """Return the largest loss of a batch from the rounding of some tensors; infinite if an output is not finite."""
        losses = [self._of(names, batch) for batch in self._batches]
        return max(losses) if all(map(math.isfinite, losses)) else math.inf

    def _of(self, names: Collection[str], batch: Batch) -> float:
        before: dict[str, Tensor] = {name: self._state[name].clone() for name in names}
        with unchanged(self._model):
            reference = batch(self._model)  # not kept, since the outputs of all batches could fill the memory
        try:
            self._contents.give(self._state, names)
            with unchanged(self._model):
                return self._outputs.distance(reference, batch(self._model))
        except CompressionError:
            return math.inf
        finally:
            for name, values in before.items():
                self._state[name].copy_(values)
