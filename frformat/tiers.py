"""What files tell of tiers beside coefficients, by convention: figures, and tensors that each tier has for itself.

The metadata ``tier0.accuracy`` is a figure of tier 0 that is called ``accuracy``. The raw tensor ``NAME@tiers`` has a
row for each tier but the last: what the tier has instead of the tensor ``NAME``, such as a layer's running average.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from frformat.reader import FrzFile

KEY: Final = re.compile(r"tier(0|[1-9]\d{0,2})\.(.+)", re.DOTALL | re.ASCII)

OF_TIERS: Final = "@tiers"


def figures(metadata: Mapping[str, str], tier: int) -> dict[str, str]:
    """The figures of one tier by name."""
    found = ((KEY.fullmatch(key), text) for key, text in metadata.items())
    return {match[2]: text for match, text in found if match and int(match[1]) == tier}


def without_figures(metadata: Mapping[str, str], tiers: int = 1000) -> dict[str, str]:
    """What metadata tell of other things than the first ``tiers`` tiers."""
    matches = {key: KEY.fullmatch(key) for key in metadata}
    return {key: text for key, text in metadata.items() if not ((match := matches[key]) and int(match[1]) < tiers)}


def rows_of(file: FrzFile, name: str) -> str | None:
    """The name of the tensor that has what tiers have instead of a raw tensor; None if they all have that."""
    rows = name + OF_TIERS
    if rows not in file:
        return None
    whole, parts = file.info(name), file.info(rows)
    fits = parts.shape == (file.tiers - 1, *whole.shape) and parts.dtype == whole.dtype
    return rows if fits and whole.coding == parts.coding == "raw" else None


def names(file: FrzFile) -> list[str]:
    """The tensors of the model: all of the file but those that have rows for others."""
    rows = {rows_of(file, name.removesuffix(OF_TIERS)) for name in file if name.removesuffix(OF_TIERS) in file}
    return [name for name in file if name not in rows]


def at_tier(file: FrzFile, name: str) -> NDArray[Any]:
    """A tensor as the tier has it at which the file was opened; a fresh array.

    Raises:
        FrzError: as for ``file[name]``.
    """
    rows = rows_of(file, name)
    if rows is None or file.tier == file.tiers - 1:
        return file[name]
    return np.array(file[rows][file.tier])
