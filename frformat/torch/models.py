"""Modules ↔ files, in place."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Final

from torch import nn

import frformat
from frformat.format import limits
from frformat.format.tiers import OF_TIERS
from frformat.format.writer import Progress, Tiers
from frformat.torch.capacity import get_tier, set_tier
from frformat.torch.files import save_file
from frformat.torch.loading import Difference, load, match
from frformat.torch.regularization.state import formats, spectral_state
from frformat.torch.regularization.tiers import cuts, statistics

SHOWN: Final = 20
"""At most so many names are listed in an error."""

StrPath = str | os.PathLike[str]


class MismatchError(ValueError):
    """A file and a model that do not fit together; the message lists every name concerned, with both shapes."""


def save_model(
    model: nn.Module,
    path: StrPath,
    *,
    metadata: Mapping[str, str] | None = None,
    format: str | Mapping[str, str] = "auto",
    tiers: Tiers = (),
    compression: str = "auto",
    progress: Progress | None = None,
) -> None:
    """Write a model's parameters and persistent buffers, losslessly; tied ones once.

    Of a model that :func:`frformat.torch.regularize` changed, the coefficients are written under the names of the plain
    model, in the number formats that they were trained for unless ``format`` says otherwise, and with the tiers that
    the model has unless ``tiers`` says otherwise. Where the model has running statistics for each tier, those of all
    but the largest are a tensor with ``@tiers`` after its name.

    Arguments and errors as :func:`frformat.torch.save_file`.
    """
    with _whole(model):
        state = spectral_state(model)
        if tiers:  # others than the model's, whose statistics are of no use then
            rows = {name + OF_TIERS for name in statistics(model)}
            state = {name: value for name, value in state.items() if name not in rows}
        save_file(
            state,
            path,
            metadata=metadata,
            format=formats(model) if format == "auto" else format,
            tiers=tiers or cuts(model),
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
) -> Difference:
    """Load a file into a model's parameters and buffers, in place: they keep their device and dtype.

    Names, shapes and dtypes are all checked before the first tensor is written to, and tensors are decoded one at a
    time. A tensor of the model with several names (tied weights) is loaded if the file holds one of them.

    A model that :func:`frformat.torch.regularize` changed takes over coefficients, how many there are, and the tiers of
    the file, up to the one that is asked for; :func:`frformat.torch.set_tier` then switches between them.

    Args:
        model: the module.
        path: the file.
        strict: whether missing and unexpected names are errors; other shapes always are.
        tier: decode at this capacity tier; None for the largest that is present.
        memory_budget: bytes that one tensor and its working memory may take.

    Returns:
        Missing and unexpected names, both empty if ``strict``.

    Raises:
        MismatchError: the file and the model do not fit together; the model is as it was.
        FrzError: the file is not valid, does not hold the tier, or needs more memory than allowed.
        OSError: the file cannot be read.
    """
    with frformat.open(path, tier=tier, memory_budget=memory_budget) as file:
        plan, difference, faults = match(model, file)
        if strict:
            faults = _named("missing from the file", difference.missing) + faults
            faults = _named("not in the model", difference.unexpected) + faults
        if faults:
            raise MismatchError("\n  ".join([f"{os.fspath(path)} does not fit {type(model).__name__}:", *faults]))
        load(model, file, plan)
    return difference


@contextmanager
def _whole(model: nn.Module) -> Iterator[None]:
    """The model at its largest tier, for a while."""
    before = get_tier(model)
    set_tier(model, None)
    try:
        yield
    finally:
        set_tier(model, before)


def _named(what: str, names: list[str]) -> list[str]:
    shown = ", ".join(names[:SHOWN]) + (f" and {len(names) - SHOWN} more" if len(names) > SHOWN else "")
    return [f"{what}: {shown}"] if names else []
