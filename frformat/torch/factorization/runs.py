"""Find the input and output shapes of a model's layers without computing anything."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from contextlib import nullcontext
from functools import cache
from itertools import chain
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn.utils.parametrize import type_before_parametrizations
from torch.utils._pytree import tree_map_only

from frformat.torch.factorization.hooks import CALLED, without_hooks
from frformat.torch.lowrank.cost import Run
from frformat.torch.lowrank.layers import CodedLayer
from frformat.torch.modes import divided
from frformat.torch.parametrizations import is_parametrized
from frformat.torch.regularization import Spectral
from frformat.torch.regularization.views import Example, call, check_example

INSIDE = "_runs_now"
"""Name of a stand-in's attribute that counts the calls to its forward method that are in progress."""


def find_runs(model: nn.Module, example: Example, layers: Iterable[nn.Module]) -> dict[nn.Module, list[Run] | str]:
    """Run a model on the meta device, where tensors have shapes but no elements.

    If that is not possible, the model itself is run. Hooks are called only if the model does not run
    on the meta device without them.

    Args:
        model: any module, in evaluation mode.
        example: its input, a sequence of positional inputs, or a mapping of keyword inputs.
        layers: modules of the model.

    Returns:
        The calls of each layer, or the reason why it must not be replaced.

    Raises:
        ValueError: the model does not run on the example.
    """
    check_example(example)
    layers = list(layers)
    problems: list[Exception] = []
    elements = not any(tensor.is_meta for tensor in (*model.parameters(), *model.buffers()))
    for meta, seen in ((True, False), (True, True), (False, True)):
        if not (meta or elements):
            break
        watch = _Watch(model, layers, meta)
        try:
            with watch, divided(), nullcontext() if seen else without_hooks(watch.model):
                watch.run(example)
            return watch.runs()
        except Exception as error:  # the model can fail in any way, for example because tensors have no elements
            problems.append(error)
    kind, advice = type(model).__name__, "" if elements else "; create the model on the CPU if it reads values"
    raise ValueError(
        f"{kind} does not run on the example: {' '.join(str(problems[-1]).split())}{advice}"
    ) from problems[-1]


def without_elements(value: Any) -> Any:
    """Move the tensors in lists, tuples and dicts to the meta device."""
    return tree_map_only(Tensor, lambda tensor: tensor.to("meta"), value)


def on_meta(model: nn.Module) -> Callable[..., Any]:
    """Return a function that runs a model with parameters and buffers on the meta device. The model does not change."""
    state: dict[str, Tensor] = {}
    moved: dict[Tensor, Tensor] = {}
    # functional_call leaves meta tensors in a module that it reaches under several names, so each gets only one.
    for path, module in model.named_modules():
        own = (module.named_parameters(path, False, False), module.named_buffers(path, False, False))
        for name, tensor in chain(*own):
            state[name] = moved.setdefault(tensor, tensor.to("meta"))
    return lambda *args, **kwargs: functional_call(model, state, args, kwargs, tie_weights=False)


def replaced(model: nn.Module, others: Mapping[nn.Module, nn.Module]) -> nn.Module:
    """Replace some modules of a model, and return the model, or its replacement."""
    for module in list(model.modules()):
        for name, child in module._modules.items():
            if child is not None and child in others:
                module._modules[name] = others[child]
    return others.get(model, model)


def run_parts(model: nn.Module) -> None:
    """Let Transformer layers with coded parts run these, rather than one operator that reads all weights, in place."""
    for module in model.modules():
        if not any(isinstance(part, CodedLayer) for part in module.modules()):
            continue
        if isinstance(module, nn.TransformerEncoder):
            module.use_nested_tensor = False  # only that operator accepts them
        if isinstance(module, nn.TransformerEncoderLayer):
            module.activation_relu_or_gelu = 0  # otherwise, PyTorch chooses the operator


