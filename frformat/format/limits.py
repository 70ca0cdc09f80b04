"""Limits of format version 1 (specification, section 10)."""

from typing import Final

DIRECTORY_BYTES: Final = 1 << 26
RANK: Final = 8
AXIS: Final = (1 << 31) - 1
ELEMENTS: Final = 1 << 48
KEPT: Final = (1 << 31) - 1
SEGMENT_BYTES: Final = 1 << 48
TENSORS: Final = 1 << 20
TIERS: Final = 256
FEATURES: Final = 256
NAME_BYTES: Final = 1024
DEPTH: Final = 16
RANGE_VALUES_PER_BYTE: Final = 1024
RANGE_FREE_BYTES: Final = 16
ZSTD_WINDOW_LOG: Final = 23

MEMORY_BUDGET: Final = 4 << 30
"""Bytes that a request may need if the caller names no budget (not part of the format)."""


def range_values(stored: int) -> int:
    """How many values a range-coded segment of ``stored`` bytes may hold."""
    return RANGE_VALUES_PER_BYTE * (stored + RANGE_FREE_BYTES)
