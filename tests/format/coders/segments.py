"""Helpers that encode and decode segments in memory."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from unittest import mock

import numpy as np

from frformat.format.coders import Coder, Run, joined
from frformat.format.coders.engine import engine

Pieces = list[tuple[Run, np.ndarray]]


class Stored(io.BytesIO):
    """Stored bytes whose checksum always matches."""

    def rest(self) -> bytes:
        """Return all remaining bytes."""
        return self.read()


class Listed:
    """Runs that are given as a list."""

    def __init__(self, runs: Sequence[Run]) -> None:
        self._runs = runs
        self.total = sum(run.size for run in runs)

    def __iter__(self) -> Iterator[Run]:
        return iter(self._runs)


def encode(coder: Coder, value_type: str, segments: Sequence[Pieces], offsets: bool = False) -> list[bytes]:
    """Return the stored bytes of each segment of a group."""
    encoder = coder.encoder(value_type, offsets)
    out = []
    for pieces in segments:
        buffer = io.BytesIO()
        encoder.encode(joined(pieces), buffer)
        out.append(buffer.getvalue())
    return out


def decode(
    coder: Coder, value_type: str, stored: Sequence[bytes], segments: Sequence[Sequence[Run]], offsets: bool = False
) -> list[np.ndarray]:
    """Return the values of each segment."""
    decoder = coder.decoder(value_type, offsets)
    return [decoder.decode(Stored(data), Listed(runs)) for data, runs in zip(stored, segments, strict=True)]


def has_compiled_code() -> bool:
    """Return whether compiled code is available."""
    with using(pure=False):
        return engine().compiled


@contextmanager
def using(*, pure: bool) -> Iterator[None]:
    """Run a test with Python and NumPy, and also with compiled code if it is available."""
    with mock.patch.dict(os.environ, {"FRFORMAT_PURE": "1" if pure else "0"}):
        engine.cache_clear()
        yield
    engine.cache_clear()
