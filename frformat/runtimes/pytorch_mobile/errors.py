"""What cannot be exported, and why."""

from __future__ import annotations

from frformat.errors import EncodeError


class ExportError(EncodeError):
    """A model that cannot run on the phone as it is, and what to do about it."""
