"""The memory that opening a file takes, counted before it is taken."""

from __future__ import annotations

from typing import Final

from frformat.errors import FrzError


class Ledger:
    """What is left of a memory budget.

    Args:
        budget: bytes.
        spent: those of them that are taken already.
    """

    TENSOR: Final = 320
    """Bytes that a tensor takes once parsed: name, shape, and their places in lists and dictionaries."""

    GROUP: Final = 2048
    """Bytes that a group takes beside its tensors."""

    SHAPE: Final = 128
    """Bytes of one more short list of a tensor, or of a text beside its characters."""

    def __init__(self, budget: int, spent: int = 0) -> None:
        self._budget = budget
        self._spent = spent

    def spend(self, nbytes: int) -> None:
        """Count some bytes.

        Raises:
            FrzError: ``BUDGET``.
        """
        self._spent += nbytes
        if self._spent > self._budget:
            reason = (
                f"opening takes more than the memory budget of {self._budget:,} bytes; raise it if you trust the file"
            )
            raise FrzError("BUDGET", reason)
