"""Wrap models so that they also return a few elements of each layer's output."""

from __future__ import annotations

from functools import cache
from typing import Any, Final

import torch
from torch import Tensor, nn

from frformat.runtimes.errors import ExportError
from frformat.runtimes.pytorch_mobile.quiet import quietly

OUTPUT: Final = "output"


class Probe(nn.Module):
    """Returns the model's output as ``output``, and samples of layers under names that sort in the order of execution.

    Each run of a module without submodules counts as a layer. The name is a number followed by the module's name in
    the model: ``007 down1.conv``.

    Args:
        model: the model, which must return one tensor.
    """

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, *inputs: Tensor) -> dict[str, Tensor]:
        """Run the model on its inputs."""
        found: dict[str, Tensor] = {}
        hooks = [
            module.register_forward_hook(lambda _, __, output, name=name: _note(found, name, output))
            for name, module in self.model.named_modules()
            if name and not any(True for _ in module.children())
        ]
        try:
            output = self.model(*inputs)
        finally:
            for hook in hooks:
                hook.remove()
        if not isinstance(output, Tensor):
            raise ExportError(
                f"the model returns an object of type {type(output).__name__}; a probe needs a model that returns one "
                "tensor"
            )
        return {OUTPUT: output, **found}


def _note(found: dict[str, Tensor], name: str, output: object) -> None:
    if isinstance(output, Tensor):
        found[f"{len(found):03} {name}"] = _sampled()(output)


@cache
def _sampled() -> Any:
    """Return :func:`sample` in TorchScript, so that tracing a model does not fix its sizes to those of the example."""
    with quietly():
        return torch.jit.script(sample)


def sample(x: Tensor) -> Tensor:
    """Return at most 1,024 evenly spaced elements, as a copy because a later layer might modify ``x`` in place."""
    step = (x.numel() + 1023) // 1024
    return x.flatten()[:: max(step, 1)].to(torch.float32, copy=True)
