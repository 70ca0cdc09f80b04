"""Undo the changes that a model makes to its own buffers when it runs, such as counters and observed ranges."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn


@contextmanager
def unchanged(*models: nn.Module) -> Iterator[None]:
    """When the context ends, restore the values of all buffers of some models."""
    before = [
        (module, name, buffer, buffer._version, buffer.detach().clone())
        for model in models
        for module in model.modules()
        for name, buffer in module._buffers.items()
        if buffer is not None
    ]
    try:
        yield
    finally:
        with torch.no_grad():
            for module, name, buffer, version, values in before:
                module._buffers[name] = buffer
                if buffer._version != version or not _equal(buffer, values):
                    buffer.detach_().copy_(values)


def _equal(buffer: Tensor, values: Tensor) -> bool:
    """Return whether a buffer still has the same bytes: fused fake quantization changes it without a new version."""
    if buffer.layout != torch.strided or buffer.is_quantized:
        return True
    before, after = (each.detach().reshape(-1).contiguous().view(torch.uint8) for each in (values, buffer))
    return torch.equal(before, after)
