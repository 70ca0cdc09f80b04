"""Save modules to files, and load files into modules in place."""

from __future__ import annotations

import os
import warnings
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from typing import Any, Final

import torch
from torch import nn

import frformat
from frformat import FrzFile, Spectrum
from frformat.checkpoints.precision import inexact
from frformat.errors import EncodeError
from frformat.format import limits
from frformat.format.options import Progress, Tiers
from frformat.format.reader import Source
from frformat.torch.capacity import Tiered, get_tier, set_tier
from frformat.torch.corners import corner_cuts
from frformat.torch.files import save_as_named
from frformat.torch.loading import load
from frformat.torch.lowrank.layers import coded
from frformat.torch.lowrank.tucker import parts, tucker_tensors
from frformat.torch.lowrank.tucker_files import tucker_state
from frformat.torch.matching import Difference, Plan, Way, match
from frformat.torch.quantized import quantized_tensors
from frformat.torch.regularization.spectral_tensor import spectral_tensors
from frformat.torch.regularization.state import formats, spectral_state, without_empty_extras
from frformat.torch.regularization.tiers import cuts, statistics
from frformat.torch.wrappers import is_distributed, plain_names
from frformat.wording import listed

SHOWN: Final = 20
"""Largest number of names to list in an error."""

StrPath = str | os.PathLike[str]


class MismatchError(ValueError):
    """Raised if a file and a model do not match; the message lists the affected names and says how they differ."""


def save_model(
    model: nn.Module,
    path: StrPath,
    *,
    spectral: bool | Collection[str] = False,
    metadata: Mapping[str, str] | None = None,
    format: str | Mapping[str, str] = "auto",
    tiers: Tiers = (),
    compression: str = "auto",
    progress: Progress | None = None,
) -> None:
    """Write a model's parameters and persistent buffers losslessly; tied ones are written once.

    Names are those of the plain model, even inside torch.compile, data parallelism, averaging or checkpointing; the
    wrappers' own counters are not written. If the model is sharded, all processes must call this.

    For a model that :func:`frformat.torch.regularize` changed, the coefficients are written under the names of the
    plain model, in the number formats for which they were trained unless ``format`` says otherwise, and with the
    model's tiers unless ``tiers`` says otherwise. If the model has running statistics for each tier, so does the file.
    For a model that :func:`frformat.torch.decompose` changed, cores and factors are written; with ``format="q8"``, each
    slice along a core's first axis, and each column of a factor, has its own quantization step. Quantized weights (see
    :func:`frformat.torch.load_quantized`) are written with the steps for which they were trained, so ``format`` cannot
    be given for them.

    Arguments and errors are those of :func:`frformat.torch.save_file`. State that a module keeps besides its tensors
    (``get_extra_state``) must be a tensor, or None, which is left out.

    Warns:
        UserWarning: coefficients, cores or factors of a float64 model are rounded to float32.
    """
    if any(isinstance(module, Tiered) and module.apart for module in model.modules()):
        raise EncodeError(
            f"{type(model).__name__} contains a model for each tier; save the original model, which has all tiers"
        )
    with _whole(model):
        state: dict[str, Any] = {**spectral_state(model), **tucker_state(model, format)}
        if tiers:  # the statistics are valid only for the model's own tiers
            largest = {name: held.original[-1] for name, held in statistics(model).items()}
            state = {name: largest.get(name, value) for name, value in state.items()}
        state = without_empty_extras(state)
        names = plain_names(model, state)
        _check_format(model, format, names)
        if format == "auto":
            format = {names[name]: each for name, each in formats(model).items()}
        elif tucker_tensors(model) and not any(isinstance(value, Spectrum) for value in state.values()):
            format = "auto"  # it has been applied to cores and factors
        _warn_of_rounding(model, names, path)
        save_as_named(
            {plain: state[name] for name, plain in names.items()},
            path,
            spectral=spectral,
            metadata=metadata,
            format=format,
            tiers=tiers or {names[name]: each for name, each in (cuts(model) | corner_cuts(model)).items()},
            compression=compression,
            progress=progress,
        )


