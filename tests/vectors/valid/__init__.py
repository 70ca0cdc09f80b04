"""Files that every reader decodes, one module for each topic."""

from __future__ import annotations

from collections.abc import Iterator

from tests.vectors.entries import Vector
from tests.vectors.valid import (
    adaptive,
    bases,
    coders,
    corners,
    delta,
    directory,
    elements,
    files,
    floats,
    formats,
    names,
    per_tier,
    shapes,
    static,
    steps,
    tiers,
)


def vectors() -> Iterator[Vector]:
    """Yield all valid vectors, in the order of ``vectors.json``."""
    for module in (
        files,
        elements,
        formats,
        steps,
        shapes,
        bases,
        corners,
        coders,
        adaptive,
        static,
        floats,
        tiers,
        per_tier,
        names,
        directory,
        delta,
    ):
        yield from module.vectors()
