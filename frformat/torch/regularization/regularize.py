"""From a plain model to a regularized one, and back."""

from __future__ import annotations

from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel
from torch.nn.utils.parametrize import is_parametrized, register_parametrization, remove_parametrizations

from frformat.checkpoints.precision import overflow
from frformat.torch.regularization import factored as factors
from frformat.torch.regularization.choices import Candidate, Rules, candidates, choose
from frformat.torch.regularization.parametrization import Spectral, replace_data, watch_state
from frformat.torch.regularization.rounding import check_values
from frformat.torch.regularization.spectral_tensor import places
from frformat.torch.regularization.tiers import Statistics
from frformat.torch.regularization.undo import undone_on_error
from frformat.torch.regularization.views import Example, find_views

Model = TypeVar("Model", bound=nn.Module)


def regularize(
    model: Model,
    keep: int | float = 1.0,
    *,
    rules: Rules = (),
    example: Example | None = None,
    trained: bool = False,
    factored: bool = True,
) -> Model:
    """Train a model's weights as the first coefficients of their DCT (Frequency Regularization), in place.

    Each chosen parameter becomes a vector of its first ``k`` coefficients in zigzag order, by PyTorch's own
    parametrization, so that optimizers, state dicts, ``torch.compile``, autocast, distributed training and ``deepcopy``
    work as ever. Make optimizers after this call. :func:`frformat.torch.save_model` stores the coefficients.

    >>> model = regularize(LeNet5(), 100, rules=["fc1.weight: keep=600", "*.bias: keep=3"], example=images[:1])

    Coefficients are larger than weights: √(elements / k) times for a fresh layer. Optimizers that take steps of a set
    size, such as Adam, want a learning rate that is larger by as much as 10 to 100 times.

    Args:
        model: any module. Regularized are, unless a rule says otherwise, the parameters that are trained, of a floating
            type and of rank 2 or more. Tied parameters stay tied.
        keep: how many coefficients of each: an int is a number (of smaller parameters all), a float a share.
        rules: by parameter name, as ``"PATTERN: WORDS"``, such as ``"fc1.weight: keep=300 view=500,50,4,4 format=q8"``,
            ``"*.bias: keep=3"``, ``"head.*: raw"`` or ``"conv*: energy=0.99"``; the first that matches wins. For all
            words see :class:`frformat.encoding.Rule`; ``format`` makes training quantization-aware. Or a function of
            name and parameter that returns the words, a rule, or None.
        example: an input (a tensor, a sequence of positional or a mapping of keyword inputs). With it, the model is run
            once to find the views of linear layers that follow a flatten or come before an unflatten.
        trained: whether the weights have been trained. Then the coefficients are theirs. Otherwise they are scaled so
            that the tensor keeps the variance that the layer's own initialization gave it.
        factored: whether convolutions, linear layers and embeddings may run on the box instead of the rebuilt weights,
            where that is faster.

    Returns:
        The model.

    Raises:
        ValueError: a rule matches nothing or cannot be met, or a parameter cannot be regularized; it is named. Whatever
            is raised, the model is as it was.
    """
    _check(model)
    views = {} if example is None else find_views(model, example)
    chosen = choose(candidates(model), keep, rules, views)
    modules = {id(module): module for candidate, _ in chosen for module, _ in candidate.owners}
    with undone_on_error(modules.values(), [candidate.parameter for candidate, _ in chosen]):
        for candidate, spectral in chosen:
            _register(candidate, spectral, trained)
            if factored:
                for module, attribute in candidate.owners:
                    if attribute == "weight":
                        factors.install(module)
    return model


def unregularize(model: Model) -> Model:
    """Give regularized parameters back as plain tensors, in place: the ones that their coefficients stand for.

    Of a model with tiers, it is the tier that it works at that stays, with its running statistics.

    Parameters stay the same objects and tied ones stay tied. For a plain copy, ``unregularize(copy.deepcopy(model))``.

    Returns:
        The model.
    """
    found = list(places(model))
    with torch.no_grad():
        plain = {id(held): (held.original, held()) for _, _, held in found}
        averages = [(module, name, held().clone()) for module, name, held in places(model, Statistics)]
    for module, name, _ in found:
        _expose(module, name)
    for parameter, tensor in plain.values():
        parameter.grad = None
        replace_data(parameter, tensor)
    for module, name, tensor in averages:
        _expose(module, name).data = tensor
    return model


def _expose(module: nn.Module, name: str) -> Tensor:
    """Take a parametrization away, and return what it held, which has become the module's own parameter or buffer."""
    attribute = name.rpartition(".")[2]
    if is_parametrized(module, attribute):  # not so if the module has several names
        # Copies of a module share the class that PyTorch made for it and is about to change.
        kind = type(module)
        module.__class__ = type(kind.__name__, kind.__bases__, dict(vars(kind)))
        remove_parametrizations(module, attribute, leave_parametrized=False)
    own = getattr(module, attribute)
    assert isinstance(own, Tensor)
    return own


def _check(model: nn.Module) -> None:
    """See that there is a model whose parameters may become others."""
    if isinstance(model, torch.jit.ScriptModule):
        raise ValueError("a TorchScript module cannot be changed any more: regularize the model, then script it")
    if any(isinstance(module, DistributedDataParallel) for module in model.modules()):
        raise ValueError("DistributedDataParallel knows its parameters for good: regularize the model, then wrap it")


@torch.no_grad()
def _register(candidate: Candidate, spectral: Spectral, trained: bool) -> None:
    parameter, name = candidate.parameter, candidate.names[0]
    coefficients = spectral.analyze(parameter)
    if not trained and coefficients.any():
        coefficients *= _norm(parameter) / _norm(coefficients)
    fault = overflow(coefficients, parameter.dtype)
    if fault:
        raise ValueError(
            f"{name}: {fault}, the type of its weights; take float32, or exclude it by the rule {name + ': raw'!r}"
        )
    if spectral.format is not None:
        check_values(coefficients, spectral.format, name)
    parameter.grad = None
    (module, attribute), *others = candidate.owners
    register_parametrization(module, attribute, spectral)
    held: Any = module.parametrizations[attribute]  # type: ignore[index]
    watch_state(held)
    replace_data(parameter, coefficients)
    for module, attribute in others:
        module.register_parameter(attribute, nn.Parameter(torch.empty(0)))
        register_parametrization(module, attribute, nn.Identity())
        lists = module.parametrizations
        assert isinstance(lists, nn.ModuleDict)
        lists[attribute] = held


def _norm(tensor: Tensor) -> Tensor:
    """The root of the sum of squares, in float64, also where the squares are too small or too large for that."""
    largest = tensor.abs().amax().double()
    relative: Tensor = torch.linalg.vector_norm(tensor.double() / largest)
    return relative * largest