class _Watch:
    """Temporarily puts stand-ins for layers and parametrized modules into a model, and records how they are used.

    Attributes:
        model: the model with the stand-ins.
    """

    def __init__(self, model: nn.Module, layers: Iterable[nn.Module], meta: bool) -> None:
        self._meta = meta
        self._found: dict[nn.Module, list[Run] | str] = {layer: [] for layer in layers}
        parametrized = [module for module in model.modules() if is_parametrized(module)]
        self._stand_ins = {module: self._stand_in(module) for module in {**self._found, **dict.fromkeys(parametrized)}}
        for each in self._stand_ins.values():  # their submodules may need stand-ins, too
            each._modules = {name: self._stand_ins.get(child, child) for name, child in each._modules.items()}  # type: ignore[arg-type]
        self.model = self._stand_ins.get(model, model)
        self._places = [
            (module, name, child)
            for module in model.modules()
            for name, child in module._modules.items()
            if child in self._stand_ins
        ]

    def __enter__(self) -> _Watch:
        for module, name, child in self._places:
            module._modules[name] = self._stand_ins[child]
        return self

    def __exit__(self, *_: object) -> None:
        for module, name, child in self._places:
            module._modules[name] = child

    def run(self, example: Example) -> None:
        """Run the model."""
        if not self._meta:
            with torch.no_grad():
                call(self.model, example)
                return
        with torch.no_grad(), torch.device("meta"):
            call(on_meta(self.model), without_elements(example))

    def runs(self) -> dict[nn.Module, list[Run] | str]:
        """See :func:`find_runs`."""
        return {layer: found or "the example does not run it" for layer, found in self._found.items()}

    def _stand_in(self, module: nn.Module) -> nn.Module:
        """Return a module of the same class with plain tensors in place of computed ones."""
        plain: Any = type_before_parametrizations(module)
        held: Any = module.parametrizations if is_parametrized(module) else {}
        kind = _noting(plain) if module in self._found else plain
        stand_in: nn.Module = kind.__new__(kind)
        stand_in.__dict__ = {**module.__dict__, **{name: OrderedDict() for name in CALLED}}
        stand_in._modules = {name: child for name, child in module._modules.items() if name != "parametrizations"}
        with torch.no_grad():
            made = {name: self._plain(module, name, each[0]) for name, each in held.items()}
        stand_in._parameters = {**module._parameters, **made}
        if module in self._found:
            stand_in.__dict__ |= {INSIDE: 0, "_note_run": self._noter(module), "_note_use": self._denier(module)}
        return stand_in

    def _plain(self, module: nn.Module, name: str, spectral: object) -> nn.Parameter:
        """Return what a parametrization computes, as a plain parameter."""
        if self._meta and isinstance(spectral, Spectral):
            return nn.Parameter(torch.empty(spectral.shape, device="meta"), False)
        return nn.Parameter(getattr(module, name).detach(), False)

    def _noter(self, layer: nn.Module) -> Callable[..., None]:
        def note(args: tuple[Any, ...], kwargs: dict[str, Any], output: Any) -> None:
            runs = self._found[layer]
            if len(args) != 1 or kwargs:
                self._found[layer] = "it is called with arguments besides its input"
            elif isinstance(runs, list):
                runs.append(Run(tuple(args[0].shape), tuple(output.shape)))

        return note

    def _denier(self, layer: nn.Module) -> Callable[[], None]:
        def deny() -> None:
            self._found[layer] = "its weight is also used outside the layer"

        return deny


@cache
def _noting(kind: type[nn.Module]) -> type[nn.Module]:
    """Return a subclass of a layer's class that records calls, and uses of its weight outside the layer."""
    base: Any = kind

    class Noting(base):  # type: ignore[misc]
        def forward(self, *args: Any, **kwargs: Any) -> Any:
            self.__dict__[INSIDE] += 1
            try:
                output = super().forward(*args, **kwargs)
            finally:
                self.__dict__[INSIDE] -= 1
            self._note_run(args, kwargs, output)
            return output

        @property
        def weight(self) -> Any:
            if not self.__dict__[INSIDE]:
                self._note_use()
            return self._parameters["weight"]

    return Noting
