"""What cannot be exported or loaded, and why."""

from __future__ import annotations

from typing import Final

from frformat.errors import EncodeError


class ExportError(EncodeError):
    """A model that cannot run on the phone as it is, and what to do about it."""


KINDS: Final = ("SKELETON_DAMAGED", "SKELETON_UNSUPPORTED", "MISMATCH", "RUNTIME_FAILED")
"""What can be wrong with a skeleton; loaders for Android use the same words."""


class LoadError(ValueError):
    """A skeleton that does not become a running model, and what to do about it.

    Attributes:
        kind: one of :data:`KINDS`.
    """

    def __init__(self, kind: str, problem: str) -> None:
        assert kind in KINDS, kind
        super().__init__(f"{kind}: {problem}")
        self.kind = kind
