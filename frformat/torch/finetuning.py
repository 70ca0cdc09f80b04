"""Fine-tune the weights of a compressed file without changing how the file stores them."""

from __future__ import annotations

import math
import os
import warnings
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any, Final, NamedTuple, TypeVar

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm, _NormBase
from torch.nn.utils.parametrize import ParametrizationList

import frformat
from frformat import CodedTensor, FrzFile
from frformat.checkpoints.precision import is_narrower
from frformat.checkpoints.torch_tensors import aliases, overlapping
from frformat.format.reader import Source
from frformat.torch.compression import inputs
from frformat.torch.compression.structure import structure_of_all
from frformat.torch.corners import cornered
from frformat.torch.live_norm import Normalized, keep_alive, settle
from frformat.torch.loading import load
from frformat.torch.lowrank.layers import coded
from frformat.torch.lowrank.tucker import tucker_tensors
from frformat.torch.matching import Way
from frformat.torch.models import matched
from frformat.torch.modes import divided, evaluating, ordinary
from frformat.torch.parametrizations import is_parametrized, obstacle, register_tied
from frformat.torch.quantized import Quantized, can_be_trained, keep_form, prepared, trained_state
from frformat.torch.regularization.file_size import encoded_size, fewest
from frformat.torch.regularization.regularize import check_changeable
from frformat.torch.regularization.spectral_tensor import spectral_tensors
from frformat.torch.regularization.state import spectral_state
from frformat.torch.regularization.undo import undone_on_error
from frformat.wording import parse_size

SMALLEST: Final = 0.499
"""Smaller magnitudes are rounded to zero."""

RESOLUTION: Final = 2048
"""Numbers of coefficients to remove that differ by their number divided by this are not told apart."""

HARMLESS: Final = 0.05
"""Share of the coefficients that can be removed. A ResNet-20 that lost a tenth fell from 90 % to 49 % accuracy."""

StrPath = str | os.PathLike[str]
Model = TypeVar("Model", bound=nn.Module)
Owners = Sequence[tuple[nn.Module, str]]


class _Tied(NamedTuple):
    """Parameters or buffers that are one tensor in memory.

    Attributes:
        ids: their ids.
        owners: the modules that own them, with the attribute's name.
        apart: whether they share no memory with other tensors.
    """

    ids: list[int]
    owners: list[tuple[nn.Module, str]]
    apart: bool


