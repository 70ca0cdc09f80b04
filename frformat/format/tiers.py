"""What metadata tell of tiers: by convention, ``tiers.accuracy`` is a figure of each tier that is called ``accuracy``.

The first tier's comes first, and there is a space between two (specification, section 4).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

OF_EACH: Final = "tiers."


def figures(metadata: Mapping[str, str], tiers: int) -> list[dict[str, str]]:
    """What metadata tell of each of so many tiers: figures by name."""
    told = {key.removeprefix(OF_EACH): text.split(" ") for key, text in metadata.items() if _fits(key, text, tiers)}
    return [{name: row[tier] for name, row in told.items()} for tier in range(tiers)]


def without_figures(metadata: Mapping[str, str], tiers: int) -> dict[str, str]:
    """What metadata tell of other things."""
    return {key: text for key, text in metadata.items() if not _fits(key, text, tiers)}


def as_metadata(figures: Sequence[Mapping[str, str]]) -> dict[str, str]:
    """Return metadata that tell of each tier; all have the same figures, and no space in any."""
    return {OF_EACH + name: " ".join(each[name] for each in figures) for name in figures[0]}


def _fits(key: str, text: str, tiers: int) -> bool:
    return key.startswith(OF_EACH) and key != OF_EACH and text.count(" ") == tiers - 1
