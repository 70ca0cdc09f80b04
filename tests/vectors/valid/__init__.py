"""Files that every reader decodes, one module for each topic."""

from __future__ import annotations

from collections.abc import Iterator

from tests.vectors.entries import Vector
from tests.vectors.valid import (
    bases,
    coders,
    corners,
    directory,
    elements,
    files,
    formats,
    names,
    per_tier,
    shapes,
    steps,
    tiers,
)


def vectors() -> Iterator[Vector]:
    """All of them, in the order of ``vectors.json``."""
    for module in (files, elements, formats, steps, shapes, bases, corners, coders, tiers, per_tier, names, directory):
        yield from module.vectors()
