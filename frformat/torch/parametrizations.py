"""Find PyTorch parametrizations (``torch.nn.utils.parametrize``) in a model."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import nn
from torch.nn.utils import parametrize
from torch.nn.utils.parametrize import ParametrizationList, register_parametrization


def is_parametrized(module: nn.Module, attribute: str | None = None) -> bool:
    """Return whether a module, or one of its tensors, is parametrized.

    Unlike PyTorch's function, this is false for wrappers such as those of ``torch.compile``, which pass the attributes
    of the module inside them on.
    """
    return "parametrizations" in module._modules and parametrize.is_parametrized(module, attribute)


def obstacle(module: nn.Module, attribute: str) -> str | None:
    """Return why a module would not compute with a parametrized tensor as it does with a parameter of its own."""
    kind = type(module).__name__
    if isinstance(module, torch.jit.ScriptModule):
        return "belongs to a TorchScript module, which can no longer be changed: regularize first, then script"
    if hasattr(nn.ModuleDict, attribute):
        return f"has a name that PyTorch cannot parametrize, {attribute!r}: rename it in {kind}"
    if isinstance(module, nn.RNNBase):
        return f"belongs to a layer of class {kind}, whose kernel bypasses parametrizations"
    listing = isinstance(module, nn.Sequential | nn.ModuleList | nn.ModuleDict)
    if listing and not isinstance(module, ParametrizationList):
        return f"belongs to a container of class {kind}, which would run its parametrization as one of its modules"
    return None


def register_tied(owners: Sequence[tuple[nn.Module, str]], parametrization: nn.Module) -> Any:
    """Parametrize a parameter in all modules that own it, so that it stays tied.

    Args:
        owners: the modules, each with the name of the attribute.
        parametrization: the parametrization.

    Returns:
        The ``ParametrizationList`` that they share.
    """
    (module, attribute), *others = owners
    register_parametrization(module, attribute, parametrization)
    held = _lists(module)[attribute]
    for module, attribute in others:
        module.register_parameter(attribute, nn.Parameter(torch.empty(0, device="cpu")))
        register_parametrization(module, attribute, nn.Identity())
        _lists(module)[attribute] = held
    return held


def _lists(module: nn.Module) -> nn.ModuleDict:
    found = module.parametrizations
    assert isinstance(found, nn.ModuleDict)
    return found


def parametrized(model: nn.Module, kind: type[nn.Module]) -> Iterator[tuple[nn.Module, str, ParametrizationList]]:
    """Yield every use of a tensor whose first parametrization is an instance of a class.

    Args:
        model: any module.
        kind: the class.

    Yields:
        The module, the tensor's full name in the plain model, and its parametrizations. A tensor of a module that has
        several names is yielded under each of them.
    """
    for path, module in model.named_modules(remove_duplicate=False):
        if is_parametrized(module):
            for attribute, parametrizations in module.parametrizations.items():
                if isinstance(parametrizations[0], kind):
                    yield module, f"{path}.{attribute}" if path else attribute, parametrizations
