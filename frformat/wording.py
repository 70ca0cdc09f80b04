"""Put numbers into sentences."""

from __future__ import annotations


def count(number: int, noun: str = "", plural: str = "") -> str:
    """Format a whole number with separators and, if given, its unit: ``1 byte``, ``4,524 bytes``."""
    if not noun:
        return f"{number:,}"
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def are(number: int) -> str:
    """Return the verb for this many things: ``is`` or ``are``."""
    return "is" if number == 1 else "are"
