"""Regularize a plain model, and restore it."""

from __future__ import annotations

from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from frformat.checkpoints.precision import overflow
from frformat.torch.lowrank.tucker import form_of
from frformat.torch.parametrizations import is_parametrized, parametrized, register_tied
from frformat.torch.quantized import Quantized
from frformat.torch.regularization import factored as factors
from frformat.torch.regularization.choices import Candidate, Rules, candidates, choose
from frformat.torch.regularization.parametrization import Spectral, replace_data, watch_state
from frformat.torch.regularization.rounding import check_values
from frformat.torch.regularization.spectral_tensor import places
from frformat.torch.regularization.tiers import Statistics
from frformat.torch.regularization.undo import take_off, undone_on_error
from frformat.torch.regularization.views import Example, find_views
from frformat.torch.wrappers import is_distributed

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
    """Make a model train the first DCT coefficients of its weights (Frequency Regularization), in place.

    Each chosen parameter becomes a vector of its first ``k`` coefficients in zigzag order, through PyTorch's own
    parametrizations, so optimizers, state dicts, ``torch.compile``, autocast, distributed training and ``deepcopy``
    work as usual. Create optimizers after this call. :func:`frformat.torch.save_model` stores the coefficients.

    >>> model = regularize(LeNet5(), 100, rules=["fc1.weight: keep=600", "*.bias: keep=3"], example=images[:1])

    Coefficients are larger than weights: by a factor of √(elements / k) in a new layer. Optimizers whose steps do not
    depend on the gradient's magnitude, such as Adam, need a learning rate 10 to 100 times as large.

    Args:
        model: any module. Unless a rule says otherwise, floating-point parameters of rank 2 or more that require
            gradients are regularized. Tied parameters stay tied.
        keep: number of coefficients per parameter: an int is a number (smaller parameters keep all), and a float is a
            share.
        rules: by parameter name, as ``"PATTERN: WORDS"``, such as ``"fc1.weight: keep=300 view=500,50,4,4 format=q8"``,
            ``"*.bias: keep=3"``, ``"head.*: raw"`` or ``"conv*: energy=0.99"``; the first that matches applies. For all
            words, see :class:`frformat.encoding.Rule`; ``format`` makes training quantization-aware. Alternatively, a
            function of name and parameter that returns the words, a rule, or None.
        example: an input (a tensor, a sequence of positional inputs, or a mapping of keyword inputs). If given, the
            model is run once to find the views of linear layers that follow a flatten or precede an unflatten.
        trained: whether the weights have been trained. If so, the coefficients are computed from them. Otherwise they
            are scaled so that the tensor has the variance of the layer's own initialization.
        factored: whether convolutions, linear layers and embeddings may run on the coefficients instead of the rebuilt
            weights, where that is faster.

    Returns:
        The model.

    Raises:
        ValueError: a rule matches nothing or cannot be satisfied, or a parameter, which the message names, cannot be
            regularized, or the model does not run on the example. The model is unchanged after any error.
    """
    check_changeable(model)
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


@torch.inference_mode(False)  # training can continue with the new tensors
def unregularize(model: Model) -> Model:
    """Replace regularized and quantized parameters with the plain tensors that they represent, in place.

    A model with tiers keeps its current tier, including that tier's running statistics. Of a model that
    :func:`frformat.torch.load_quantized` prepared, the weights become plain ones with rounded values; what it froze
    stays frozen.

    Parameters stay the same objects, and tied ones stay tied. For a plain copy, use
    ``unregularize(copy.deepcopy(model))``.

    Returns:
        The model.

    Raises:
        ValueError: the model is wrapped in DistributedDataParallel.
    """
    found = [*places(model), *parametrized(model, Quantized)]
    if found:
        check_exchangeable(model)
    with torch.no_grad():
        plain: dict[int, tuple[Any, Tensor]] = {id(held): (held.original, held()) for _, _, held in found}
    for module, name, _ in found:
        _expose(module, name)
    for parameter, tensor in plain.values():
        parameter.grad = None
        replace_data(parameter, tensor)
    return _with_plain_statistics(model)


@torch.inference_mode(False)  # training can continue with the new tensors
def recompose(model: Model) -> Model:
    """Multiply out the factors of a decomposed model in place, so that it has plain weights again.

    A model with tiers keeps its current tier, including that tier's running statistics. Regularized and quantized
    weights stay as they are; see :func:`unregularize`.

    Returns:
        The model.

    Raises:
        ValueError: the model is wrapped in DistributedDataParallel.
    """
    modules: list[Any] = [module for module in model.modules() if form_of(module) is not None]
    if modules:
        check_exchangeable(model)
    for module in modules:
        held: Any = form_of(module)
        trained = any(part.requires_grad for part in held.parameters())
        take_off(module, "weight", keep=True)
        value = module.weight.detach().contiguous()
        del module.weight  # a buffer if PyTorch saw no gradients
        module.weight = nn.Parameter(value, trained)
    return _with_plain_statistics(model)


@torch.no_grad()
def _with_plain_statistics(model: Model) -> Model:
    """Keep only the running statistics of the current tier."""
    averages = [(module, name, held().clone()) for module, name, held in parametrized(model, Statistics)]
    for module, name, tensor in averages:
        _expose(module, name).data = tensor
    return model


def _expose(module: nn.Module, name: str) -> Tensor:
    """Remove a parametrization, and return its original tensor, now the module's own parameter or buffer."""
    attribute = name.rpartition(".")[2]
    if is_parametrized(module, attribute):  # false if it was removed under another name of the module
        take_off(module, attribute, keep=False)
    own = getattr(module, attribute)
    assert isinstance(own, Tensor)
    return own


def check_changeable(model: nn.Module) -> None:
    """Check that the model's parameters can be replaced.

    Raises:
        ValueError: they cannot.
    """
    if isinstance(model, torch.jit.ScriptModule):
        raise ValueError("a TorchScript module can no longer be changed: change the model, then script it")
    check_exchangeable(model)
    fixed = next((name for name, each in model.named_parameters() if not is_lazy(each) and each.is_inference()), None)
    if fixed is not None:
        raise ValueError(f"{fixed} was created in inference mode, so it cannot be trained: create the model outside it")


def check_exchangeable(model: nn.Module) -> None:
    """Check that nothing else keeps the model's parameters, which are about to be replaced or change their shape.

    Raises:
        ValueError: something does.
    """
    if is_distributed(model):
        raise ValueError(
            "DistributedDataParallel cannot exchange its parameters: change its .module, then wrap that again"
        )


@torch.no_grad()
def _register(candidate: Candidate, spectral: Spectral, trained: bool) -> None:
    parameter, name = candidate.parameter, candidate.names[0]
    coefficients = spectral.analyze(parameter)
    if not trained and coefficients.any():
        coefficients *= _norm(parameter) / _norm(coefficients)
    fault = overflow(coefficients, parameter.dtype)
    if fault:
        raise ValueError(
            f"{name}: {fault}, the type of its weights; use float32, or exclude it with the rule {name + ': raw'!r}"
        )
    if spectral.format is not None:
        check_values(coefficients, spectral.format, name)
    parameter.grad = None
    held = register_tied(candidate.owners, spectral)
    watch_state(held)
    replace_data(parameter, coefficients)


def _norm(tensor: Tensor) -> Tensor:
    """Return the root of the sum of squares in float64, even if the squares are too large or too small for it."""
    largest = tensor.abs().amax().double()
    relative: Tensor = torch.linalg.vector_norm(tensor.double() / largest)
    return relative * largest