@torch.inference_mode(False)  # the model can be trained
def load_quantized(
    model: Model,
    path: StrPath,
    *,
    batches: Iterable[Any] | None = None,
    base: Source | FrzFile | None = None,
) -> Model:
    """Load a compressed file into a model, in place, for fine-tuning the weights in their compressed form.

    The forward pass uses the weights that the file would contain: coefficients in the file's bases, rounded to its
    steps. What is zero in the file stays zero. :func:`frformat.torch.save_model` then writes a file of about the same
    size; :func:`fit_quantized` makes sure that it is no larger. Fine-tuning regains part of the accuracy that
    compression has cost, in a few epochs, best with the original network as the teacher.

    >>> compress(LeNet5(), "small.frz", images.split(64), size=32_000)
    >>> tuned = load_quantized(LeNet5(), "small.frz")
    >>> optimizer = torch.optim.Adam(parameter_groups(tuned, lr=0.01, plain_lr=1e-4))  # then train as usual
    >>> nbytes = fit_quantized(tuned, 32_000)
    >>> save_model(tuned, "tuned.frz")

    For very small files, round softly at first; see :func:`set_softness`.

    The unit of quantized matrices and kernels is their step. With Adam, a learning rate of 0.01 suits most networks,
    whatever the magnitudes of their weights; higher ones change so many integers at a time that training may diverge.
    Biases keep their unit, and need a learning rate as for fine-tuning.

    Trained are parameters that the file stores as integers with steps or in a 16-bit number format, unless all their
    elements are equal; those that it stores exactly are trained as usual. Everything else is frozen: spectra, tensors
    with factors, integers of more than 22 bits, weights that PyTorch cannot parametrize (those of recurrent layers,
    TorchScript modules, containers such as ``Sequential`` and embeddings with sparse gradients, and those that overlap
    others in memory), and the scales and running statistics of batch normalization. Layers with running statistics
    remain in evaluation mode.

    Networks with batch normalization learn more if it goes on, for which ``batches`` are needed. In training mode,
    layers that follow quantized weights then normalize by batches. What they learn is not in the model yet: call
    :func:`fit_quantized` before each evaluation and before saving, which puts it into the biases and into the step
    offsets of the rows (up to a byte for each).

    State dicts contain the bases and steps: a model that loads one continues with those of the file it comes from.

    Args:
        model: a plain network. Create optimizers afterwards, but convert to SyncBatchNorm before.
        path: a file from :func:`frformat.torch.compress`, or any other file with quantized weights and one tier.
        batches: sample inputs, as for :func:`frformat.torch.compress`; a few hundred samples suffice. None keeps batch
            normalization in evaluation mode.
        base: the base of a delta file; see :func:`frformat.open`.

    Returns:
        The model.

    Raises:
        MismatchError, FrzError, OSError: see :func:`frformat.torch.load_model`.
        ValueError: the file has several tiers or no quantized weights that can be trained, or the model is regularized,
            decomposed, factored, nested, a TorchScript module, wrapped in DistributedDataParallel (wrap it afterwards),
            or was created in inference mode, or its type cannot represent the file's integers: use float32 and
            autocast. Its weights may have been loaded, but it is still a plain network.
        CompressionError: the model fails on a batch. It is unchanged.
    """
    check_changeable(model)
    other = next(iter((*spectral_tensors(model), *tucker_tensors(model), *coded(model), *cornered(model))), None)
    if other is not None:
        raise ValueError(f"{other} is not a plain weight of {type(model).__name__}: pass a new, plain network")
    for name, each in model.named_parameters():
        if each.is_meta:
            raise ValueError(f"{name} is on the meta device: call model.to_empty(device=…) first")
    runs = [] if batches is None else [partial(run, model) for run in inputs.runs(batches)]
    normalized = _normalized_layers(model, runs)
    way = Way()
    with frformat.open(path, base=base) as file:
        if file.tiers > 1:
            raise ValueError(f"{os.fspath(path)} has {file.tiers} tiers, but only files with one can be fine-tuned")
        plan = matched(model, file, path, way, strict=True)
        load(model, file, plan, way)
        forms = {
            id(target.tensor): file.stored(source) for source, target in plan.steps if isinstance(target.tensor, Tensor)
        }
    found = _owners(model)
    forms = {key: forms[each] for key, tensors in found.items() for each in tensors.ids if each in forms}
    trained = {key: form for key, form in forms.items() if _is_trained(found[key], form)}
    if not any(form.values.ndim > 1 for form in trained.values()):
        raise ValueError(
            f"{os.fspath(path)} contains no quantized weights of the model that can be trained; frformat compress "
            "writes such files"
        )
    names = {id(parameter): name for name, parameter in model.named_parameters(remove_duplicate=False)}
    quantized = {
        key: Quantized(form, removable=not any(_is_direction(*owner) for owner in found[key].owners))
        for key, form in trained.items()
    }
    modules = [module for tensors in found.values() for module, _ in tensors.owners]
    parameters = {id(parameter): parameter for parameter in model.parameters() if id(parameter) in trained}
    for key, parameter in parameters.items():
        _check_type(names[key], parameter.dtype, quantized[key])
    with undone_on_error(modules, parameters.values()):
        for key, form in forms.items():
            if key in trained:
                _register(found[key].owners, quantized[key].to(parameters[key].device))
            else:
                _freeze(found[key].owners, form)
    for module in model.modules():
        if isinstance(module, _NormBase) and module.track_running_stats:
            module.register_forward_pre_hook(_evaluate)
            if isinstance(module, _BatchNorm) and module.weight is not None:
                module.weight.requires_grad_(False)
    keep_alive(model, normalized, runs)
    return model


