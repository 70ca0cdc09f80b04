"""Segments that are only in memory."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence

from frformat.format.coders import Run


class Stored(io.BytesIO):
    """Stored bytes whose checksum matches."""

    def rest(self) -> bytes:
        """All bytes that are left."""
        return self.read()


class Listed:
    """Runs that are given."""

    def __init__(self, runs: Sequence[Run]) -> None:
        self._runs = runs
        self.total = sum(run.size for run in runs)

    def __iter__(self) -> Iterator[Run]:
        return iter(self._runs)
