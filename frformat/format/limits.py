"""Limits of format version 1 (specification, section 11)."""

from typing import Final

DIRECTORY_BYTES: Final = 1 << 26
RANK: Final = 8
AXIS: Final = (1 << 31) - 1
ELEMENTS: Final = 1 << 48
KEPT: Final = (1 << 31) - 1
COLUMNS: Final = 1 << 14
GROUP_VALUES: Final = 1 << 48
SEGMENT_BYTES: Final = 1 << 48
FILE_BYTES: Final = 1 << 56
TENSORS: Final = 1 << 20
NAMES_BYTES: Final = 1 << 26
TIERS: Final = 256
FEATURES: Final = 256
NAME_BYTES: Final = 1024
DEPTH: Final = 16
SHA256_BYTES: Final = 32
DIFFERING_BYTES: Final = 4
OFFSETS: Final = (1 << RANK) - 1
STEP_CODES: Final = range(-2016, 2032)
VALUES_PER_BYTE: Final = 1 << 16
FREE_BYTES: Final = 16
ZSTD_WINDOW_LOG: Final = 23

MEMORY_BUDGET: Final = 4 << 30
"""Memory budget of a request in bytes if the caller sets none (not part of the format)."""

UNBOUNDED: Final = 1 << 62
"""A number greater than any size or count in a file."""


def least_bytes(values: int) -> int:
    """Return the smallest allowed size in bytes of an entropy-coded segment of this many values."""
    return max(0, -(-values // VALUES_PER_BYTE) - FREE_BYTES)
