"""Files and requests that every reader refuses with the same code, one fault in each; one module for each topic."""

from __future__ import annotations

from collections.abc import Iterator

from tests.vectors.entries import Vector
from tests.vectors.faulty import (
    bombs,
    checksums,
    contradictions,
    cuts,
    delta,
    entropy,
    fields,
    header,
    limits,
    messagepack,
    names,
    requests,
    streams,
)


def vectors() -> Iterator[Vector]:
    """Yield all faulty vectors, in the order of ``vectors.json``."""
    for module in (
        header,
        cuts,
        checksums,
        messagepack,
        fields,
        contradictions,
        names,
        limits,
        streams,
        entropy,
        bombs,
        requests,
        delta,
    ):
        yield from module.vectors()
