"""Format numbers and lists for messages, and parse sizes."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from fractions import Fraction
from itertools import islice
from typing import Final

UNITS: Final = {"": 1, "B": 1, "kB": 1000, "MB": 10**6, "GB": 10**9, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}
"""Bytes of each unit of size."""

SIZE: Final = re.compile(r"\s*([0-9]{1,20}(?:\.[0-9]{0,20})?|\.[0-9]{1,20})\s*([A-Za-z]*)\s*")
"""Matches a number and a unit."""

AMOUNT: Final = re.compile(r"\s*(?:([0-9]{1,18})|([0-9]{1,18}(?:\.[0-9]{0,18})?|\.[0-9]{1,18})%)\s*")
"""Matches a whole number or a percentage."""

COMPARED: Final = 4096
"""Number of names that are searched for one similar to a misspelled name."""

LONGEST: Final = 256
"""Characters of the longest name for which a similar one is searched."""


def parse_size(text: str | int) -> int:
    """Return a number of bytes from a string such as ``900``, ``1.5kB`` or ``2 MiB``.

    Raises:
        ValueError: it is not a positive number with one of :data:`UNITS`.
    """
    match = SIZE.fullmatch(str(text))
    if match is None or match[2] not in UNITS or (size := int(Fraction(match[1]) * UNITS[match[2]])) < 1:
        raise ValueError(f"size {text!r}: must be a number of bytes, such as 900, 1.5kB, 2MB or 1.5KiB")
    return size


def parse_amount(text: str) -> int | float:
    """Return a whole number from a string such as ``300``, or a share as a float from one such as ``10%``.

    Raises:
        ValueError: it is neither, or a share above 100 %.
    """
    match = AMOUNT.fullmatch(text)
    amount: int | float = -1
    if match is not None:
        amount = int(match[1]) if match[2] is None else float(match[2]) / 100
    if amount < 0 or (isinstance(amount, float) and amount > 1):
        raise ValueError(f"{text!r} is neither a number of coefficients such as 100 nor a share such as 25%")
    return amount


def in_one_line(text: str) -> str:
    """Join the lines of a message: with semicolons, except where a line already ends in punctuation."""
    joined = ""
    for line in (" ".join(each.split()) for each in text.splitlines()):
        if joined and line:
            joined += " " if joined[-1] in ":;,." else "; "
        joined += line
    return joined


def count(number: int, noun: str = "", plural: str = "") -> str:
    """Format a whole number with separators and, if given, its unit: ``1 byte``, ``4,524 bytes``."""
    if not noun:
        return f"{number:,}"
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def are(number: int) -> str:
    """Return the verb for this many things: ``is`` or ``are``."""
    return "is" if number == 1 else "are"


def listed(texts: Sequence[str], most: int) -> str:
    """Join at most ``most`` of the strings: ``a, b and 3 more``."""
    more = f" and {len(texts) - most:,} more" if len(texts) > most else ""
    return ", ".join(texts[:most]) + more


def metric_text(value: float) -> str:
    """Format a metric or a loss: with four decimals, or with four digits if it is very small or very large."""
    return f"{value:.4f}" if value == 0 or 1e-3 <= abs(value) < 1e6 else f"{value:.4g}"


def clean(text: str) -> str:
    """Return ``text`` on one line, with control, bidirectional and other unprintable characters escaped."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def similar(name: str, names: Iterable[str]) -> str | None:
    """Return the one of ``names`` that looks most like a misspelled name, or None if none does."""
    import difflib  # only errors need it

    if len(name) > LONGEST:
        return None
    short = [each for each in islice(names, COMPARED) if len(each) <= LONGEST]
    return next(iter(difflib.get_close_matches(name, short, 1)), None)
