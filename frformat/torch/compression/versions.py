"""Later versions of a model: compressed with the steps of an older file, to be the difference to it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from frformat.format.reader import FrzFile
from frformat.format.tensor import CodedTensor
from frformat.torch.compression.contents import Contents
from frformat.torch.compression.inputs import CompressionError
from frformat.torch.compression.quantizing import Weighed


def check(goals: dict[str, Any]) -> None:
    """See that nothing is asked for that steps would have to be chosen for.

    Raises:
        CompressionError: something is.
    """
    given = [name for name, value in goals.items() if value is not None]
    if given:
        raise CompressionError(f"{given[0]} is given, but all steps are those of the base: leave out one of both")


def follow(weighed: Weighed, contents: Contents, base: FrzFile) -> None:
    """Plan to round as an older file does, wherever it has a tensor of that name, shape and kind.

    Args:
        weighed: the model, whose plans change.
        contents: what goes into the file.
        base: the older file.
    """
    plans = dict(weighed.plans)
    for name, plan in weighed.plans.items():
        older = contents.file_name(name)
        if older in base and base.info(older).step is not None:
            stored = base.stored(older)
            cosines = _cosines(stored)
            if cosines is not None and stored.shape == plan.form.shape:
                plans[name] = replace(plan, cosines=cosines, offsets=stored.offsets, fixed=stored.step)
    weighed.plans = plans
    contents.follow(plans, base)


def _cosines(stored: CodedTensor) -> bool | None:
    """Whether a tensor is stored in the DCT along its kernel axes; None if it is stored in yet another way."""
    if stored.ordered or stored.view is not None or stored.corner != stored.shape:
        return None
    kinds = [axis.kind for axis in stored.axes]
    for cosines in (False, True):
        if kinds == ["dct" if cosines and axis > 1 else "identity" for axis in range(len(kinds))]:
            return cosines
    return None
