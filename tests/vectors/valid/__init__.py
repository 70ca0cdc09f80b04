"""Files that every reader decodes, one module for each topic."""

from __future__ import annotations

from collections.abc import Iterator

from tests.vectors.entries import Vector
from tests.vectors.valid import coders, directory, elements, files, formats, names, rows, shapes, tiers


def vectors() -> Iterator[Vector]:
    """All of them, in the order of ``vectors.json``."""
    for module in (files, elements, formats, shapes, coders, tiers, rows, names, directory):
        yield from module.vectors()
