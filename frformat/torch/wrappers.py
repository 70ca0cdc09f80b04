"""Find the plain names of models inside wrappers, such as those of data parallelism and torch.compile."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from torch import nn
from torch.nn.parallel import DistributedDataParallel

from frformat.checkpoints.wrappers import AMBIGUOUS, MARKERS

KINDS: Final = (
    "DataParallel",
    "DistributedDataParallel",
    "AveragedModel",
    "DeepSpeedEngine",
    "ModelEma",
    "ModelEmaV2",
    "ModelEmaV3",
)
"""Classes, by name, that keep the model as ``module``. In other classes, ``module`` is an ordinary submodule."""


def plain_names(model: nn.Module, names: Iterable[str]) -> dict[str, str]:
    """Return the names of a model's tensors without the parts that wrappers added.

    Args:
        model: the wrapped model.
        names: names of tensors in its state dict.

    Returns:
        The plain name of each; a wrapper's own tensors, such as the counter of an averaged model, have none.
    """
    found = {name: _plain_name(model, name) for name in names}
    return {name: plain for name, plain in found.items() if plain is not None}


def unwrapped(model: nn.Module) -> nn.Module:
    """Return the model inside all of its outer wrappers."""
    while (inner := _inner(model)) is not None:
        model = getattr(model, inner)
    return model


def unwrap(model: nn.Module) -> nn.Module:
    """Take all outer wrappers off a model, and the marked ones off its parts, in place; return the model inside.

    A model's code can refer to the ``module`` of other wrappers, so these stay.
    """
    model = unwrapped(model)
    for module in list(model.modules()):
        for name, child in list(module._modules.items()):
            while child is not None and (mark := _mark(child)) is not None:
                child = module._modules[name] = _child(child, mark)
    return model


def is_distributed(model: nn.Module) -> bool:
    """Return whether DistributedDataParallel, which knows the parameters that it was created with, wraps a model."""
    return any(isinstance(module, DistributedDataParallel) for module in model.modules())


def averages(model: nn.Module) -> list[nn.Module]:
    """Return those modules of a model that average other models and count how many they have averaged."""
    return [module for module in model.modules() if _inner(module) and "n_averaged" in module._buffers]


def _inner(module: nn.Module) -> str | None:
    """Return the attribute in which a wrapper keeps its model; None if the module is not a wrapper."""
    marked = _mark(module)
    if marked is None and any(kind.__name__ in KINDS for kind in type(module).__mro__):
        return AMBIGUOUS if isinstance(_child(module, AMBIGUOUS), nn.Module) else None
    return marked


def _mark(module: nn.Module) -> str | None:
    """Return the attribute of the wrapped model that only wrappers have; None if there is none."""
    return next((name for name in MARKERS if isinstance(_child(module, name), nn.Module)), None)


def _child(module: nn.Module, name: str) -> nn.Module | None:
    """Return a submodule by its own name; TorchScript's modules have no ordinary dict of them."""
    return module._modules[name] if name in module._modules else None  # noqa: SIM401


def _plain_name(model: nn.Module, name: str) -> str | None:
    plain: list[str] = []
    parts = name.split(".")
    module: nn.Module | None = model
    while parts and module is not None:
        inner, part = _inner(module), parts[0]
        if inner is None:
            module = _child(module, parts.pop(0))
            plain.append(part)
        elif part in module._parameters or part in module._buffers:
            return None
        else:  # some wrappers remove themselves from the state dict
            module = module._modules[inner]
            parts = parts[1:] if part == inner else parts
    return ".".join([*plain, *parts])
