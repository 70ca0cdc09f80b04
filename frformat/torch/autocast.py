"""Compute weights in their own precision, even under autocast."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor


def full_precision(tensor: Tensor) -> AbstractContextManager[object]:
    """Disable autocast: a sum over many basis functions is rounded once, as a whole."""
    device = tensor.device.type
    # It is not available on the meta device. PyTorch 2.8 cannot compile the question.
    possible = torch.compiler.is_compiling() or torch.amp.is_autocast_available(device)
    return torch.autocast(device, enabled=False) if possible and torch.is_autocast_enabled(device) else nullcontext()
