"""Metrics of tiers in metadata: by convention, ``tiers.accuracy`` contains the metric ``accuracy`` of each tier.

Values are separated by single spaces, tier 0 first (specification, section 4).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

OF_EACH: Final = "tiers."


def metrics(metadata: Mapping[str, str], tiers: int) -> list[dict[str, str]]:
    """Return the metrics of each tier by name, from a file's metadata."""
    told = {key.removeprefix(OF_EACH): text.split(" ") for key, text in metadata.items() if _fits(key, text, tiers)}
    return [{name: row[tier] for name, row in told.items()} for tier in range(tiers)]


def without_metrics(metadata: Mapping[str, str], tiers: int) -> dict[str, str]:
    """Return the metadata without the metrics of tiers."""
    return {key: text for key, text in metadata.items() if not _fits(key, text, tiers)}


def as_metadata(rows: Sequence[Mapping[str, str]]) -> dict[str, str]:
    """Return metadata with the metrics of each tier. All tiers must have the same metrics, without spaces in values."""
    return {OF_EACH + name: " ".join(row[name] for row in rows) for name in rows[0]}


def _fits(key: str, text: str, tiers: int) -> bool:
    return key.startswith(OF_EACH) and key != OF_EACH and text.count(" ") == tiers - 1
