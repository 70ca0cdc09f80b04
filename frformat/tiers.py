"""What files hold of tiers beside coefficients: raw tensors that each tier has for itself, and figures.

The raw tensor ``NAME@tiers`` has a row for each tier but the last: what the tier has in the place of the raw tensor
``NAME``, such as a layer's running average (specification, section 4.1). The metadata ``tier0.accuracy`` is by
convention a figure of tier 0 that is called ``accuracy``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from frformat.directory import Directory

KEY: Final = re.compile(r"tier(0|[1-9]\d{0,2})\.(.+)", re.DOTALL | re.ASCII)

OF_TIERS: Final = "@tiers"


def rows(directory: Directory) -> dict[str, str]:
    """Each raw tensor that tiers have for themselves, with the name of the tensor whose rows are theirs.

    A tensor that is called so but does not fit, in shape, dtype or coding, is a tensor like any other.
    """
    if directory.tiers == 1:
        return {}
    raw = {
        name: (group.dtype, shape)
        for group in directory.groups
        if group.coding == "raw"
        for name, shape in zip(group.names, group.shapes, strict=True)
    }
    return {
        name: name + OF_TIERS
        for name, (dtype, shape) in raw.items()
        if raw.get(name + OF_TIERS) == (dtype, (directory.tiers - 1, *shape))
    }


def figures(metadata: Mapping[str, str], tier: int) -> dict[str, str]:
    """The figures of one tier by name."""
    found = ((KEY.fullmatch(key), text) for key, text in metadata.items())
    return {match[2]: text for match, text in found if match and int(match[1]) == tier}


def without_figures(metadata: Mapping[str, str], tiers: int = 1000) -> dict[str, str]:
    """What metadata tell of other things than the first ``tiers`` tiers."""
    matches = {key: KEY.fullmatch(key) for key in metadata}
    return {key: text for key, text in metadata.items() if not ((match := matches[key]) and int(match[1]) < tiers)}
