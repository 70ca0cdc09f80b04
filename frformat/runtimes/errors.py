"""Exceptions for models that cannot be exported."""

from __future__ import annotations

from frformat.errors import EncodeError


class ExportError(EncodeError):
    """Raised if a model cannot run on a phone without changes. The message says what to do."""
