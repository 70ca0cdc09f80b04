"""Check that a traced model does what the model does.

Tracing follows the branches that a stand-in for a tensor takes. ``mask is None`` and ``isinstance(x, Tensor)`` are
false for a stand-in, so the graph can be that of a different computation, without any error. Therefore the model and
its graph are both run on the example, and all operations on values that depend on the input are compared.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import nullcontext
from functools import partial
from typing import Any, Final

import torch
from torch import Tensor, fx, nn
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_leaves, tree_map_only

from frformat.torch.factorization.hooks import without_hooks
from frformat.torch.factorization.runs import on_meta, without_elements
from frformat.torch.regularization.views import Example, call

SERIAL: Final = "_frformat_serial"
"""Name of a tensor's attribute: the number of the value that it contains."""

Call = tuple[Any, ...]


def departure(model: nn.Module, graph: fx.Graph, example: Example) -> str:
    """Return how a model's graph differs from the model, or an empty string if it does not.

    Both are run on the meta device or, if that is not possible, on the model's own tensors. If the model cannot be run
    at all, nothing is compared.

    Args:
        model: in evaluation mode.
        graph: a trace of the model.
        example: see :func:`frformat.torch.factorization.factorize`.
    """
    traced = _Quiet(fx.GraphModule(model, graph))
    elements = not any(tensor.is_meta for tensor in (*model.parameters(), *model.buffers(), *tree_leaves(example)))
    with without_hooks(model), torch.no_grad():
        for meta in (True, False) if elements else (True,):
            try:
                expected = _calls(model, example, meta)
            except Exception:  # the model can fail in any way, for example because tensors have no elements
                continue
            try:
                found = _calls(traced, example, meta)
            except Exception as error:  # the graph can fail in any way, too
                return f"its trace fails on the example: {(str(error) or repr(error)).splitlines()[0]}"
            if found != expected:
                return "a trace does not show all that it does, for example if it tests `x is None`"
            return ""
    return ""


def require(graph: fx.Graph, example: Example) -> None:
    """Require the inputs of a graph that the example contains, whose absence could have changed the operations."""
    inputs = [node for node in graph.nodes if node.op == "placeholder"]
    if isinstance(example, Mapping):
        given = [node for node in inputs if node.target in example]
    else:
        given = inputs[: 1 if isinstance(example, Tensor) else len(example)]
    last = max((inputs.index(node) for node in given), default=-1)
    for node in inputs[: last + 1]:
        if node in given and node.args == (None,):
            node.args = ()


class _Quiet(nn.Module):
    """A graph that does not print its code if it fails."""

    def __init__(self, graph: fx.GraphModule) -> None:
        super().__init__()
        self.graph = graph

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        return type(self.graph).forward(self.graph, *args, **kwargs)


class _Log(TorchFunctionMode):
    """Records the calls that compute tensors from the input. In-place operations count as their ordinary versions."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[Call] = []
        self._values = 0

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        given = [self.described(each) for each in tree_leaves((args, kwargs or {}))]
        out = func(*args, **(kwargs or {}))
        made = [each for each in tree_leaves(out) if isinstance(each, Tensor)]
        if made and any(isinstance(each, _Value) for each in given):
            self.note(made)
            self.calls.append((_name(func), *given, *(tuple(each.shape) for each in made)))
        return out

    def note(self, tensors: list[Any]) -> None:
        """Number the values of tensors."""
        for tensor in tensors:
            if isinstance(tensor, Tensor):
                setattr(tensor, SERIAL, self._values)
                self._values += 1

    def described(self, value: Any) -> Any:
        """Return what must be the same in both runs."""
        if isinstance(value, Tensor):
            serial = getattr(value, SERIAL, None)
            return None if serial is None else _Value((serial,))
        return value if isinstance(value, bool | int | float | str | complex) else type(value).__name__


class _Value(tuple[int]):
    """The number of a value that depends on the input."""


def _calls(model: nn.Module, example: Example, meta: bool) -> list[Call]:
    inputs: Any = dict(example) if isinstance(example, Mapping) else example
    copy = without_elements if meta else partial(tree_map_only, Tensor, lambda tensor: tensor.detach().clone())
    inputs, run = copy(inputs), on_meta(model) if meta else model
    log = _Log()
    log.note(tree_leaves(inputs))
    with torch.device("meta") if meta else nullcontext(), log:
        out = call(run, inputs)
    return [*log.calls, tuple(log.described(each) for each in tree_leaves(out))]


def _name(func: Callable[..., Any]) -> str:
    name = getattr(func, "__name__", type(func).__name__)
    if name.startswith("__i") and name.endswith("__") and name != "__invert__":
        return name[3:-2]
    return name.strip("_")
