"""Select the implementation of the entropy coders: compiled code if it is available, or else Python and NumPy.

Both produce the same bytes and the same values. ``FRFORMAT_PURE=1`` in the environment disables the compiled code.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import suppress
from functools import cache
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from frformat.format.coders.batches import Block
from frformat.format.coders.integers import Integers
from frformat.format.coders.tables import Choice, Sums, Tables


class Blocks(Protocol):
    """Values in rows, channels and positions that the adaptive coder codes block by block."""


class Writer(Protocol):
    """Writes a stream of the adaptive coder."""

    def put(self, blocks: Any, values: Integers) -> None:
        """Encode the next values of the blocks."""

    def finish(self, least: int) -> bytes:
        """Return the stream, which has at least ``least`` bytes."""


class Reader(Protocol):
    """Reads a stream of the adaptive coder."""

    def take(self, blocks: Any, out: Integers) -> bool:
        """Decode the next values of the blocks into ``out``; return False if the stream is malformed."""

    def finish(self) -> bool:
        """Return whether the stream was well formed and has no bytes left."""


class Lanes(Protocol):
    """Encodes and decodes the lanes of a block of the static coder.

    Attributes:
        at_once: number of lanes to code per call.
    """

    @property
    def at_once(self) -> int:
        """Number of lanes to code per call."""

    def encode(self, first: int, values: Integers) -> tuple[bytes, bytes]:
        """Encode some lanes; return their counts and their words."""

    def decode(self, first: int, counts: NDArray[np.uint16], words: Any, out: Integers) -> bool:
        """Decode some lanes into ``out``; return False if they are malformed."""


class Engine(Protocol):
    """The interface of an implementation of the entropy coders."""

    @property
    def compiled(self) -> bool:
        """Whether it is compiled code."""

    def model(self, scale: int, confidence: int) -> Any:
        """Create the adaptive state of a group."""

    def blocks(self, model: Any, shapes: Sequence[Block]) -> Blocks:
        """Create blocks of values to code with a model."""

    def writer(self) -> Writer:
        """Create a writer for a stream of the adaptive coder."""

    def reader(self, data: Any) -> Reader:
        """Create a reader for a stream of the adaptive coder."""

    def lanes(self, tables: Tables) -> Lanes:
        """Create a coder for the lanes of a static block."""

    def sums(self, values: Integers, rows: Any, channels: Any, positions: Any) -> None:
        """See :func:`frformat.format.coders.pure.planning.sums`."""

    def choose(self, block: Block, found: Sums, values: Integers, starts: NDArray[np.uint64]) -> Choice:
        """See :func:`frformat.format.coders.pure.planning.choose`."""

    def count(
        self, block: Block, lane: int, choice: Choice, first: int, values: Integers, out: NDArray[np.uint64]
    ) -> None:
        """See :func:`frformat.format.coders.pure.planning.count`."""

    def scale(self, counts: NDArray[np.uint64], symbols: int) -> NDArray[np.uint16]:
        """See :func:`frformat.format.coders.pure.planning.scale`."""


class _Engine(NamedTuple):
    compiled: bool
    model: Any
    blocks: Any
    writer: Any
    reader: Any
    lanes: Any
    sums: Any
    choose: Any
    count: Any
    scale: Any


@cache
def engine() -> Engine:
    """Return the implementation in use."""
    made: Any = None
    if os.environ.get("FRFORMAT_PURE") != "1":
        with suppress(ImportError):
            from frformat.format.coders import compiled as made
    compiled = made is not None
    if not compiled:
        from frformat.format.coders import pure as made
    coders = (made.Model, made.Blocks, made.Writer, made.Reader, made.Lanes)
    return _Engine(compiled, *coders, made.sums, made.choose, made.count, made.scale)
