"""What files hold of tiers beside coefficients: raw tensors that each tier has for itself, and figures.

The raw tensor ``NAME@tiers`` has a row for each tier but the last: what the tier has in the place of the raw tensor
``NAME``, such as a layer's running average (specification, section 4.1). By convention, the metadata ``tiers.accuracy``
are a figure of each tier that is called ``accuracy``, with a space between two.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from frformat.format.directory import Directory

OF_TIERS: Final = "@tiers"
OF_EACH: Final = "tiers."


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


def figures(metadata: Mapping[str, str], tiers: int) -> list[dict[str, str]]:
    """What metadata tell of each of so many tiers: figures by name."""
    rows = {key.removeprefix(OF_EACH): text.split(" ") for key, text in metadata.items() if _fits(key, text, tiers)}
    return [{name: row[tier] for name, row in rows.items()} for tier in range(tiers)]


def without_figures(metadata: Mapping[str, str], tiers: int) -> dict[str, str]:
    """What metadata tell of other things."""
    return {key: text for key, text in metadata.items() if not _fits(key, text, tiers)}


def as_metadata(figures: Sequence[Mapping[str, str]]) -> dict[str, str]:
    """Metadata that tell of each tier; all have the same figures, and no space in any."""
    return {OF_EACH + name: " ".join(each[name] for each in figures) for name in figures[0]}


def _fits(key: str, text: str, tiers: int) -> bool:
    return key.startswith(OF_EACH) and key != OF_EACH and text.count(" ") == tiers - 1
