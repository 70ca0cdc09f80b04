"""Account for the memory that opening a file takes, before it is allocated."""

from __future__ import annotations

from typing import Final

from frformat.errors import FrzError


def characters(text: str) -> int:
    """Return the number of bytes that a string's characters take: 1, 2 or 4 each, depending on the widest."""
    if text.isascii():
        return len(text)
    widest = max(text)
    return len(text) * (1 if widest <= "\xff" else 2 if widest <= "\uffff" else 4)


class Ledger:
    """The part of a memory budget that is left.

    Args:
        budget: the budget in bytes.
        spent: bytes of it that are already taken.
    """

    TENSOR: Final = 320
    """Bytes that a parsed tensor takes: its name, its shape, and its entries in lists and dictionaries."""

    GROUP: Final = 2048
    """Bytes that a group takes besides its tensors."""

    SHAPE: Final = 128
    """Bytes that each additional short list of a tensor takes; also what a string takes besides its characters."""

    def __init__(self, budget: int, spent: int = 0) -> None:
        self._budget = budget
        self._spent = spent

    def spend(self, nbytes: int) -> None:
        """Record that some bytes will be taken.

        Raises:
            FrzError: ``BUDGET``.
        """
        self._spent += nbytes
        if self._spent > self._budget:
            reason = (
                f"opening takes more than the memory budget of {self._budget:,} bytes; raise it if you trust the file"
            )
            raise FrzError("BUDGET", reason)
