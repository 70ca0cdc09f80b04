"""Files that end early, at every boundary of the structure and within every part."""

from __future__ import annotations

from collections.abc import Iterator

from tests.vectors import deflate
from tests.vectors.entries import Vector, faulty
from tests.vectors.faulty.base import RAW, TIERED
from tests.vectors.frz import File


def vectors() -> Iterator[Vector]:
    data = RAW.bytes()
    head = len(RAW.head())
    for name, size in (
        ("empty-file", 0),
        ("in-magic", 2),
        ("after-magic", 4),
        ("after-version", 5),
        ("after-flags", 6),
        ("in-stored", 8),
        ("after-stored", 10),
        ("in-length", 13),
        ("after-header", 14),
        ("in-directory", 14 + (head - 18) // 2),
        ("before-directory-crc", head - 4),
        ("in-directory-crc", head - 1),
        ("after-directory", head),
        ("in-segment", head + 5),
        ("before-segment-crc", len(data) - 4),
        ("in-segment-crc", len(data) - 1),
    ):
        yield faulty(f"cut-{name}", f"ends after {size} of {len(data)} bytes", data[:size], "TRUNCATED")
    yield from _tiers()
    deflated = File(RAW.groups, deflate=deflate.dynamic)
    yield faulty("cut-in-deflated-directory", "ends within a deflated directory", deflated.head()[:60], "TRUNCATED")


def _tiers() -> Iterator[Vector]:
    data = TIERED.bytes()
    first = len(TIERED.head())
    second = first + len(TIERED.parts()[0][0])
    tier1 = second + len(TIERED.parts()[0][1])
    for name, size in (
        ("tiers-after-directory", first),
        ("between-segments", second),
        ("one-before-tier-1", tier1 - 1),
        ("in-tier-1", tier1 + 1),
        ("before-tier-1-crc", len(data) - 4),
        ("in-tier-1-crc", len(data) - 2),
    ):
        about = f"two tiers, ends after {size} bytes; the tiers end at {tier1} and {len(data)}"
        yield faulty(f"cut-{name}", about, data[:size], "TRUNCATED")
