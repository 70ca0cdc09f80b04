"""What a model's layers are given and give, found without computing anything."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn.utils.parametrize import is_parametrized, type_before_parametrizations
from torch.utils._pytree import tree_map_only
from torch.utils.hooks import RemovableHandle

from frformat.torch.lowrank.cost import Run
from frformat.torch.regularization import Spectral
from frformat.torch.regularization.views import Example


def find_runs(model: nn.Module, example: Example, layers: Iterable[nn.Module]) -> dict[nn.Module, list[Run] | str]:
    """Run a model on the meta device, where tensors have shapes but no elements.

    Args:
        model: any module, in evaluation mode.
        example: its input, a sequence of positional inputs, or a mapping of keyword inputs.
        layers: modules of it.

    Returns:
        The calls of each layer, or why it must not be replaced.

    Raises:
        ValueError: the model does not run on the example.
    """
    found: dict[nn.Module, list[Run] | str] = {layer: [] for layer in layers}
    light = {module: _without_parametrizations(module) for module in model.modules() if is_parametrized(module)}

    def watch(layer: nn.Module) -> None:
        def note(_: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], output: Any) -> None:
            runs = found[layer]
            if len(args) != 1 or kwargs:
                found[layer] = "it is called with more than its input"
            elif isinstance(runs, list):
                runs.append(Run(tuple(args[0].shape), tuple(output.shape)))

        both = {layer, light.get(layer, layer)}
        hooks.extend(each.register_forward_hook(note, with_kwargs=True) for each in both)

    hooks: list[RemovableHandle] = []
    for layer in found:
        watch(layer)
    try:
        _run_without_elements(replaced(model, light), example)
    except Exception as error:  # whatever it does with elements that are not there
        replaced(model, {new: old for old, new in light.items()})
        if any(tensor.is_meta for tensor in (*model.parameters(), *model.buffers())):
            raise ValueError(
                f"{type(model).__name__} does not run on the example without elements ({error}): "
                "give it elements, model.to_empty(device='cpu')"
            ) from error
        found.update({layer: [] for layer in found})
        try:
            with torch.no_grad():
                _call(model, example)
        except Exception as failure:  # whatever it does with this one
            raise ValueError(f"{type(model).__name__} does not run on the example: {failure}") from failure
    finally:
        for hook in hooks:
            hook.remove()
        replaced(model, {new: old for old, new in light.items()})
    return {layer: runs or "the example does not reach it" for layer, runs in found.items()}


def replaced(model: nn.Module, others: Mapping[nn.Module, nn.Module]) -> nn.Module:
    """The model with others in place of some of its modules; or that other, if it is itself replaced."""
    for module in list(model.modules()):
        for name, child in module._modules.items():
            if child is not None and child in others:
                module._modules[name] = others[child]
    return others.get(model, model)


def _without_parametrizations(module: nn.Module) -> nn.Module:
    """A module with tensors on the meta device for those that it makes itself."""
    held: Any = module.parametrizations
    spectral = {name: each[0] for name, each in held.items() if isinstance(each[0], Spectral)}
    shapes = {name: spectral[name].shape if name in spectral else getattr(module, name).shape for name in held}
    kind: Any = type_before_parametrizations(module)
    light: nn.Module = kind.__new__(kind)
    light.__dict__ = {**module.__dict__, "_forward_hooks": OrderedDict(), "_forward_hooks_with_kwargs": OrderedDict()}
    light._modules = {name: child for name, child in module._modules.items() if name != "parametrizations"}
    made: dict[str, nn.Parameter | None]
    made = {name: nn.Parameter(torch.empty(shape, device="meta"), False) for name, shape in shapes.items()}
    light._parameters = {**module._parameters, **made}
    return light


def _run_without_elements(model: nn.Module, example: Example) -> None:
    state = {**dict(model.named_parameters()), **dict(model.named_buffers())}

    def call(*args: Any, **kwargs: Any) -> None:
        functional_call(model, _meta(state), args, kwargs)

    with torch.no_grad(), torch.device("meta"):
        _call(call, _meta(example))


def _meta(value: Any) -> Any:
    return tree_map_only(Tensor, lambda tensor: tensor.to("meta"), value)


def _call(function: Callable[..., Any], example: Example) -> None:
    if isinstance(example, Mapping):
        function(**example)
    else:
        function(*([example] if isinstance(example, Tensor) else example))
