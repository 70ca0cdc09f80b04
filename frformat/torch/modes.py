"""Compute independently of the modes that the caller has turned on, such as autocast, and restore those of models."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext

import torch
from torch import Tensor, nn


@contextmanager
def ordinary() -> Iterator[None]:
    """Turn off autocast, inference mode, the default device and ``torch.compile``, until the context ends.

    New threads inherit neither autocast nor the default device, so that functions would compute different results in
    different threads. The compiler would trace the code that observes layers.
    """
    with ExitStack() as stack:
        stack.enter_context(torch.compiler.set_stance("force_eager"))
        stack.enter_context(torch.inference_mode(False))
        stack.enter_context(without_autocast())
        if torch.get_default_device().type != "cpu":
            stack.enter_context(torch.device("cpu"))
        yield


@contextmanager
def without_autocast() -> Iterator[None]:
    """Turn off autocast on all devices, until the context ends."""
    with ExitStack() as stack:
        for device in _devices():
            stack.enter_context(_without_autocast(device))
        yield


def full_precision(tensor: Tensor) -> AbstractContextManager[object]:
    """Disable autocast where a tensor is: a sum over many basis functions is rounded once, as a whole."""
    return _without_autocast(tensor.device.type)


def _without_autocast(device: str) -> AbstractContextManager[object]:
    """Disable autocast on a type of device, such as ``cpu``, if it is enabled there."""
    # It is not available on the meta device. PyTorch 2.8 cannot compile the question.
    possible = torch.compiler.is_compiling() or torch.amp.is_autocast_available(device)
    return torch.autocast(device, enabled=False) if possible and torch.is_autocast_enabled(device) else nullcontext()


def _devices() -> list[str]:
    """Return the types of the devices on which models may run."""
    accelerator = torch.accelerator.current_accelerator(check_available=True)
    return ["cpu"] if accelerator is None else ["cpu", accelerator.type]


@contextmanager
def divided() -> Iterator[None]:
    """Run attention and Transformer layers as several operators, until the context ends.

    PyTorch's fast path for inference runs a whole layer as one operator, which reads the weights of its parts.
    """
    fast = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        yield
    finally:
        torch.backends.mha.set_fastpath_enabled(fast)


@contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """Switch a model to evaluation mode, until the context ends. Parts in different modes return to their own modes."""
    before = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        yield
    finally:
        for module, training in before:
            module.training = training