def fit_quantized(model: nn.Module, size: int | str) -> int:
    """Set the smallest coefficients of quantized weights to zero, in place, until the file has at most ``size`` bytes.

    They are compared in units of their steps, and remain zero. Training can continue; the optimizer stays valid. What
    batch normalization has learned (see ``batches`` of :func:`load_quantized`) becomes part of the weights before.
    Weights under weight normalization keep their coefficients, because a row of zeros has no direction.

    This is for the few bytes by which a file grows in training: the other coefficients do not make up for those that
    are removed. For a smaller file, call :func:`frformat.torch.compress` again.

    Args:
        model: a model that :func:`load_quantized` has prepared.
        size: a number of bytes, or a string such as ``"32kB"``; metadata is not included.

    Returns:
        The size of the file. It is as large as possible, up to a few parts in a thousand.

    Raises:
        ValueError: the model has no quantized weights, or the file is larger even if they are all zero. No coefficient
            has become zero.
        EncodeError: a weight is NaN, infinite, or too large to be stored. No coefficient has become zero.

    Warns:
        UserWarning: so many coefficients became zero that the network has probably lost much of its accuracy.
    """
    size = parse_size(size)
    every = prepared(model)
    settle(model)
    state = spectral_state(model)
    nbytes = encoded_size(model, state, {})
    if nbytes <= size:
        return nbytes
    tensors = [held for held in every if held[0].removable]
    magnitudes = [held[0].magnitudes(held.original).flatten().cpu() for held in tensors]
    ordered = torch.cat([each[each >= SMALLEST] for each in (*magnitudes, torch.empty(0, device="cpu"))]).sort().values
    del magnitudes

    def encoded(count: int) -> int:
        """Return the size without the ``count`` smallest coefficients."""
        return encoded_size(model, state, trained_state(model, _least(ordered, count)))

    estimate = _entropy(ordered, sum(held[0].nonzero.numel() for held in tensors))
    smallest = encoded_size(model, state, trained_state(model, math.inf))
    if smallest > size:
        raise ValueError(f"size={size:,}: the file has {smallest:,} bytes even if all matrices with steps are zero")
    resolution = 1 + len(ordered) // RESOLUTION
    ends = (0, nbytes), (len(ordered), smallest)
    enough, nbytes = fewest(encoded, size, *ends, resolution=resolution, estimate=estimate)
    least = _least(ordered, enough)
    for held in tensors:
        held[0].remove(held.original, least)
    if enough > HARMLESS * len(ordered):
        warnings.warn(
            f"fit_quantized() has set {enough / len(ordered):.0%} of the coefficients to zero for a file of {size:,} "
            "bytes, and the others do not make up for them; compress the network to this size instead",
            stacklevel=2,
        )
    return nbytes


def _normalized_layers(model: nn.Module, runs: Sequence[Callable[[], object]]) -> list[Normalized]:
    """Return the layers of a plain model whose outputs are only used by batch normalization."""
    with ordinary(), divided(), evaluating(model):
        found = structure_of_all(model, runs)
    axes = {site: site.form.output_axis for site in found.folds}
    return [
        Normalized(site.name, axis, found.biases[site], found.folds[site])
        for site, axis in axes.items()
        if axis is not None
    ]


def _least(ordered: Tensor, count: int) -> float:
    """Return a bound such that the first ``count`` numbers, and only those and equal ones, are below it."""
    return float(torch.nextafter(ordered[count - 1], ordered.new_tensor(float("inf")))) if count else 0.0


