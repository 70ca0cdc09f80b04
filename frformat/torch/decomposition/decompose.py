"""Turn a trained model into one whose weights are Tucker factors."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeVar

import torch
from torch import nn
from torch.nn.utils.parametrize import register_parametrization, type_before_parametrizations

from frformat.torch.decomposition import ranks as selection
from frformat.torch.decomposition.normalization import reestimate
from frformat.torch.decomposition.ranks import Layer, Ranks
from frformat.torch.decomposition.report import Decomposed, Decomposition
from frformat.torch.factorization.runs import find_runs
from frformat.torch.lowrank.cost import Run
from frformat.torch.lowrank.summaries import attach
from frformat.torch.lowrank.tucker import Tucker, form_of, install, multiply_adds
from frformat.torch.parametrizations import is_parametrized
from frformat.torch.regularization.regularize import check_changeable
from frformat.torch.regularization.undo import undone_on_error
from frformat.torch.regularization.views import Example

Model = TypeVar("Model", bound=nn.Module)


@torch.inference_mode(False)  # the new tensors can be trained
def decompose(
    model: Model,
    ranks: Ranks = "vbmf",
    *,
    weaken: float = 0.0,
    parameters: int | None = None,
    multiply_adds: int | None = None,
    example: Example | None = None,
    batches: Iterable[Example] | None = None,
) -> Model:
    """Replace the weights of convolutions and linear layers with Tucker factors, in place (one-shot compression).

    A convolution becomes 1×1 → small core → 1×1, and a linear layer two thin products, wherever that takes fewer
    multiply-adds than the rebuilt weight. A layer whose factors would have at least as many parameters as its weight
    stays unchanged. The result is less accurate: fine-tune all of it with your own training loop (the paper uses Adam
    or SGD at 1e-3). :func:`frformat.torch.save_model` writes the factors.

    EVBMF, which ``"vbmf"`` stands for, treats much of a compact network as noise: pass ``weaken``, or a budget.

    >>> model = decompose(trained, parameters=80_000, example=images[:1], batches=images.split(64))
    >>> print(summary(model))

    Args:
        model: a trained model with plain weights.
        ranks: ``"vbmf"`` estimates them. A float is a share of each axis. A mapping from names of
            weights contains one rank or share for both channel axes, or one for each:
            ``{"conv2.weight": (12, 8), "fc.weight": 0.25}``.
        weaken: moves the ranks from those of EVBMF (0) toward full ranks (1).
        parameters: instead of ``ranks`` and ``weaken``, a budget: use the largest ranks, weakened equally, with at most
            this many parameters in the model.
        multiply_adds: another budget: use the largest ranks, weakened equally, with at most this many multiply-adds in
            all convolutions and linear layers for the example.
        example: an input for counting multiply-adds.
        batches: inputs without labels, on which to re-estimate the statistics of batch normalization; see
            :func:`reestimate`.

    Returns:
        The model.

    Raises:
        ValueError: ranks or a budget cannot be satisfied, there is nothing to decompose, the model does not run on the
            example, is wrapped in DistributedDataParallel, or was created in inference mode. The model is unchanged
            after any error.
    """
    check_changeable(model)
    every = selection.layers(model)
    found, refused = [each for each in every if not each.problem], [each for each in every if each.problem]
    if not found:
        reasons = "; ".join(f"{each.name}: {each.problem}" for each in refused[:3])
        raise ValueError(f"no layer can be decomposed{': ' + reasons if reasons else ''}")
    calls = {} if example is None else find_runs(model, example, [layer.module for layer in every])
    runs = {layer.module: each for layer in every if isinstance(each := calls.get(layer.module), list)}
    budgeted = multiply_adds is not None or parameters is not None
    if budgeted:
        weaken = _budgeted(model, every, runs, ranks, weaken, parameters, multiply_adds)
        chosen = selection.estimated(found, weaken)
    else:
        chosen = selection.choose(found, ranks, weaken, refused)
    forms = {layer.name: layer.tucker(each) for layer, each in zip(found, chosen, strict=True)}
    if not any(forms.values()):
        if budgeted:
            raise ValueError("the model meets the budget without being decomposed")
        raise ValueError(
            "with these ranks, the factors would have at least as many parameters as the weights: use smaller ranks"
        )
    weights: list[Any] = [layer.module.weight for layer in found]
    with undone_on_error([layer.module for layer in found], weights):
        reports = [_decomposed(layer, forms.get(layer.name), runs) for layer in every]
        if batches is not None:
            reestimate(model, batches)
    attach(model, Decomposition(tuple(reports), weaken))
    return model


def _budgeted(
    model: nn.Module,
    every: Sequence[Layer],
    runs: Mapping[nn.Module, list[Run]],
    ranks: Ranks,
    weaken: float,
    parameters: int | None,
    work: int | None,
) -> float:
    """Return the largest ``weaken``, and thus the highest ranks, with which the model meets a budget."""
    if ranks != "vbmf" or weaken or (parameters is not None and work is not None):
        raise ValueError("a budget determines the ranks: pass only one budget, without ranks or weaken")
    found = [layer for layer in every if not layer.problem]
    if work is not None and not any(layer.module in runs for layer in found):
        raise ValueError("a budget of multiply-adds needs an example that runs the layers")
    if work is None:
        fixed = sum(parameter.numel() for parameter in model.parameters()) - sum(
            math.prod(each.shape) for each in found
        )
    else:
        fixed = sum(_work(layer, None, runs.get(layer.module, [])) for layer in every if layer.problem)

    def cost(chosen: Sequence[Mapping[int, int]]) -> int:
        forms = [(layer, layer.tucker(each)) for layer, each in zip(found, chosen, strict=True)]
        if work is not None:
            return fixed + sum(_work(layer, form, runs.get(layer.module, [])) for layer, form in forms)
        return fixed + sum(math.prod(layer.shape) if form is None else form.parameters_needed for layer, form in forms)

    budget = parameters if work is None else work
    assert budget is not None
    return selection.within(found, cost, budget)


@torch.no_grad()
def _decomposed(layer: Layer, form: Tucker | None, runs: Mapping[nn.Module, list[Run]]) -> Decomposed:
    """Decompose one layer, or leave it unchanged if there is no form."""
    module: Any = layer.module
    kind, called = type_before_parametrizations(module).__name__, runs.get(module)
    held = module.parametrizations["weight"] if is_parametrized(module, "weight") else None
    full = math.prod(layer.shape) if held is None else sum(part.numel() for part in held.parameters())
    work = None if called is None else (_work(layer, None, called), _work(layer, form, called))
    if form is None:
        why = layer.problem or "factors of these ranks would save nothing"
        return Decomposed(layer.name, kind, layer.shape, None, (full, full), work, 0.0, why)
    before, trained = module.weight.detach().clone(), module.weight.requires_grad
    register_parametrization(module, "weight", form)
    for part in module.parametrizations.weight.parameters():
        part.requires_grad_(trained)
    install(module)
    norm = float(torch.linalg.vector_norm(before))
    error = float(torch.linalg.vector_norm(module.weight - before)) / norm if norm else 0.0
    needed = (full, form.parameters_needed)
    return Decomposed(layer.name, kind, layer.shape, form.core_shape, needed, work, error, "")


def _work(layer: Layer, form: Tucker | None, runs: Sequence[Run]) -> int:
    """Return the multiply-adds of a layer's calls in some form; None stands for its present one."""
    held = form_of(layer.module)
    used = form if form is not None or held is None else held[0]
    return multiply_adds(layer.module, layer.shape, layer.shape if used is None else used.core_shape, runs)