def load_model(
    model: nn.Module,
    path: StrPath,
    *,
    strict: bool = True,
    tier: int | None = None,
    memory_budget: int = limits.MEMORY_BUDGET,
    base: Source | FrzFile | None = None,
    assign: bool = False,
    device: torch.device | str | None = None,
    dtype: torch.dtype | None = None,
) -> Difference:
    """Load a file into a model's parameters and buffers, in place: they keep their device and dtype.

    Names, shapes and dtypes are all checked before the first tensor is written to, and tensors are decoded one at a
    time. A tensor with several names in the model (tied weights) is loaded if the file has one of them. Wrappers in
    the model, such as torch.compile's, and the prefixes that wrappers left in the file's names are ignored.

    A model that :func:`frformat.torch.regularize` changed adopts the file's coefficients, their number, and the tiers
    up to the requested one; :func:`frformat.torch.set_tier` then switches between them.

    >>> with torch.device("meta"):
    ...     model = UNet()  # no weights in memory
    >>> load_model(model, "model.frz", assign=True, device="cuda", dtype=torch.bfloat16)

    Args:
        model: the module.
        path: the file.
        strict: whether missing and unexpected names are errors; different shapes always are. Checkpoints older than
            PyTorch 0.4.1 have no ``num_batches_tracked``, which therefore may be missing.
        tier: decode at this capacity tier; None means the largest that is present.
        memory_budget: bytes that one tensor and its working memory may take.
        base: the base of a delta file; see :func:`frformat.open`.
        assign: replace the model's parameters and buffers with the file's tensors instead of copying into them.
            Models on the meta device require this. Create optimizers afterwards.
        device: with ``assign``, the device of the tensors; None means the device of the model's tensors, or
            the CPU for tensors on the meta device.
        dtype: with ``assign``, the type of floating-point tensors; None means the type of the model's tensors.

    Returns:
        Missing and unexpected names, both empty if ``strict``.

    Raises:
        MismatchError: the file and the model do not match, or values are too large for the model's type; the model is
            unchanged.
        ValueError: ``device`` or ``dtype`` was given without ``assign``, or ``assign`` for a model that is wrapped in
            DistributedDataParallel.
        FrzError: the file is not valid, the tier is not present, the base is missing or is a different file, or more
            memory is needed than allowed.
        OSError: the file cannot be read.

    Warns:
        UserWarning: wrappers' prefixes were removed from names, or small values become zeros in the model's type.
    """
    if not assign and (device is not None or dtype is not None):
        raise ValueError("device and dtype need assign=True; otherwise tensors keep those of the model")
    if assign and is_distributed(model):
        raise ValueError(
            "DistributedDataParallel cannot exchange its parameters: load without assign=True, or load into its "
            ".module, then wrap that again"
        )
    way = Way(assign, device, dtype)
    ordinary = torch.inference_mode(False) if assign else nullcontext()  # assigned tensors can be trained
    with ordinary, frformat.open(path, tier=tier, memory_budget=memory_budget, base=base) as file:
        plan = matched(model, file, path, way, strict=strict)
        load(model, file, plan, way)
    return Difference(plan.missing, plan.unexpected)


def matched(model: nn.Module, file: FrzFile, path: StrPath, way: Way, *, strict: bool) -> Plan:
    """Match a file with a model before anything is loaded.

    Args:
        model: the module.
        file: the open file.
        path: the file, for errors.
        way: how tensors will be transferred.
        strict: whether missing and unexpected names are errors.

    Raises:
        MismatchError: they do not match, or values are too large for the model's type.

    Warns:
        UserWarning: see :func:`load_model`. The warning refers to the line that called the caller of this function.
    """
    plan = match(model, file, way)
    faults = plan.faults
    if strict:
        faults = _named("missing from the file", plan.missing) + faults
        faults = _named("not in the model", plan.unexpected) + faults
    if faults:
        raise MismatchError("\n  ".join([f"{os.fspath(path)} does not fit {type(model).__name__}:", *faults]))
    for note in plan.notes:
        warnings.warn(f"{os.fspath(path)}: {note}", stacklevel=3)
    return plan


def computed_weights(model: nn.Module) -> list[str]:
    """Return the names of the weights that a model computes: quantized, regularized and decomposed ones."""
    return [*quantized_tensors(model), *spectral_tensors(model), *tucker_tensors(model)]


def _check_format(model: nn.Module, format: str | Mapping[str, str], names: Mapping[str, str]) -> None:
    """Check that no format is given for quantized weights.

    Args:
        model: the model.
        format: the format, for all tensors or by name.
        names: the plain name of each tensor.

    Raises:
        EncodeError: a format is given for a quantized weight, or only for quantized weights.
    """
    quantized = [names[name] for name in quantized_tensors(model)]
    if isinstance(format, str):
        others = spectral_tensors(model) or tucker_tensors(model) or coded(model)
        given = quantized[:1] if format != "auto" and not others else []
    else:
        given = [name for name in quantized if format.get(name, "auto") != "auto"]
    if given:
        raise EncodeError(
            f"format={format!r}: {given[0]} is quantized, with the steps of the file it was loaded from; leave out the "
            "format, or call unregularize() for plain weights"
        )


def _warn_of_rounding(model: nn.Module, names: Mapping[str, str], path: StrPath) -> None:
    """Warn if coefficients, cores or factors do not fit into float32, the type in files."""
    held: dict[str, list[Any]] = {name: [each.coefficients] for name, each in spectral_tensors(model).items()}
    held |= {name: parts(each) for name, each in tucker_tensors(model).items()}
    state = model.state_dict(keep_vars=True)
    held |= {name: [state[name]] for name in coded(model)}
    lost = [names[name] for name, values in held.items() if any(inexact(each, torch.float32) for each in values)]
    if lost:
        what = f"the float64 coefficients of {listed(lost, SHOWN)} are rounded to float32, the type in files"
        warnings.warn(f"{os.fspath(path)}: {what}", stacklevel=3)


@contextmanager
def _whole(model: nn.Module) -> Iterator[None]:
    """Within a ``with`` block, switch the model to its largest tier."""
    before = get_tier(model)
    set_tier(model, None)
    try:
        yield
    finally:
        set_tier(model, before)


def _named(what: str, names: list[str]) -> list[str]:
    return [f"{what}: {listed(names, SHOWN)}"] if names else []
