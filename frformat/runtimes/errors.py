"""Exceptions for models that cannot be exported or loaded."""

from __future__ import annotations

from typing import Final

from frformat.errors import EncodeError


class ExportError(EncodeError):
    """Raised if a model cannot run on a phone without changes. The message says what to do."""


KINDS: Final = ("SKELETON_DAMAGED", "SKELETON_UNSUPPORTED", "MISMATCH", "RUNTIME_FAILED")
"""The kinds of faults of a skeleton. The loaders for Android use the same names."""


class LoadError(ValueError):
    """Raised if a skeleton cannot be loaded. The message says what to do.

    Attributes:
        kind: one of :data:`KINDS`.
    """

    def __init__(self, kind: str, problem: str) -> None:
        assert kind in KINDS, kind
        super().__init__(f"{kind}: {problem}")
        self.kind = kind
