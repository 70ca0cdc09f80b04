"""Select the implementation of the entropy coders: compiled code, or Python and NumPy if there is none.

Both give the same bytes and the same values. ``FRFORMAT_PURE=1`` in the environment disables the compiled code.
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
    """Values arranged in rows, channels and positions, coded block after block by the adaptive coder."""


class Writer(Protocol):
    """Writes a stream of the adaptive coder."""

    def put(self, blocks: Any, values: Integers) -> None:
        """Code the next values of blocks."""

    def finish(self, least: int) -> bytes:
        """Return the stream, with at least ``least`` bytes."""


class Reader(Protocol):
    """Reads a stream of the adaptive coder."""

    def take(self, blocks: Any, out: Integers) -> bool:
        """Decode the next values of blocks into ``out``; False if the stream is malformed."""

    def finish(self) -> bool:
        """Return whether the stream was well-formed and ends here."""


class Lanes(Protocol):
    """Codes the lanes of a block of the static coder.

    Attributes:
        at_once: number of lanes that one call should code.
    """

    @property
    def at_once(self) -> int:
        """See above."""

    def encode(self, first: int, values: Integers) -> tuple[bytes, bytes]:
        """Return the counts and the words of some lanes."""

    def decode(self, first: int, counts: NDArray[np.uint16], words: Any, out: Integers) -> bool:
        """Decode some lanes into ``out``; False if they are malformed."""


class Engine(Protocol):
    """The interface of an implementation."""

    @property
    def compiled(self) -> bool:
        """Whether it is compiled code."""

    def model(self, scale: int, confidence: int) -> Any:
        """Create the adaptive state of a group."""

    def blocks(self, model: Any, shapes: Sequence[Block]) -> Blocks:
        """Create blocks of values to be coded with a model."""

    def writer(self) -> Writer:
        """Start a stream of the adaptive coder."""

    def reader(self, data: Any) -> Reader:
        """Start to read a stream of the adaptive coder."""

    def lanes(self, tables: Tables) -> Lanes:
        """Create the coder of a static block's lanes."""

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
