"""Round a layer with many inputs block by block, so that each block compensates for the errors of earlier ones.

One matrix with the second moments of all inputs would be too large. Instead, the recorded inputs are read one block at
a time. They show how the errors that have accumulated in the outputs correlate with the inputs of the next block.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from frformat.torch.compression.forms import Form, columns
from frformat.torch.compression.recording import Call
from frformat.torch.compression.rounding import damped

Doubles = NDArray[np.float64]


class Observed:
    """The inputs of a layer in both models, one block of channels at a time.

    Args:
        form: the layout of the layer's weights, which have one group.
        blocks: number of blocks; each consists of whole channels.
        calls: the layer's calls in the rounded and in the original model; the second can be None if it has the same
            input.
        thin: see :func:`columns`.
        phases: for each call, see :func:`columns`.
        means: values to subtract from the inputs of the original and of the rounded model, (inputs) each.
    """

    def __init__(
        self,
        form: Form,
        blocks: int,
        calls: Sequence[tuple[Call, Call | None]],
        thin: Sequence[int],
        phases: Sequence[Sequence[int]],
        means: Sequence[Doubles],
    ) -> None:
        self._calls, self._thin, self._phases = calls, thin, phases
        self._means = [torch.from_numpy(each.astype(np.float32)).reshape(blocks, -1, 1) for each in means]
        self._channels = _channels(form) // blocks
        self._form = replace(form, shape=_shape(form, self._channels))

    def __len__(self) -> int:
        return len(self._calls)

    def original(self, number: int, block: int) -> Tensor | None:
        """Return the inputs of a block in the original (inputs, n); None if they equal those of the rounded model."""
        call = self._calls[number][1]
        return None if call is None else self._columns(call, number, block, self._means[0])

    def rounded(self, number: int, block: int) -> Tensor:
        """Return the inputs of a block in the rounded model: (inputs, n)."""
        return self._columns(self._calls[number][0], number, block, self._means[1])

    def _columns(self, call: Call, number: int, block: int, means: Tensor) -> Tensor:
        axis = call.input.dim() - 1 - len(self._form.kernel)
        part = call.input.narrow(axis, block * self._channels, self._channels)
        found = columns(part, self._form, call.geometry, self._thin, self._phases[number])[0]
        return found - means[block].to(found.device)


def in_sequence(
    before: Doubles, inputs: Observed, second: Doubles, damping: float, settle: Callable[[int, Doubles], Doubles]
) -> Doubles:
    """Round the blocks of a layer one after another.

    Args:
        before: the weights: (outputs, inputs).
        inputs: the inputs of the layer.
        second: their second moments, one matrix for each block: (blocks, n, n).
        damping: damping of these moments, relative to their mean, when a block compensates for errors.
        settle: function that rounds one block. It receives the number of the block and the weights (outputs, n) that
            would compensate for all errors so far, and returns the weights to use instead.

    Returns:
        The second moments of the errors of the outputs: (outputs, outputs).
    """
    count, n = second.shape[:2]
    split = before.reshape(len(before), count, n)
    errors = [_before_rounding(split, inputs, number) for number in range(len(inputs))]
    total = sum(each.shape[-1] for each in errors)
    for block in range(count):
        seen = [inputs.rounded(number, block) for number in range(len(inputs))]
        drift = _total(error @ y.T for error, y in zip(errors, seen, strict=True)) / total
        after = settle(block, split[:, block] - np.linalg.solve(damped(second[block], damping), drift.T).T)
        change = torch.from_numpy((after - split[:, block]).astype(np.float32))
        for error, y in zip(errors, seen, strict=True):
            error += change.to(y.device) @ y
    return _total(error @ error.T for error in errors) / total


def _total(matrices: Iterable[Tensor]) -> Doubles:
    first, *others = (each.double() for each in matrices)
    found: Doubles = sum(others, first).cpu().numpy()
    return found


def _before_rounding(split: Doubles, inputs: Observed, number: int) -> Tensor:
    """Return the errors that the changed inputs alone cause in the outputs of one call: (outputs, n)."""
    found: Any = None
    for block in range(split.shape[1]):
        y = inputs.rounded(number, block)
        if found is None:
            found = y.new_zeros(len(split), y.shape[-1])
        x = inputs.original(number, block)
        if x is not None:
            found += torch.from_numpy(split[:, block].astype(np.float32)).to(y.device) @ (y - x)
    assert isinstance(found, Tensor)
    return found


def _channels(form: Form) -> int:
    return form.shape[0 if form.kind in ("transposed", "product") else 1]


def _shape(form: Form, channels: int) -> tuple[int, ...]:
    first, second, *kernel = form.shape
    return (channels, second, *kernel) if form.kind in ("transposed", "product") else (first, channels, *kernel)
