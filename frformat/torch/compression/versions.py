"""Compress a newer version of a model with the steps of an older file, so that the stored difference is small."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

from frformat.format.reader import FrzFile
from frformat.format.tensor import CodedTensor
from frformat.torch.compression.contents import Contents
from frformat.torch.compression.inputs import CompressionError
from frformat.torch.compression.quantizing import Weighed


def check(goals: dict[str, Any]) -> None:
    """Check that no goal is set, since a goal would require different steps.

    Raises:
        CompressionError: a goal is set.
    """
    given = [name for name, value in goals.items() if value is not None]
    if given:
        raise CompressionError(f"{given[0]} is given, but the base determines all steps: pass only one of the two")


def follow(weighed: Weighed, contents: Contents, base: FrzFile) -> None:
    """Use the steps and the basis that an older file has for each tensor with the same name and shape.

    Args:
        weighed: the model's statistics; its plans are replaced.
        contents: the contents of the new file.
        base: the older file.
    """
    plans = dict(weighed.plans)
    for name, plan in weighed.plans.items():
        older = contents.file_name(name)
        if older in base and base.info(older).step is not None:
            stored = base.stored(older)
            cosines = _cosines(stored)
            fits = cosines is not None and (not cosines or math.prod(plan.form.kernel) > 1)
            if cosines is not None and fits and stored.shape == plan.form.shape:
                plans[name] = replace(plan, cosines=cosines, offsets=stored.offsets, fixed=stored.step)
    weighed.plans = plans
    contents.follow(plans, base)


def _cosines(stored: CodedTensor) -> bool | None:
    """Return whether a tensor is stored in the DCT along its kernel axes; None if it is stored in any other form."""
    if stored.ordered or stored.view is not None or stored.corner != stored.shape:
        return None
    kinds = [axis.kind for axis in stored.axes]
    for cosines in (False, True):
        if kinds == ["dct" if cosines and axis > 1 else "identity" for axis in range(len(kinds))]:
            return cosines
    return None
