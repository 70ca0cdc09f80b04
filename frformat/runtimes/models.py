"""Build models named on the command line."""

from __future__ import annotations

import importlib
import importlib.util
import os
import sys
from collections.abc import Iterable
from types import ModuleType
from typing import Final

from torch import nn

from frformat import FrzFile
from frformat.checkpoints.reading import where
from frformat.format import limits
from frformat.format.reader import Source
from frformat.runtimes.errors import ExportError
from frformat.runtimes.template.static import static_network
from frformat.torch import MismatchError, factorize, load_model, summary
from frformat.torch.factorization import Factored, Summary, portable
from frformat.torch.factorization.candidates import Preference
from frformat.torch.factorization.portable import exportable
from frformat.torch.regularization.views import Example
from frformat.train import models
from frformat.wording import in_one_line, similar

BUILT_IN: Final = {"unet": models.UNet, "lenet5": models.LeNet5, "resnet20": models.ResNet20}
"""The reference networks by their names on the command line."""

EXAMPLES: Final = {"unet": [1, 3, 64, 96], "lenet5": [1, 1, 28, 28], "resnet20": [1, 3, 32, 32]}
"""Shapes of the inputs with which to trace the reference networks."""


def build(spec: str) -> nn.Module:
    """Build the model that ``spec`` names.

    Args:
        spec: one of :data:`BUILT_IN`, or ``FILE.py:NAME`` or ``package.module:NAME``, where NAME is a module object or
            a function without arguments that returns a module. The file or package is executed.

    Raises:
        ExportError: the model does not exist.
    """
    if spec in BUILT_IN:
        built: nn.Module = BUILT_IN[spec]()
        return built
    place, colon, name = spec.rpartition(":")
    if not colon:
        what = f"{spec!r} is neither one of {', '.join(BUILT_IN)} nor of the form FILE.py:NAME"
        raise ExportError(what + _suggested(spec, BUILT_IN))
    if place.endswith(".py") and not os.path.isfile(place):
        raise ExportError(f"{spec}: there is no file {place}")
    names: list[str] = []
    try:
        module = imported(place)
        names = [each for each in vars(module) if not each.startswith("_")]
        found = getattr(module, name, None)
        model = found if isinstance(found, nn.Module) or found is None else found()
    except Exception as error:  # the user's code can raise anything
        raise ExportError(f"{spec}: {where(error)}") from error
    if not isinstance(model, nn.Module):
        kind = f"{type(model).__name__}, not torch.nn.Module"
        missing = f"there is no {name}{_suggested(name, names)}"
        what = missing if found is None else f"{name} returns an object of type {kind}"
        raise ExportError(f"{spec}: {what}")
    return model


def _suggested(name: str, names: Iterable[str]) -> str:
    """Return the end of a message about a name that does not exist, with the most similar one that does."""
    like = similar(name, names)
    return f"; did you mean {like!r}?" if like else ""


def give(
    model: nn.Module,
    weights: str,
    *,
    tier: int | None = None,
    memory_budget: int = limits.MEMORY_BUDGET,
    base: Source | FrzFile | None = None,
) -> None:
    """Load an ``.frz`` file into a model. The arguments are those of :func:`frformat.torch.load_model`.

    Raises:
        ExportError: the file does not fit the model.
        FrzError, OSError: the file cannot be read.
    """
    try:
        load_model(model, weights, tier=tier, memory_budget=memory_budget, base=base)
    except MismatchError as error:
        raise ExportError(in_one_line(str(error))) from error


def factored(
    model: nn.Module,
    weights: str,
    example: Example,
    *,
    tier: int | None = None,
    base: Source | FrzFile | None = None,
    prefer: Preference = "speed",
    static: bool = False,
    pooled: bool = False,
) -> nn.Module:
    """Return a model that runs on the coefficients of an ``.frz`` file, ready for ``export``.

    Args:
        model: the model, which is not modified.
        weights: the file.
        example: inputs of the size to optimize for. Only their shapes matter.
        tier: the capacity tier; None for the largest one present.
        base: the base of a delta file.
        prefer: what to optimize for, ``speed`` or ``memory``; see :func:`frformat.torch.factorize`.
        static: whether bases and cores are constants and the model accepts only inputs of the example's size; see
            :mod:`frformat.runtimes.template.static`. Otherwise, each run computes them.
        pooled: for static networks, see :func:`frformat.runtimes.template.static.static_network`.

    Raises:
        ExportError: the file does not fit the model, or the model cannot run on coefficients or on the example.
        FrzError, OSError: the file cannot be read.
    """
    try:
        found = factorize(model, example, weights, tier=tier, base=base, prefer=prefer)
        facts = summary(found)
        assert isinstance(facts, Summary)
        if all(layer.modes is None for layer in facts.layers):
            reasons = [f"{layer.name}: {layer.why}" for layer in facts.layers[:3]]
            whys = "; ".join(reasons) or "the file contains no coefficients of its layers"
            slower = prefer == "speed" and any(layer.factored is not None for layer in facts.layers)
            advice = "export it with rebuilt weights" + (", or prefer memory to speed" if slower else "")
            raise ExportError(f"no layer of {type(model).__name__} runs on coefficients ({whys}); {advice}")
        if facts.fusion and any(isinstance(layer, Factored) for layer in found.modules()):
            what = f"{type(model).__name__} cannot be exported factored: {facts.fusion}"
            raise ExportError(f"{what}; export it with rebuilt weights")
        if not static:
            return portable(found)
        fused = exportable(found)
        inputs = example if isinstance(example, tuple) else (example,)
        return found if fused is None else static_network(fused, inputs, pooled=pooled)
    except ExportError:
        raise
    except ValueError as error:  # includes MismatchError
        raise ExportError(in_one_line(str(error))) from error


def imported(place: str) -> ModuleType:
    """Return a module, given its name or its file ``….py``, which can import modules beside it.

    Neither the file nor the modules beside it hide other modules of the same name, in this process or in its workers.
    """
    if not place.endswith(".py"):
        return importlib.import_module(place)
    name = os.path.basename(place).removesuffix(".py")
    while name in sys.modules:
        name += "_"
    spec = importlib.util.spec_from_file_location(name, place)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # TorchScript and dataclasses look up names used by a class in its module
    folder = os.path.dirname(os.path.abspath(place))
    if folder not in sys.path:
        sys.path.append(folder)
    spec.loader.exec_module(module)
    return module
