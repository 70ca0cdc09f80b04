"""Find linear layers after a flatten, or before its inverse: their weights are smooth along more than two axes.

If a layer (500, 800) follows 50 channels of 4×4 pixels, its weights can vary smoothly from row to row and from column
to column, but not along the flattened axis of 800. Their spectrum is therefore taken in shape (500, 50, 4, 4).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

from frformat.checkpoints.reading import where
from frformat.torch import memory
from frformat.torch.modes import evaluating

Axes = tuple[int, ...]
Example = Tensor | Sequence[Any] | Mapping[str, Any]

TORCH: Final = os.path.dirname(torch.__file__) + os.sep
"""The folder of PyTorch's code."""

RESHAPING: Final = ("flatten", "reshape", "unflatten", "view")
ELEMENTWISE: Final = (
    "add", "alpha_dropout", "batch_norm", "clamp", "clone", "contiguous", "div", "dropout", "elu", "gelu", "hardswish",
    "hardtanh", "layer_norm", "leaky_relu", "mish", "mul", "prelu", "relu", "relu6", "selu", "sigmoid", "silu",
    "softplus", "sub", "tanh", "to",
)  # fmt: skip
"""Names of functions whose result has the axes of their first argument; in-place versions (``relu_``) are included."""


def check_example(example: object) -> None:
    """Check the type of an example.

    Raises:
        ValueError: it is neither a tensor nor a sequence or mapping of inputs.
    """
    if isinstance(example, str) or not isinstance(example, Tensor | Sequence | Mapping):
        raise ValueError(
            f"the example is of type {type(example).__name__}: pass a tensor, a sequence of positional inputs, or a "
            "mapping of keyword inputs"
        )


def call(function: Callable[..., Any], example: Example) -> Any:
    """Call a model or another function on an input, a sequence of positional inputs, or a mapping of keyword inputs.

    Raises:
        ValueError: the example is none of these.
    """
    check_example(example)
    if isinstance(example, Mapping):
        return function(**example)
    return function(*([example] if isinstance(example, Tensor) else example))


def run(model: nn.Module, example: Example) -> Any:
    """Run a model on an example.

    Raises:
        ValueError: the model raises an exception, or :func:`check_example` does.
    """
    check_example(example)
    try:
        return call(model, example)
    except Exception as error:  # the user's code can raise anything
        raise ValueError(f"{type(model).__name__} does not run on the example: {where(error, TORCH)}") from error


def find_views(model: nn.Module, example: Example) -> dict[str, Axes]:
    """Run a model once, and find the axes of linear layers' inputs before a flatten and of outputs after an unflatten.

    The model runs in evaluation mode and without gradients. Its state and the random state are restored.

    Args:
        model: any module.
        example: its input, a sequence of positional inputs, or a mapping of keyword inputs.

    Returns:
        Views by name, for those weights whose view differs from their shape.

    Raises:
        ValueError: the model does not run on the example.
    """
    buffers = [(buffer, buffer.clone()) for buffer in model.buffers()]
    tables = [(module._buffers, dict(module._buffers)) for module in model.modules()]
    devices = {parameter.device.index for parameter in model.parameters() if parameter.is_cuda}
    probe = _Probe({id(parameter): name for name, parameter in model.named_parameters()})
    try:
        with evaluating(model), torch.no_grad(), torch.random.fork_rng(devices), probe:
            run(model, example)
    finally:
        for table, own in tables:
            table.update(own)
        with torch.no_grad():
            for buffer, before in buffers:
                memory.write(buffer, before)
    return {
        name: view
        for name, axes in probe.inputs.items()
        if len(view := probe.outputs.get(name, axes[:1]) + axes[1:]) > 2
    }


class _Probe(TorchFunctionMode):
    """Tracks the axes that make up the last axis of a tensor, from call to call.

    Attributes:
        inputs: for each linear layer's weight, its number of outputs and the axes of its inputs.
        outputs: for some of these weights, the axes into which their outputs are split.
    """

    def __init__(self, names: Mapping[int, str]) -> None:
        super().__init__()
        self.inputs: dict[str, Axes] = {}
        self.outputs: dict[str, Axes] = {}
        self._names = names
        self._axes: dict[int, Axes] = {}
        self._maker: dict[int, str] = {}
        self._seen: list[Tensor] = []  # keeps tensors alive, so that ids stay unique

    def __torch_function__(
        self, func: Callable[..., Any], types: object, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        out = func(*args, **kwargs)
        x = args[0] if args else kwargs.get("input")
        if isinstance(x, Tensor) and isinstance(out, Tensor):
            self._seen += (x, out)
            name = getattr(func, "__name__", "")
            if func is F.linear:
                self._linear(x, args[1] if len(args) > 1 else kwargs["weight"], out)
            elif name in RESHAPING:
                self._reshape(x, out)
            elif name.rstrip("_") in ELEMENTWISE and x.shape == out.shape:
                self._pass_on(x, out)
        return out

    def _linear(self, x: Tensor, weight: Tensor, out: Tensor) -> None:
        name = self._names.get(id(weight))
        if name is not None:
            self.inputs[name] = (weight.shape[0], *self._axes.get(id(x), (weight.shape[1],)))
            self._maker[id(out)] = name

    def _reshape(self, x: Tensor, out: Tensor) -> None:
        lead = min(x.dim(), out.dim()) - 1
        if x.shape == out.shape:
            self._pass_on(x, out)
        elif x.shape[:lead] == out.shape[:lead]:
            if out.dim() == lead + 1:
                self._axes[id(out)] = tuple(n for n in x.shape[lead:] if n > 1)
            elif id(x) in self._maker:
                self.outputs[self._maker[id(x)]] = tuple(n for n in out.shape[lead:] if n > 1)

    def _pass_on(self, x: Tensor, out: Tensor) -> None:
        if id(x) in self._axes:
            self._axes[id(out)] = self._axes[id(x)]
        if id(x) in self._maker:
            self._maker[id(out)] = self._maker[id(x)]
