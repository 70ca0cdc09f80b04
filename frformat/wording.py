"""Put numbers and lists into sentences; units of size."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

UNITS: Final = {"": 1, "B": 1, "kB": 1000, "MB": 10**6, "GB": 10**9, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}
"""Bytes of each unit of size."""


def count(number: int, noun: str = "", plural: str = "") -> str:
    """Format a whole number with separators and, if given, its unit: ``1 byte``, ``4,524 bytes``."""
    if not noun:
        return f"{number:,}"
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def are(number: int) -> str:
    """Return the verb for this many things: ``is`` or ``are``."""
    return "is" if number == 1 else "are"


def listed(texts: Sequence[str], most: int) -> str:
    """Join texts, at most ``most`` of them: ``a, b and 3 more``."""
    more = f" and {len(texts) - most:,} more" if len(texts) > most else ""
    return ", ".join(texts[:most]) + more
