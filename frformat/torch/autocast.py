"""Compute weights in their own precision, even under autocast."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor


def full_precision(tensor: Tensor) -> AbstractContextManager[object]:
    """Disable autocast: a sum over many basis functions is rounded once, as a whole."""
    device = tensor.device.type
    possible = torch.amp.is_autocast_available(device)  # not available on the meta device
    return torch.autocast(device, enabled=False) if possible and torch.is_autocast_enabled(device) else nullcontext()