def _entropy(ordered: Tensor, total: int) -> Callable[[int], float]:
    """Return a function that estimates the bits of all coefficients after some of the smallest have become zeros.

    Args:
        ordered: the magnitudes of the nonzero coefficients, in steps, ascending.
        total: number of all coefficients.
    """
    counts = torch.unique_consecutive(ordered.round(), return_counts=True)[1]
    ends = counts.cumsum(0)

    def bits(removed: int) -> float:
        left = torch.minimum(counts, (ends - removed).clamp(min=0))
        nonzero = len(ordered) - removed
        shares = torch.cat([left, left.new_tensor([total - nonzero])]).double() / total
        return nonzero - total * float(torch.special.xlogy(shares, shares).sum()) / math.log(2)

    return bits


def _owners(model: nn.Module) -> dict[int, _Tied]:
    """Return the parameters and buffers of a model, by the id of the first of those that are one tensor in memory."""
    owners: dict[int, list[tuple[nn.Module, str]]] = {}
    tensors: dict[str, Tensor] = {}
    for module in model.modules():
        for attribute, tensor in (*module._parameters.items(), *module._buffers.items()):
            if tensor is not None:
                owners.setdefault(id(tensor), []).append((module, attribute))
                tensors[str(id(tensor))] = tensor
    ties = aliases(tensors)
    shared = overlapping(tensor for name, tensor in tensors.items() if name not in ties)
    found: dict[int, _Tied] = {}
    for key, own in owners.items():
        first = int(ties.get(str(key), key))
        tied = found.setdefault(first, _Tied([], [], first not in shared))
        tied.ids.append(key)
        tied.owners.extend(own)
    return found


def _is_trained(tied: _Tied, form: CodedTensor) -> bool:
    return tied.apart and can_be_trained(form) and all(_can_be_parametrized(*owner) for owner in tied.owners)


def _can_be_parametrized(module: nn.Module, attribute: str) -> bool:
    """Return whether a module computes with a parametrized tensor as it does with a parameter that is trained."""
    if attribute not in module._parameters or obstacle(module, attribute) is not None:
        return False
    rows = isinstance(module, nn.Embedding | nn.EmbeddingBag) and (module.sparse or module.max_norm is not None)
    scales = isinstance(module, _BatchNorm) and module.track_running_stats and attribute == "weight"
    trained = bool(module._parameters[attribute].requires_grad)  # type: ignore[union-attr]
    return trained and not (rows or scales or is_parametrized(module, attribute))


def _check_type(name: str, dtype: torch.dtype, quantized: Quantized) -> None:
    """Check that a parameter's type represents the stored values of its tensor.

    Raises:
        ValueError: at least one of the values would change.
    """
    if not is_narrower(dtype, torch.float32):
        return
    form = quantized.form
    coefficients = quantized.initial(dtype)
    finite = bool(coefficients.isfinite().all())
    if not finite or not np.array_equal(quantized.coded(coefficients).values, form.values):
        raise ValueError(
            f"{name}: {dtype} does not represent all values in the file; use model.float(), and train with autocast"
        )


def _is_direction(module: nn.Module, attribute: str) -> bool:
    """Return whether weight normalization divides a parameter by the norms of its rows, which must not become zero."""
    old = attribute.endswith("_v") and f"{attribute[:-2]}_g" in module._parameters
    return old or isinstance(module, ParametrizationList)


@torch.no_grad()
def _register(owners: Owners, quantized: Quantized) -> None:
    """Replace a parameter by its coefficients, in all modules that own it."""
    original = register_tied(owners, quantized).original
    original.copy_(quantized.initial(original.dtype))


def _freeze(owners: Owners, form: CodedTensor) -> None:
    """Keep a tensor in its stored form, unless the file stores a parameter exactly: it is trained as usual."""
    for module, attribute in owners:
        # TorchScript's modules have no ordinary dict of parameters.
        parameter = module._parameters[attribute] if attribute in module._parameters else None  # noqa: SIM401
        if parameter is not None and form.exact:
            continue
        keep_form(module, attribute, form)
        if parameter is not None:
            parameter.requires_grad_(False)


def _evaluate(module: nn.Module, inputs: object) -> None:
    """Switch a module to evaluation mode before it runs."""
    module.training = False
