"""Which code does the work of the entropy coders: compiled code, or Python and NumPy where there is none.

Both give the same bytes and the same values. With ``FRFORMAT_PURE=1`` in the environment compiled code is not used.
"""

from __future__ import annotations

import os
from contextlib import suppress
from functools import cache
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from frformat.format.coders.integers import Integers
from frformat.format.coders.tables import Tables


class Block(Protocol):
    """Values that form rows, channels and positions, on their way through the adaptive coder."""


class Writer(Protocol):
    """Writes a stream of the adaptive coder."""

    def put(self, block: Any, values: Integers) -> None:
        """Code the next values of a block."""

    def finish(self, least: int) -> bytes:
        """The stream, in at least so many bytes."""


class Reader(Protocol):
    """Reads one."""

    def take(self, block: Any, out: Integers) -> bool:
        """Decode the next values of a block into ``out``; False if the stream is malformed."""

    def finish(self) -> bool:
        """Whether the stream was well-formed and ends here."""


class Lanes(Protocol):
    """Codes the lanes of a block of the static coder.

    Attributes:
        at_once: so many lanes are best coded by one call.
    """

    @property
    def at_once(self) -> int:
        """See above."""

    def encode(self, first: int, values: Integers) -> tuple[bytes, bytes]:
        """The counts and the words of some lanes."""

    def decode(self, first: int, counts: NDArray[np.uint16], words: Any, out: Integers) -> bool:
        """Decode some lanes into ``out``; False if they are malformed."""


class Engine(Protocol):
    """What does the work."""

    @property
    def compiled(self) -> bool:
        """It is compiled code."""

    def model(self, scale: int, confidence: int) -> Any:
        """What a group teaches the adaptive coder."""

    def block(self, model: Any, rows: int, channels: int, positions: int) -> Block:
        """A block of values to be coded with a model."""

    def writer(self) -> Writer:
        """Starts a stream of the adaptive coder."""

    def reader(self, data: Any) -> Reader:
        """Starts to read one."""

    def lanes(self, tables: Tables) -> Lanes:
        """What codes the lanes of a block of the static coder."""

    def count(self, values: Integers, totals: Any, lane: int, lag: int, reach: int, classes: int) -> NDArray[np.uint32]:
        """See :func:`frformat.format.coders.pure.planning.count`."""

    def costs(self, counts: NDArray[np.uint32], classes: int, logs: NDArray[np.int64]) -> list[tuple[int, int, int]]:
        """See :func:`frformat.format.coders.pure.planning.costs`."""


class _Engine(NamedTuple):
    compiled: bool
    model: Any
    block: Any
    writer: Any
    reader: Any
    lanes: Any
    count: Any
    costs: Any


@cache
def engine() -> Engine:
    """The code in use."""
    if os.environ.get("FRFORMAT_PURE") != "1":
        with suppress(ImportError):
            from frformat.format.coders import compiled as fast

            return _Engine(True, fast.Model, fast.Block, fast.Writer, fast.Reader, fast.Lanes, fast.count, fast.costs)
    from frformat.format.coders import pure as slow

    return _Engine(False, slow.Model, slow.Block, slow.Writer, slow.Reader, slow.Lanes, slow.count, slow.costs)
